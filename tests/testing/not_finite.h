// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_NOT_FINITE_H_
#define OCTET_TESTS_TESTING_NOT_FINITE_H_

#include <limits>

namespace octet {

// What many tests feed to show that it is refused, kept or clamped.
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_NOT_FINITE_H_
