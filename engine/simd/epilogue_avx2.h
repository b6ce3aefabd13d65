// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_EPILOGUE_AVX2_H_
#define OCTET_ENGINE_SIMD_EPILOGUE_AVX2_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/kernels.h"

// The steps from 32-bit sums to stored results, shared by the *_avx2.cc files
// and included by nothing else. Everything is in an unnamed namespace on
// purpose: code compiled for AVX2 must not become the copy of an inline
// function that the linker keeps for the rest of the program. For the same
// reason these files call no function templates of the standard library.
//
// Clamps are applied to bytes: with integer bounds this equals clamping before
// rounding, because rounding is monotonic. What is rounded must lie within
// int32, which Create() of every operator sees to (FitsRounding()).
namespace octet::simd::internal {
namespace {

#define OCTET_SIMD_INLINE inline __attribute__((always_inline))

// Turns scaled values into bytes: two vectors of 8 values at a time.
struct ByteRounder {
  __m256i zero;  // 16 x s16
  __m256i low;   // 32 x 8 bit
  __m256i high;  // 32 x 8 bit
  bool is_signed;

  explicit ByteRounder(const OutputSpec& spec)
      : zero(_mm256_set1_epi16(static_cast<int16_t>(spec.zero_point))),
        low(_mm256_set1_epi8(static_cast<char>(spec.lo))),
        high(_mm256_set1_epi8(static_cast<char>(spec.hi))),
        is_signed(spec.dtype == DType::kInt8) {}

  // Lane-wise [a.low, b.low | a.high, b.high] as s16, zero point added.
  OCTET_SIMD_INLINE __m256i Round(__m256 a, __m256 b) const {
    return _mm256_adds_epi16(
        _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b)), zero);
  }

  // Lane-wise [a.low, b.low | a.high, b.high] as bytes, clamped.
  OCTET_SIMD_INLINE __m256i Pack(__m256i a, __m256i b) const {
    if (is_signed) {
      return _mm256_min_epi8(_mm256_max_epi8(_mm256_packs_epi16(a, b), low),
                             high);
    }
    return _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(a, b), low),
                           high);
  }
};

// The first `n` (1 to 16) bytes at `p`; the rest is unspecified.
OCTET_SIMD_INLINE __m128i LoadBytes(const uint8_t* p, int n) {
  if (n == 16) return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  alignas(16) uint8_t copy[16] = {};
  memcpy(copy, p, n);
  return _mm_load_si128(reinterpret_cast<const __m128i*>(copy));
}

OCTET_SIMD_INLINE void StoreBytes(uint8_t* p, __m128i v, int n) {
  if (n == 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v);
  } else if (n == 8) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), v);
  } else {
    alignas(16) uint8_t copy[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(copy), v);
    memcpy(p, copy, n);
  }
}

OCTET_SIMD_INLINE void StoreFloats(float* p, __m256 v, int n) {
  if (n >= 8) {
    _mm256_storeu_ps(p, v);
  } else if (n > 0) {
    alignas(32) float copy[8];
    _mm256_store_ps(copy, v);
    memcpy(p, copy, n * sizeof(float));
  }
}

OCTET_SIMD_INLINE __m256i WidenBytes(__m128i v, bool is_signed) {
  return is_signed ? _mm256_cvtepi8_epi16(v) : _mm256_cvtepu8_epi16(v);
}

// The residual of one pixel, (rq - rz) * rm, in two vectors of 8: in position
// order of a panel of 16, or, of a panel of 8, all in the first.
struct ResidualReader {
  __m256i zero;
  __m256 multiplier;
  bool is_signed;

  explicit ResidualReader(const ResidualSpec& spec)
      : zero(_mm256_set1_epi16(static_cast<int16_t>(spec.type.zero_point))),
        multiplier(_mm256_set1_ps(spec.multiplier)),
        is_signed(spec.type.dtype == DType::kInt8) {}

  OCTET_SIMD_INLINE __m256 Scale(__m256i v) const {
    return _mm256_mul_ps(_mm256_cvtepi32_ps(v), multiplier);
  }

  OCTET_SIMD_INLINE void Read16(const uint8_t* p, int n, __m256 (&r)[2]) const {
    const __m256i x =
        _mm256_sub_epi16(WidenBytes(LoadBytes(p, n), is_signed), zero);
    // Into the high halves, then down with the sign.
    const __m256i none = _mm256_setzero_si256();
    r[0] = Scale(_mm256_srai_epi32(_mm256_unpacklo_epi16(none, x), 16));
    r[1] = Scale(_mm256_srai_epi32(_mm256_unpackhi_epi16(none, x), 16));
  }

  OCTET_SIMD_INLINE void Read8(const uint8_t* p, int n, __m256 (&r)[1]) const {
    const __m256i x =
        _mm256_sub_epi16(WidenBytes(LoadBytes(p, n), is_signed), zero);
    r[0] = Scale(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(x)));
  }
};

// The functions below store MR pixels of NV vectors (NV 2: a panel of 16 in
// position order; NV 1: a panel of 8), the first of which is `pixel`.
// value(i, v) sets the NV vectors v of pixel i: called once for each, just
// before they are stored, so that sums stay in registers until then.

template <int MR, int NV, typename Value>
OCTET_SIMD_INLINE void StoreFloatTile(const PanelOutput& out, int64_t pixel,
                                      const Value& value) {
  const __m256 lower = _mm256_set1_ps(out.spec->lower);
  const __m256 upper = _mm256_set1_ps(out.spec->upper);
  const int64_t stride = out.stride;
  float* p = static_cast<float*>(out.output) + pixel * stride;
#pragma GCC unroll 8
  for (int i = 0; i < MR; ++i, p += stride) {
    __m256 v[NV];
    value(i, v);
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) {
      v[j] = _mm256_min_ps(_mm256_max_ps(v[j], lower), upper);
    }
    if constexpr (NV == 2) {
      StoreFloats(p, _mm256_permute2f128_ps(v[0], v[1], 0x20), out.channels);
      StoreFloats(p + 8, _mm256_permute2f128_ps(v[0], v[1], 0x31),
                  out.channels - 8);
    } else {
      StoreFloats(p, v[0], out.channels);
    }
  }
}

// Rounded to bytes, `channels` (constant 8 * NV where it matters) of each
// pixel; two pixels at a time fill a vector.
template <int MR, int NV, typename Value>
OCTET_SIMD_INLINE void StoreByteTile(const PanelOutput& out, int64_t pixel,
                                     int channels, const Value& value) {
  const ByteRounder rounder(*out.spec);
  // Read once: for all the compiler knows, a store of bytes could change it.
  const int64_t stride = out.stride;
  uint8_t* p = static_cast<uint8_t*>(out.output) + pixel * stride;
#pragma GCC unroll 8
  for (int i = 0; i < MR; i += 2) {
    const bool has_second = i + 1 < MR;
    __m256 v[NV], w[NV];
    value(i, v);
    if (has_second) {
      value(i + 1, w);
    } else {
#pragma GCC unroll 2
      for (int j = 0; j < NV; ++j) w[j] = v[j];
    }
    __m128i first, second;
    if constexpr (NV == 2) {
      const __m256i bytes = _mm256_permute4x64_epi64(
          rounder.Pack(rounder.Round(v[0], v[1]), rounder.Round(w[0], w[1])),
          0xD8);
      first = _mm256_castsi256_si128(bytes);
      second = _mm256_extracti128_si256(bytes, 1);
    } else {
      const __m256i rounded = rounder.Round(v[0], w[0]);
      const __m256i bytes = _mm256_permutevar8x32_epi32(
          rounder.Pack(rounded, rounded),
          _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5));
      first = _mm256_castsi256_si128(bytes);
      second = _mm_srli_si128(first, 8);
    }
    StoreBytes(p, first, channels);
    if (has_second) StoreBytes(p + stride, second, channels);
    p += 2 * stride;
  }
}

template <int MR, int NV, typename Value>
OCTET_SIMD_INLINE void StoreTile(const PanelOutput& out, int64_t pixel,
                                 const Value& value) {
  if (out.spec->dtype == DType::kFloat32) {
    StoreFloatTile<MR, NV>(out, pixel, value);
  } else if (out.channels == 8 * NV) {
    StoreByteTile<MR, NV>(out, pixel, 8 * NV, value);
  } else {
    StoreByteTile<MR, NV>(out, pixel, out.channels, value);
  }
}

// Scales sums: what FinishTile() stores of pixel i, without a residual.
template <int MR, int NV>
struct ScaledSums {
  const __m256i (&acc)[MR][NV];
  __m256 m[NV];

  OCTET_SIMD_INLINE ScaledSums(const PanelOutput& out,
                               const __m256i (&sums)[MR][NV])
      : acc(sums) {
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) {
      m[j] = _mm256_loadu_ps(out.multiplier + 8 * j);
    }
  }
  OCTET_SIMD_INLINE void operator()(int i, __m256 (&v)[NV]) const {
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) {
      v[j] = _mm256_mul_ps(_mm256_cvtepi32_ps(acc[i][j]), m[j]);
    }
  }
};

// The same with a residual of `channels` channels.
template <int MR, int NV>
struct AddedSums {
  ScaledSums<MR, NV> sums;
  ResidualReader reader;
  const uint8_t* residual;
  int64_t stride;
  int channels;

  OCTET_SIMD_INLINE AddedSums(const PanelOutput& out, int64_t pixel,
                              int valid_channels, const __m256i (&acc)[MR][NV])
      : sums(out, acc),
        reader(*out.residual),
        residual(out.residual_data + pixel * out.stride),
        stride(out.stride),
        channels(valid_channels) {}
  OCTET_SIMD_INLINE void operator()(int i, __m256 (&v)[NV]) const {
    __m256 r[NV];
    if constexpr (NV == 2) {
      reader.Read16(residual + i * stride, channels, r);
    } else {
      reader.Read8(residual + i * stride, channels, r);
    }
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) {
      v[j] =
          _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums.acc[i][j]), sums.m[j], r[j]);
    }
  }
};

// FinishTile() of what is rare, float outputs and panels that are not full:
// one copy of the code for all tile heights.
template <int NV>
__attribute__((noinline)) void FinishPixels(const PanelOutput& out,
                                            int64_t pixel,
                                            const __m256i (*acc)[NV],
                                            int pixels) {
  for (int i = 0; i < pixels; ++i, ++pixel) {
    __m256i sums[1][NV];
#pragma GCC unroll 2
    for (int j = 0; j < NV; ++j) sums[0][j] = acc[i][j];
    if (out.residual == nullptr) {
      StoreTile<1, NV>(out, pixel, ScaledSums<1, NV>(out, sums));
    } else {
      StoreTile<1, NV>(out, pixel,
                       AddedSums<1, NV>(out, pixel, out.channels, sums));
    }
  }
}

// Scales, rounds and stores the sums of a tile.
template <int MR, int NV>
OCTET_SIMD_INLINE void FinishTile(const PanelOutput& out, int64_t pixel,
                                  const __m256i (&acc)[MR][NV]) {
  constexpr int kChannels = 8 * NV;
  if (out.channels != kChannels || out.spec->dtype == DType::kFloat32) {
    // A copy, so that the sums themselves need no address.
    __m256i copy[MR][NV];
#pragma GCC unroll 8
    for (int i = 0; i < MR; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < NV; ++j) copy[i][j] = acc[i][j];
    }
    FinishPixels<NV>(out, pixel, copy, MR);
  } else if (out.residual == nullptr) {
    StoreByteTile<MR, NV>(out, pixel, kChannels, ScaledSums<MR, NV>(out, acc));
  } else {
    StoreByteTile<MR, NV>(out, pixel, kChannels,
                          AddedSums<MR, NV>(out, pixel, kChannels, acc));
  }
}

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_EPILOGUE_AVX2_H_
