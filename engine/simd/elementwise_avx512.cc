// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>

#include "engine/simd/epilogue_avx512.h"
#include "engine/simd/interleave_planes.h"
#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal::avx512 {
namespace {

constexpr int64_t kGroup = 64;  // elements of an iteration

OutputSpec FullRange(const ByteType& type) {
  OutputSpec spec;
  spec.dtype = type.dtype;
  spec.zero_point = type.zero_point;
  spec.lo = type.dtype == DType::kInt8 ? -128 : 0;
  spec.hi = type.dtype == DType::kInt8 ? 127 : 255;
  return spec;
}

// What Sum() does to a group of elements.
struct Adder {
  ByteReader a;
  ByteReader b;
  __m512 a_multiplier;
  __m512 b_multiplier;
  QuadRounder rounder;
  __m512 lower;
  __m512 upper;

  explicit Adder(const SumTask& task)
      : a(task.a_type),
        b(task.b_spec.type),
        a_multiplier(_mm512_set1_ps(task.multiplier)),
        b_multiplier(_mm512_set1_ps(task.b_spec.multiplier)),
        rounder(task.output),
        lower(_mm512_set1_ps(task.output.lower)),
        upper(_mm512_set1_ps(task.output.upper)) {}

  OCTET_SIMD_INLINE void Scale(__m512i x, __m512 (&v)[4]) const {
    a.Read(x, v);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) v[i] = _mm512_mul_ps(v[i], a_multiplier);
  }
  OCTET_SIMD_INLINE void Add(__m512i x, __m512i y, __m512 (&v)[4]) const {
    __m512 r[4];
    a.Read(x, v);
    b.Read(y, r);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm512_fmadd_ps(v[i], a_multiplier,
                             _mm512_mul_ps(r[i], b_multiplier));
    }
  }
  // `n` elements, of `v` in position order.
  OCTET_SIMD_INLINE void Store(const __m512 (&v)[4], const SumTask& task,
                               int64_t i, int64_t n) const {
    if (task.output.dtype != DType::kFloat32) {
      _mm512_mask_storeu_epi8(static_cast<uint8_t*>(task.out) + i,
                              FirstBytes(n), rounder.Pack(v));
      return;
    }
    __m512 sorted[4];
    GroupOrder<1>::Sort(v, sorted);
    float* to = static_cast<float*>(task.out) + i;
    for (int k = 0; k < 4; ++k) {
      const auto mask = static_cast<__mmask16>(FirstBytes(n) >> (16 * k));
      _mm512_mask_storeu_ps(
          to + 16 * k, mask,
          _mm512_min_ps(_mm512_max_ps(sorted[k], lower), upper));
    }
  }
};

// The shuffle that leaves the bytes of one plane of three where they belong in
// part `part` (of 3) of 16 pixels, and zeros elsewhere.
OCTET_SIMD_INLINE __m512i PlaneOrder(int plane, int part) {
  alignas(16) int8_t order[16];
  for (int i = 0; i < 16; ++i) {
    const int at = 16 * part + i;
    order[i] = static_cast<int8_t>(at % 3 == plane ? at / 3 : -1);
  }
  return _mm512_broadcast_i32x4(
      _mm_load_si128(reinterpret_cast<const __m128i*>(order)));
}

// 64 pixels of three planes to 192 bytes.
OCTET_SIMD_INLINE void InterleaveColours(const __m512i (&planes)[3],
                                         uint8_t* dst) {
  __m512i parts[3];
#pragma GCC unroll 3
  for (int part = 0; part < 3; ++part) {
    parts[part] = _mm512_or_si512(
        _mm512_or_si512(_mm512_shuffle_epi8(planes[0], PlaneOrder(0, part)),
                        _mm512_shuffle_epi8(planes[1], PlaneOrder(1, part))),
        _mm512_shuffle_epi8(planes[2], PlaneOrder(2, part)));
  }
#pragma GCC unroll 3
  for (int part = 0; part < 3; ++part) {
    const auto store = [&](int lane, __m128i bytes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + 48 * lane + 16 * part),
                       bytes);
    };
    store(0, _mm512_castsi512_si128(parts[part]));
    store(1, _mm512_extracti32x4_epi32(parts[part], 1));
    store(2, _mm512_extracti32x4_epi32(parts[part], 2));
    store(3, _mm512_extracti32x4_epi32(parts[part], 3));
  }
}

// Divides exactly, by multiplications. The quotient of `near`, within less than
// a unit in the last place, is corrected by its remainder: as the reciprocal is
// the nearest float, the result is the nearest too (Markstein, "Computation of
// elementary functions on the IBM RISC System/6000 processor", 1990, theorem
// for division). Where the quotient is less than 1/4, or beyond all bytes, it
// need only stay there.
struct Divider {
  static constexpr int64_t kPixels = kGroup;

  __m512 scale;
  __m512 reciprocal;
  __m512 reciprocal_rest;  // what `reciprocal` lacks
  __m512 limit;            // of |x|, whose quotient leaves every 8-bit type
  QuadRounder rounder;
  bool multiplies;

  explicit Divider(const QuantizeTask& task)
      : scale(_mm512_set1_ps(task.scale)), rounder(FullRange(task.type)) {
    // Remainders must not underflow.
    constexpr float kSmallest = 0x1p-60f;
    constexpr float kLargest = 0x1p60f;
    multiplies = task.scale >= kSmallest && task.scale <= kLargest;
    const float inverse = 1.0f / task.scale;
    reciprocal = _mm512_set1_ps(inverse);
    reciprocal_rest = _mm512_mul_ps(
        _mm512_fnmadd_ps(reciprocal, scale, _mm512_set1_ps(1.0f)), reciprocal);
    limit = _mm512_set1_ps(multiplies ? task.scale * 0x1p20f : 0x1p20f);
  }

  // Lanes of `x` that are no NaN, and 0.
  OCTET_SIMD_INLINE static __mmask16 IsNumber(__m512 x) {
    return _mm512_cmp_ps_mask(x, x, _CMP_ORD_Q);
  }
  // The sign of `x` and the smaller magnitude.
  OCTET_SIMD_INLINE __m512 Bound(__m512 x) const {
    return _mm512_maskz_range_ps(IsNumber(x), x, limit, 0b0010);
  }
  OCTET_SIMD_INLINE __m512 Divide(__m512 x) const {
    if (!multiplies) return Bound(_mm512_div_ps(x, scale));
    const __m512 bounded = Bound(x);
    const __m512 near = _mm512_fmadd_ps(
        bounded, reciprocal, _mm512_mul_ps(bounded, reciprocal_rest));
    const __m512 remainder = _mm512_fnmadd_ps(near, scale, bounded);
    return _mm512_fmadd_ps(remainder, reciprocal, near);
  }
  // The bytes of the first `n` of 64 floats, after `prepare`.
  template <typename Prepare>
  OCTET_SIMD_INLINE __m512i Quantize(const float* x, const Prepare& prepare,
                                     int64_t n = kPixels) const {
    __m512 v[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const auto mask = static_cast<__mmask16>(FirstBytes(n) >> (16 * i));
      v[i] = Divide(prepare(_mm512_maskz_loadu_ps(mask, x + 16 * i)));
    }
    return GroupOrder<4>::ToMemory(rounder.Pack(v));
  }
  template <typename Prepare>
  OCTET_SIMD_INLINE void QuantizePart(const float* x, int64_t n,
                                      const Prepare& prepare,
                                      uint8_t* q) const {
    _mm512_mask_storeu_epi8(q, FirstBytes(n), Quantize(x, prepare, n));
  }
  OCTET_SIMD_INLINE static void Interleave3(__m512i a, __m512i b, __m512i c,
                                            uint8_t* dst) {
    InterleaveColours({a, b, c}, dst);
  }
};

struct AsItIs {
  OCTET_SIMD_INLINE __m512 operator()(__m512 x) const { return x; }
};

// What a plane of QuantizePlanes() becomes first.
struct Normalized {
  __m512 mean;
  __m512 factor;

  Normalized(const QuantizeTask& task, int64_t channel)
      : mean(_mm512_set1_ps(task.mean[channel])),
        factor(_mm512_set1_ps(task.factor[channel])) {}
  OCTET_SIMD_INLINE __m512 operator()(__m512 x) const {
    return _mm512_mul_ps(_mm512_sub_ps(x, mean), factor);
  }
};

}  // namespace

void Sum(const SumTask& task) {
  const Adder adder(task);
  for (int64_t i = 0; i < task.count; i += kGroup) {
    const int64_t left = task.count - i;
    const int64_t n = left < kGroup ? left : kGroup;
    const __mmask64 mask = FirstBytes(n);
    __m512 v[4];
    const __m512i a = _mm512_maskz_loadu_epi8(mask, task.a + i);
    if (task.b == nullptr) {
      adder.Scale(a, v);
    } else {
      adder.Add(a, _mm512_maskz_loadu_epi8(mask, task.b + i), v);
    }
    adder.Store(v, task, i, n);
  }
}

void Quantize(const QuantizeTask& task, const float* src, uint8_t* dst) {
  const Divider divider(task);
  int64_t i = 0;
  for (; i + kGroup <= task.count; i += kGroup) {
    _mm512_storeu_si512(dst + i, divider.Quantize(src + i, AsItIs()));
  }
  if (i < task.count) {
    divider.QuantizePart(src + i, task.count - i, AsItIs(), dst + i);
  }
}

void Dequantize(const QuantizeTask& task, const uint8_t* src, float* dst) {
  const bool is_signed = task.type.dtype == DType::kInt8;
  const __m512 scale = _mm512_set1_ps(task.scale);
  const __m512i zero = _mm512_set1_epi32(task.type.zero_point);
  for (int64_t i = 0; i < task.count; i += 16) {
    const int64_t left = task.count - i;
    const auto mask = static_cast<__mmask16>(FirstBytes(left));
    const __m128i bytes = _mm_maskz_loadu_epi8(mask, src + i);
    const __m512i q =
        is_signed ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes);
    _mm512_mask_storeu_ps(
        dst + i, mask,
        _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(q, zero)), scale));
  }
}

void QuantizePlanes(const QuantizeTask& task, const float* src,
                    int64_t plane_stride, int64_t channels, uint8_t* dst) {
  if (task.factor != nullptr) {
    InterleavePlanes<Divider>(task, src, plane_stride, channels, dst,
                              [&](int64_t c) { return Normalized(task, c); });
  } else if (channels == 1) {
    Quantize(task, src, dst);
  } else {
    InterleavePlanes<Divider>(task, src, plane_stride, channels, dst,
                              [](int64_t /*c*/) { return AsItIs(); });
  }
}

}  // namespace octet::simd::internal::avx512
