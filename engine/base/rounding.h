// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_ROUNDING_H_
#define OCTET_ENGINE_BASE_ROUNDING_H_

#include <cstdint>

namespace octet {

// The least integer >= a / b. REQUIRES: a >= 0, b > 0, a + b fits int64.
constexpr int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_ROUNDING_H_
