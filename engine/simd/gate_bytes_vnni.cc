// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx512.h"
#include "engine/simd/gate_bytes_loops.h"

namespace octet::simd::internal {
namespace {

struct GateDots512 {
  using I = __m512i;
  static constexpr int kLanes = 16;
  static constexpr int kTileRows = 4;
  static constexpr int kTilePanels = 2;
  static constexpr int kRowPanels = 4;

  static I Broadcast(const uint8_t* quad) {
    int32_t four;
    memcpy(&four, quad, sizeof(four));
    return _mm512_set1_epi32(four);
  }
  static I Load(const int8_t* weights) { return _mm512_loadu_si512(weights); }
  static I Dot(I sums, I quad, I weights) {
    return _mm512_dpbusd_epi32(sums, quad, weights);
  }
  static void Keep(I& sums) { KeepInRegister(sums); }
  static void Finish(I high, I low, const int32_t* offsets,
                     const float* weight_scales, float x_scale, float* y) {
    const __m512 sum = _mm512_fmadd_ps(
        _mm512_cvtepi32_ps(_mm512_sub_epi32(high, _mm512_loadu_si512(offsets))),
        _mm512_set1_ps(256), _mm512_cvtepi32_ps(low));
    const __m512 scale =
        _mm512_mul_ps(_mm512_set1_ps(x_scale), _mm512_loadu_ps(weight_scales));
    _mm512_storeu_ps(y, _mm512_fmadd_ps(sum, scale, _mm512_loadu_ps(y)));
  }
};

}  // namespace

constexpr ByteGateKernels kVnniByteGates = {RoundGateRows,
                                            MultiplyGateBytes<GateDots512>};

}  // namespace octet::simd::internal
