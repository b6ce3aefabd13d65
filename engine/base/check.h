// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_CHECK_H_
#define OCTET_ENGINE_BASE_CHECK_H_

namespace octet::internal {

// Prints `condition` with its place on standard error and aborts.
[[noreturn]] void CheckFailed(const char* condition, const char* file,
                              int line);

}  // namespace octet::internal

// Aborts unless `condition` holds. For broken invariants of ours only: what a
// caller, a file or a request can cause is an absl::Status.
#define OCTET_CHECK(condition)                                        \
  do {                                                                \
    if (!(condition)) {                                               \
      ::octet::internal::CheckFailed(#condition, __FILE__, __LINE__); \
    }                                                                 \
  } while (false)

#endif  // OCTET_ENGINE_BASE_CHECK_H_
