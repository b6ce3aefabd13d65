// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOATS_AVX2_H_
#define OCTET_ENGINE_SIMD_FLOATS_AVX2_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/float_math.h"

// Eight floats at a time, for *_avx2.cc alone. See float_math.h for what the
// functions are.
namespace octet::simd::internal {
namespace {

struct Avx2Floats {
  typedef float F __attribute__((vector_size(32)));
  typedef int32_t I __attribute__((vector_size(32)));
  static constexpr int kLanes = 8;
  // Half as many doubles.
  typedef double D __attribute__((vector_size(32)));
  typedef int64_t L __attribute__((vector_size(32)));
  static constexpr int kDoubles = 4;

  OCTET_FLOAT_INLINE static F Load(const float* p) {
    return _mm256_loadu_ps(p);
  }
  OCTET_FLOAT_INLINE static F LoadPart(const float* p, int64_t n) {
    F v = {};
    memcpy(&v, p, n * sizeof(float));
    return v;
  }
  OCTET_FLOAT_INLINE static F LoadLanes(const float* p, int64_t begin,
                                        int64_t end) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const auto bound = [](int64_t n) __attribute__((always_inline)) {
      return _mm256_set1_epi32(static_cast<int>(n));
    };
    return _mm256_maskload_ps(
        p, _mm256_andnot_si256(_mm256_cmpgt_epi32(bound(begin), lane),
                               _mm256_cmpgt_epi32(bound(end), lane)));
  }
  OCTET_FLOAT_INLINE static void Store(F v, float* p) {
    _mm256_storeu_ps(p, v);
  }
  OCTET_FLOAT_INLINE static void StorePart(F v, float* p, int64_t n) {
    memcpy(p, &v, n * sizeof(float));
  }
  OCTET_FLOAT_INLINE static F MulAdd(F a, F b, F c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  OCTET_FLOAT_INLINE static F MulAddOnce(F a, F b, F c) {
    return _mm256_fmadd_ps(a, b, c);
  }
  OCTET_FLOAT_INLINE static F Sqrt(F v) { return _mm256_sqrt_ps(v); }
  OCTET_FLOAT_INLINE static F Round(F v) {
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  }
  OCTET_FLOAT_INLINE static F Floor(F v) { return _mm256_floor_ps(v); }
  OCTET_FLOAT_INLINE static F Ceil(F v) { return _mm256_ceil_ps(v); }
  // kDoubles floats.
  OCTET_FLOAT_INLINE static D LoadDoubles(const float* p) {
    return _mm256_cvtps_pd(_mm_loadu_ps(p));  // the compiler's takes shuffles
  }
  // REQUIRES: whole numbers that fit.
  OCTET_FLOAT_INLINE static I ToInt(F v) {
    return reinterpret_cast<I>(_mm256_cvtps_epi32(v));
  }
  OCTET_FLOAT_INLINE static F FromInt(I v) {
    return _mm256_cvtepi32_ps(reinterpret_cast<__m256i>(v));
  }
};

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOATS_AVX2_H_
