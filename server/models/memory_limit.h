// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MEMORY_LIMIT_H_
#define OCTET_SERVER_MODELS_MEMORY_LIMIT_H_

#include <cstdint>
#include <string>

namespace octet {

// The memory that this process may use, bytes: that of the machine, or the
// tightest limit of its control groups (version 1 or 2) where that is less.
// `root` is put before /proc and /sys, for tests.
int64_t ReadMemoryLimit(const std::string& root = "");

// The same, with the machine's memory given.
int64_t ReadMemoryLimit(const std::string& root, int64_t machine_bytes);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MEMORY_LIMIT_H_
