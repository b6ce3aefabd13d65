// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_LOOK_UP_H_
#define OCTET_ENGINE_SIMD_LOOK_UP_H_

#include <array>
#include <cstdint>

#include "engine/simd/cpu_features.h"

// Functions of one byte, told by their 256 values. Without byte permutations
// over whole tables (AVX-512 VBMI), vectors look up in pieces of the table and
// put the results together; look_up_avx2.cc and look_up_avx512.cc say how.
namespace octet::simd {

namespace internal {

// A table as the kernels of an instruction set want it.
struct ByteTable {
  // Plain: entry i for byte i.
  alignas(64) uint8_t values[256];
  // Entry i is values[i] ^ values[i - 16] but for the first 16 of each half,
  // which are as they are.
  alignas(64) uint8_t steps[256];
};

// y[i] = table.values[x[i]] for i < n; y may be x.
using ByteLookUp = void (*)(const ByteTable& table, const uint8_t* x,
                            uint8_t* y, int64_t n);

namespace portable {
void LookUpBytes(const ByteTable& table, const uint8_t* x, uint8_t* y,
                 int64_t n);
}  // namespace portable
namespace avx2 {
void LookUpBytes(const ByteTable& table, const uint8_t* x, uint8_t* y,
                 int64_t n);
}  // namespace avx2
namespace avx512 {
void LookUpBytes(const ByteTable& table, const uint8_t* x, uint8_t* y,
                 int64_t n);
}  // namespace avx512

}  // namespace internal

// Bytes to bytes. Immutable and thread-safe; buffers need no alignment.
class ByteFunction {
 public:
  // `isa` must not be above ActiveIsa().
  explicit ByteFunction(const std::array<uint8_t, 256>& values,
                        Isa isa = ActiveIsa());

  // y[i] = values[x[i]] for i in [begin, end); y may be x.
  void Run(const void* x, void* y, int64_t begin, int64_t end) const;

 private:
  internal::ByteTable table_;
  internal::ByteLookUp look_up_;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_LOOK_UP_H_
