// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_INTEGER_FROM_REAL_H_
#define OCTET_ENGINE_REFERENCE_INTEGER_FROM_REAL_H_

#include <cstdint>
#include <limits>
#include <type_traits>

// From reals to integers without undefined behaviour.
namespace octet::reference {

// `value` without its fraction. What ONNX leaves open: NaN and values beyond
// int64 (beyond uint64 for T = uint64_t) become the least int64, as the
// machine's own conversion has it; the rest keeps its low bits.
template <typename T>
T IntegerFromReal(double value) {
  static_assert(std::is_integral_v<T>);
  constexpr double kTwo63 = 9223372036854775808.0;
  if (value >= -kTwo63 && value < kTwo63) {
    return static_cast<T>(static_cast<int64_t>(value));
  }
  if (std::is_same_v<T, uint64_t> && value >= kTwo63 && value < 2 * kTwo63) {
    return static_cast<T>(static_cast<uint64_t>(value));
  }
  return static_cast<T>(std::numeric_limits<int64_t>::min());
}

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_INTEGER_FROM_REAL_H_
