// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>

#include "engine/simd/byte_product.h"
#include "engine/simd/epilogue_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

// One 16-byte pixel after the other: what StoreTile() takes.
constexpr int64_t kGroup = 16;

// Products of whole numbers below 2^24 are exact in floats.
template <int kPixels>
OCTET_SIMD_INLINE void MultiplyGroups(const ByteProductTask& task,
                                      const PanelOutput& out, int64_t i) {
  ResidualSpec a_spec;
  a_spec.type = task.params->a;
  ResidualSpec b_spec;
  b_spec.type = task.params->b;
  const ResidualReader a_reader(a_spec);  // times 1: exact
  const ResidualReader b_reader(b_spec);
  const __m256 m = _mm256_set1_ps(task.params->multiplier);
  const __m256 zero = _mm256_setzero_ps();
  const auto value = [&](int k, __m256(&v)[2]) __attribute__((always_inline)) {
    __m256 a[2];
    __m256 b[2];
    a_reader.Read16(task.a + i + k * kGroup, out.channels, a);
    b_reader.Read16(task.b + i + k * kGroup, out.channels, b);
    for (int j = 0; j < 2; ++j) {
      // Plus 0: a whole number has no -0.
      const __m256 product = _mm256_add_ps(_mm256_mul_ps(a[j], b[j]), zero);
      v[j] = _mm256_mul_ps(product, m);
    }
  };
  StoreTile<kPixels, 2>(out, i / kGroup, value);
}

}  // namespace

void MultiplyBytes(const ByteProductTask& task) {
  PanelOutput out;
  out.spec = &task.params->output;
  out.output = task.out;
  out.stride = kGroup;
  out.channels = kGroup;
  int64_t i = 0;
  for (; i + 2 * kGroup <= task.count; i += 2 * kGroup) {
    MultiplyGroups<2>(task, out, i);
  }
  for (; i < task.count; i += kGroup) {
    const int64_t left = task.count - i;
    out.channels = static_cast<int>(left < kGroup ? left : kGroup);
    MultiplyGroups<1>(task, out, i);
  }
}

}  // namespace octet::simd::internal::avx2
