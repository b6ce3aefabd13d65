// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_WIRE_TYPE_H_
#define OCTET_SERVER_API_WIRE_TYPE_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "engine/base/dtype.h"

namespace octet {

// The inference protocol's name of a type: "FP32", "INT8".
absl::string_view WireName(DType dtype);

// The other way; nullopt for names that no model of ours can take (BYTES
// among them).
std::optional<DType> ParseWireName(absl::string_view name);

}  // namespace octet

#endif  // OCTET_SERVER_API_WIRE_TYPE_H_
