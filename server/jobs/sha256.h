// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_SHA256_H_
#define OCTET_SERVER_JOBS_SHA256_H_

#include <string>

#include "absl/strings/string_view.h"

namespace octet {

// The SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
std::string Sha256(absl::string_view bytes);

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_SHA256_H_
