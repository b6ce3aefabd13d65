// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_WINOGRAD_LOOPS_H_
#define OCTET_ENGINE_SIMD_WINOGRAD_LOOPS_H_

#include <immintrin.h>

#include <cstdint>

#include "engine/simd/epilogue_avx2.h"

// The transforms of winograd_conv.cc for vectors of any width, and the end of a
// tile. Included by winograd_*.cc alone, in an unnamed namespace for the reason
// that epilogue_avx2.h gives. A Vector has the type Int, kWords numbers of 16
// bits or half as many of 32, and the operations that are called here.
namespace octet::simd::internal {
namespace {

constexpr int kIn = kWinogradInput;
constexpr int kOut = kWinogradOutput;

// t = BT * d along one axis, kWords channels.
template <typename Vector, typename Int = typename Vector::Int>
OCTET_SIMD_INLINE void TransformInput(const Int (&d)[kIn], Int (&t)[kIn]) {
  const auto add = Vector::Add16;
  const auto sub = Vector::Sub16;
  const Int d42 = sub(d[4], d[2]);
  const Int d31 = sub(d[3], d[1]);
  const Int twice31 = add(d31, d31);
  const Int far = sub(d[4], Vector::template Shift16<2>(d[2]));
  const Int odd = sub(d[3], Vector::template Shift16<2>(d[1]));
  t[0] = add(Vector::template Shift16<2>(sub(d[0], d[2])), d42);
  t[1] = add(far, odd);
  t[2] = sub(far, odd);
  t[3] = add(d42, twice31);
  t[4] = sub(d42, twice31);
  t[5] = sub(sub(d[5], d[3]), add(twice31, twice31));
}

// o = AT * m along one axis, kWords / 2 channels.
template <typename Vector, typename Int = typename Vector::Int>
OCTET_SIMD_INLINE void TransformOutput(const Int (&m)[kIn], Int (&o)[kOut]) {
  const auto add = Vector::Add;
  const Int s1 = add(m[1], m[2]);
  const Int d1 = Vector::Sub(m[1], m[2]);
  const Int s3 = add(m[3], m[4]);
  const Int d3 = Vector::Sub(m[3], m[4]);
  o[0] = add(add(m[0], s1), s3);
  o[1] = add(d1, add(d3, d3));
  o[2] = add(s1, Vector::template Shift<2>(s3));
  o[3] = add(add(d1, Vector::template Shift<3>(d3)), add(m[5], m[5]));
}

template <typename Vector>
OCTET_SIMD_INLINE void TransformPatchBy(const WinogradPatch& patch) {
  using Int = typename Vector::Int;
  for (int64_t c = 0; c < patch.channels; c += Vector::kWords) {
    const int64_t words = patch.channels - c;
    Int half[kIn][kIn];
#pragma GCC unroll 6
    for (int x = 0; x < kIn; ++x) {
      Int d[kIn], t[kIn];
#pragma GCC unroll 6
      for (int y = 0; y < kIn; ++y) {
        d[y] = Vector::LoadWords(
            patch.pixels + y * patch.row_stride + x * patch.column_stride + c,
            words);
      }
      TransformInput<Vector>(d, t);
#pragma GCC unroll 6
      for (int y = 0; y < kIn; ++y) half[y][x] = t[y];
    }
#pragma GCC unroll 6
    for (int y = 0; y < kIn; ++y) {
      Int t[kIn];
      TransformInput<Vector>(half[y], t);
#pragma GCC unroll 6
      for (int x = 0; x < kIn; ++x) {
        Vector::StoreWords(
            patch.points + (y * kIn + x) * patch.point_stride + c, t[x], words);
      }
    }
  }
}

// The 16 sums of kWords / 2 channels of a tile, `sum_stride` apart, whose
// products are `stride` apart. What the transforms multiplied by 576 = 64 * 9
// is multiplied by the inverse of 9 modulo 2^32, then shifted.
template <typename Vector, typename Int = typename Vector::Int>
OCTET_SIMD_INLINE void SumTile(const int32_t* products, int64_t stride,
                               Int bias, Int* sums, int sum_stride) {
  Int half[kOut][kIn];
#pragma GCC unroll 6
  for (int x = 0; x < kIn; ++x) {
    Int m[kIn], o[kOut];
#pragma GCC unroll 6
    for (int y = 0; y < kIn; ++y) {
      m[y] = Vector::Load(products + (y * kIn + x) * stride);
    }
    TransformOutput<Vector>(m, o);
#pragma GCC unroll 4
    for (int y = 0; y < kOut; ++y) half[y][x] = o[y];
  }
#pragma GCC unroll 4
  for (int y = 0; y < kOut; ++y) {
    Int o[kOut];
    TransformOutput<Vector>(half[y], o);
#pragma GCC unroll 4
    for (int x = 0; x < kOut; ++x) {
      const Int sum =
          Vector::template ShiftRight<6>(Vector::Multiply(o[x], 0x38E38E39));
      sums[(y * kOut + x) * sum_stride] = Vector::Add(sum, bias);
    }
  }
}

// Scales, rounds and stores the sums of tile `tile`.
template <int NV>
OCTET_SIMD_INLINE void FinishWinogradTile(
    const WinogradGroup& g, int tile, const __m256i (&sums)[kOut][kOut][NV]) {
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

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_WINOGRAD_LOOPS_H_
