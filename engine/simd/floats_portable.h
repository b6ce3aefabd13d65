// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_FLOATS_PORTABLE_H_
#define OCTET_ENGINE_SIMD_FLOATS_PORTABLE_H_

#include <cstdint>
#include <cstring>

#include "engine/simd/float_math.h"

// Four floats at a time in the compiler's vectors, which every machine has
// some instructions for. See float_math.h for what the functions are.
namespace octet::simd::internal {
namespace {

struct PortableFloats {
  typedef float F __attribute__((vector_size(16)));
  typedef int32_t I __attribute__((vector_size(16)));
  static constexpr int kLanes = 4;
  // Half as many doubles.
  typedef double D __attribute__((vector_size(16)));
  typedef int64_t L __attribute__((vector_size(16)));
  static constexpr int kDoubles = 2;

  OCTET_FLOAT_INLINE static F Load(const float* p) {
    F v;
    memcpy(&v, p, sizeof(v));
    return v;
  }
  OCTET_FLOAT_INLINE static F LoadPart(const float* p, int64_t n) {
    F v = {};
    memcpy(&v, p, n * sizeof(float));
    return v;
  }
  OCTET_FLOAT_INLINE static F LoadLanes(const float* p, int64_t begin,
                                        int64_t end) {
    F v = {};
    for (int64_t i = begin; i < end; ++i) v[i] = p[i];
    return v;
  }
  OCTET_FLOAT_INLINE static void Store(F v, float* p) {
    memcpy(p, &v, sizeof(v));
  }
  OCTET_FLOAT_INLINE static void StorePart(F v, float* p, int64_t n) {
    memcpy(p, &v, n * sizeof(float));
  }
  OCTET_FLOAT_INLINE static F MulAdd(F a, F b, F c) { return a * b + c; }
  OCTET_FLOAT_INLINE static F MulAddOnce(F a, F b, F c) {
    typedef double D __attribute__((vector_size(32)));
    const D wide =
        __builtin_convertvector(a, D) * __builtin_convertvector(b, D) +
        __builtin_convertvector(c, D);
    return __builtin_convertvector(wide, F);
  }
  OCTET_FLOAT_INLINE static F Sqrt(F v) {
    for (int i = 0; i < kLanes; ++i) v[i] = __builtin_sqrtf(v[i]);
    return v;
  }
  OCTET_FLOAT_INLINE static F Round(F v) {
    // Beyond 2^23 there are no fractions; below, adding it drops them.
    const F magic = F{} + 8388608.0f;
    const F magnitude = Abs<PortableFloats>(v);
    const F rounded = (magnitude + magic) - magic;
    return CopySign<PortableFloats>(magnitude < magic ? rounded : v, v);
  }
  OCTET_FLOAT_INLINE static F Floor(F v) {
    const F rounded = Round(v);
    return CopySign<PortableFloats>(rounded > v ? rounded - 1.0f : rounded, v);
  }
  OCTET_FLOAT_INLINE static F Ceil(F v) {
    const F rounded = Round(v);
    return CopySign<PortableFloats>(rounded < v ? rounded + 1.0f : rounded, v);
  }
  // kDoubles floats.
  OCTET_FLOAT_INLINE static D LoadDoubles(const float* p) {
    typedef float Half __attribute__((vector_size(8)));
    Half v;
    memcpy(&v, p, sizeof(v));
    return __builtin_convertvector(v, D);
  }
  // REQUIRES: whole numbers that fit.
  OCTET_FLOAT_INLINE static I ToInt(F v) {
    return __builtin_convertvector(v, I);
  }
  OCTET_FLOAT_INLINE static F FromInt(I v) {
    return __builtin_convertvector(v, F);
  }
};

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_FLOATS_PORTABLE_H_
