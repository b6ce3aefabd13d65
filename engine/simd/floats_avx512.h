// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOATS_AVX512_H_
#define OCTET_ENGINE_SIMD_FLOATS_AVX512_H_

#include <immintrin.h>

#include <cstdint>

#include "engine/simd/float_math.h"

// Sixteen floats at a time, for *_avx512.cc alone: lane by lane what
// floats_avx2.h computes, bit by bit. See float_math.h for what the functions
// are.
namespace octet::simd::internal {
namespace {

struct Avx512Floats {
  typedef float F __attribute__((vector_size(64)));
  typedef int32_t I __attribute__((vector_size(64)));
  static constexpr int kLanes = 16;
  // Half as many doubles.
  typedef double D __attribute__((vector_size(64)));
  typedef int64_t L __attribute__((vector_size(64)));
  static constexpr int kDoubles = 8;

  OCTET_FLOAT_INLINE static __mmask16 First(int64_t n) {
    return static_cast<__mmask16>((1u << n) - 1);
  }
  OCTET_FLOAT_INLINE static F Load(const float* p) {
    return _mm512_loadu_ps(p);
  }
  OCTET_FLOAT_INLINE static F LoadPart(const float* p, int64_t n) {
    return _mm512_maskz_loadu_ps(First(n), p);
  }
  OCTET_FLOAT_INLINE static F LoadLanes(const float* p, int64_t begin,
                                        int64_t end) {
    return _mm512_maskz_loadu_ps(First(end) & ~First(begin), p);
  }
  OCTET_FLOAT_INLINE static void Store(F v, float* p) {
    _mm512_storeu_ps(p, v);
  }
  OCTET_FLOAT_INLINE static void StorePart(F v, float* p, int64_t n) {
    _mm512_mask_storeu_ps(p, First(n), v);
  }
  OCTET_FLOAT_INLINE static F MulAdd(F a, F b, F c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  OCTET_FLOAT_INLINE static F MulAddOnce(F a, F b, F c) {
    return _mm512_fmadd_ps(a, b, c);
  }
  OCTET_FLOAT_INLINE static F Sqrt(F v) { return _mm512_sqrt_ps(v); }
  OCTET_FLOAT_INLINE static F Round(F v) {
    return _mm512_roundscale_ps(v,
                                _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  OCTET_FLOAT_INLINE static F Floor(F v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  }
  OCTET_FLOAT_INLINE static F Ceil(F v) {
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
  }
  // kDoubles floats.
  OCTET_FLOAT_INLINE static D LoadDoubles(const float* p) {
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
  }
  // REQUIRES: whole numbers that fit.
  OCTET_FLOAT_INLINE static I ToInt(F v) {
    return reinterpret_cast<I>(_mm512_cvtps_epi32(v));
  }
  OCTET_FLOAT_INLINE static F FromInt(I v) {
    return _mm512_cvtepi32_ps(reinterpret_cast<__m512i>(v));
  }
};

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOATS_AVX512_H_
