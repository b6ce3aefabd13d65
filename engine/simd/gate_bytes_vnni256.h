// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_GATE_BYTES_VNNI256_H_
#define OCTET_ENGINE_SIMD_GATE_BYTES_VNNI256_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_vnni256.h"
#include "engine/simd/gate_bytes_loops.h"

// Included by the files of quads_vnni256.h alone.
namespace octet::simd::internal {
namespace {

struct GateDots256 {
  using I = __m256i;
  static constexpr int kLanes = 8;
  static constexpr int kTileRows = 2;
  static constexpr int kTilePanels = 1;
  static constexpr int kRowPanels = 2;

  static I Broadcast(const uint8_t* quad) {
    int32_t four;
    memcpy(&four, quad, sizeof(four));
    return _mm256_set1_epi32(four);
  }
  static I Load(const int8_t* weights) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(weights));
  }
  static I Dot(I sums, I quad, I weights) {
    return _mm256_dpbusd_epi32(sums, quad, weights);
  }
  static void Keep(I& sums) { KeepInRegister(sums); }
  static void Finish(I high, I low, const int32_t* offsets,
                     const float* weight_scales, float x_scale, float* y) {
    const I offset =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(offsets));
    const __m256 sum =
        _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(high, offset)),
                        _mm256_set1_ps(256), _mm256_cvtepi32_ps(low));
    const __m256 scale =
        _mm256_mul_ps(_mm256_set1_ps(x_scale), _mm256_loadu_ps(weight_scales));
    _mm256_storeu_ps(y, _mm256_fmadd_ps(sum, scale, _mm256_loadu_ps(y)));
  }
};

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_GATE_BYTES_VNNI256_H_
