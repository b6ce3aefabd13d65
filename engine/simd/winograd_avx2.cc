// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx2.h"
#include "engine/simd/kernels_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

constexpr int kIn = kWinogradInput;
constexpr int kOut = kWinogradOutput;

OCTET_SIMD_INLINE __m256i Load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
OCTET_SIMD_INLINE void Store(void* p, __m256i v) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), v);
}

OCTET_SIMD_INLINE __m256i Add16(__m256i a, __m256i b) {
  return _mm256_add_epi16(a, b);
}
OCTET_SIMD_INLINE __m256i Sub16(__m256i a, __m256i b) {
  return _mm256_sub_epi16(a, b);
}
OCTET_SIMD_INLINE __m256i Add(__m256i a, __m256i b) {
  return _mm256_add_epi32(a, b);
}
OCTET_SIMD_INLINE __m256i Sub(__m256i a, __m256i b) {
  return _mm256_sub_epi32(a, b);
}

// t = BT * d along one axis, 16 channels.
OCTET_SIMD_INLINE void TransformInput(const __m256i (&d)[kIn],
                                      __m256i (&t)[kIn]) {
  const __m256i d42 = Sub16(d[4], d[2]);
  const __m256i d31 = Sub16(d[3], d[1]);
  const __m256i twice31 = Add16(d31, d31);
  const __m256i far = Sub16(d[4], _mm256_slli_epi16(d[2], 2));
  const __m256i odd = Sub16(d[3], _mm256_slli_epi16(d[1], 2));
  t[0] = Add16(_mm256_slli_epi16(Sub16(d[0], d[2]), 2), d42);
  t[1] = Add16(far, odd);
  t[2] = Sub16(far, odd);
  t[3] = Add16(d42, twice31);
  t[4] = Sub16(d42, twice31);
  t[5] = Sub16(Sub16(d[5], d[3]), Add16(twice31, twice31));
}

// o = AT * m along one axis, 8 channels.
OCTET_SIMD_INLINE void TransformOutput(const __m256i (&m)[kIn],
                                       __m256i (&o)[kOut]) {
  const __m256i s1 = Add(m[1], m[2]);
  const __m256i d1 = Sub(m[1], m[2]);
  const __m256i s3 = Add(m[3], m[4]);
  const __m256i d3 = Sub(m[3], m[4]);
  o[0] = Add(Add(m[0], s1), s3);
  o[1] = Add(d1, Add(d3, d3));
  o[2] = Add(s1, _mm256_slli_epi32(s3, 2));
  o[3] = Add(Add(d1, _mm256_slli_epi32(d3, 3)), Add(m[5], m[5]));
}

// Undoes the factor 576 = 64 * 9 of the transforms: multiplication by the
// inverse of 9 modulo 2^32, then a shift.
OCTET_SIMD_INLINE __m256i Unscale(__m256i v) {
  return _mm256_srai_epi32(_mm256_mullo_epi32(v, _mm256_set1_epi32(0x38E38E39)),
                           6);
}

template <int MR, int NV>
OCTET_SIMD_INLINE void MultiplyPoint(const int16_t* x, int64_t stride,
                                     const int16_t* w, int64_t pairs,
                                     int32_t* products) {
  __m256i acc[MR][NV];
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) acc[i][j] = _mm256_setzero_si256();
  }
  for (int64_t k = 0; k < pairs; ++k) {
    __m256i weights[NV];
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) weights[j] = Load(w + 16 * j);
    w += 16 * NV;
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i) {
      int32_t pair;
      memcpy(&pair, x + i * stride + 2 * k, sizeof(pair));
      const __m256i both = _mm256_set1_epi32(pair);
#pragma GCC unroll 2
      for (int j = 0; j < NV; ++j) {
        acc[i][j] = Add(acc[i][j], _mm256_madd_epi16(both, weights[j]));
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) {
      Store(products + (i * NV + j) * 8, acc[i][j]);
    }
  }
}

// The 16 sums of 8 channels of a tile, whose products are `stride` apart.
OCTET_SIMD_INLINE void SumTile(const int32_t* products, int64_t stride,
                               __m256i bias, __m256i* sums, int sum_stride) {
  __m256i half[kOut][kIn];
#pragma GCC unroll 6
  for (int x = 0; x < kIn; ++x) {
    __m256i m[kIn], o[kOut];
#pragma GCC unroll 6
    for (int y = 0; y < kIn; ++y)
      m[y] = Load(products + (y * kIn + x) * stride);
    TransformOutput(m, o);
#pragma GCC unroll 4
    for (int y = 0; y < kOut; ++y) half[y][x] = o[y];
  }
#pragma GCC unroll 4
  for (int y = 0; y < kOut; ++y) {
    __m256i o[kOut];
    TransformOutput(half[y], o);
#pragma GCC unroll 4
    for (int x = 0; x < kOut; ++x) {
      sums[(y * kOut + x) * sum_stride] = Add(Unscale(o[x]), bias);
    }
  }
}

template <int NV>
void FinishWinogradTile(const WinogradGroup& g, int tile) {
  __m256i sums[kOut][kOut][NV];
  const int64_t stride = int64_t{g.tiles} * NV * 8;
#pragma GCC unroll 2
  for (int j = 0; j < NV; ++j) {
    SumTile(g.products + (tile * NV + j) * 8, stride, Load(g.out.bias + 8 * j),
            &sums[0][0][j], NV);
  }
  const WinogradTarget& target = g.targets[tile];
  const int64_t element = g.out.spec->dtype == DType::kFloat32 ? 4 : 1;
  PanelOutput out = g.out;
  out.output = static_cast<uint8_t*>(out.output) + target.offset * element;
  if (out.residual != nullptr) out.residual_data += target.offset;
  for (int y = 0; y < target.rows; ++y) {
    if (target.columns == kOut) {
      FinishTile<kOut, NV>(out, 0, sums[y]);
    } else {
      for (int x = 0; x < target.columns; ++x) {
        const __m256i(&pixel)[1][NV] =
            reinterpret_cast<const __m256i(&)[1][NV]>(sums[y][x]);
        FinishTile<1, NV>(out, x, pixel);
      }
    }
    out.output = static_cast<uint8_t*>(out.output) + g.row_stride * element;
    if (out.residual != nullptr) out.residual_data += g.row_stride;
  }
}

template <int MR, int NV>
__attribute__((noinline)) void Multiply(const WinogradGroup& g) {
  for (int64_t p = 0; p < kWinogradPoints; ++p) {
    MultiplyPoint<MR, NV>(g.points + p * MR * g.channels, g.channels,
                          g.weights + p * g.pairs * 16 * NV, g.pairs,
                          g.products + p * MR * 8 * NV);
  }
}

template <int NV>
void MultiplyTiles(const WinogradGroup& g) {
  switch (g.tiles) {
    case 1:
      Multiply<1, NV>(g);
      break;
    case 2:
      Multiply<2, NV>(g);
      break;
    case 3:
      Multiply<3, NV>(g);
      break;
    case 4:
      Multiply<4, NV>(g);
      break;
    case 5:
      Multiply<5, NV>(g);
      break;
    default:
      Multiply<6, NV>(g);
  }
  for (int tile = 0; tile < g.tiles; ++tile) FinishWinogradTile<NV>(g, tile);
}

}  // namespace

void TransformPatch(const WinogradPatch& patch) {
  for (int64_t c = 0; c < patch.channels; c += 16) {
    __m256i half[kIn][kIn];
#pragma GCC unroll 6
    for (int x = 0; x < kIn; ++x) {
      __m256i d[kIn], t[kIn];
#pragma GCC unroll 6
      for (int y = 0; y < kIn; ++y) {
        d[y] = Load(patch.pixels + y * patch.row_stride +
                    x * patch.column_stride + c);
      }
      TransformInput(d, t);
#pragma GCC unroll 6
      for (int y = 0; y < kIn; ++y) half[y][x] = t[y];
    }
#pragma GCC unroll 6
    for (int y = 0; y < kIn; ++y) {
      __m256i t[kIn];
      TransformInput(half[y], t);
#pragma GCC unroll 6
      for (int x = 0; x < kIn; ++x) {
        Store(patch.points + (y * kIn + x) * patch.point_stride + c, t[x]);
      }
    }
  }
}

void MultiplyGroup(const WinogradGroup& group) {
  group.width == kPanelWidth ? MultiplyTiles<2>(group)
                             : MultiplyTiles<1>(group);
}

}  // namespace octet::simd::internal::avx2
