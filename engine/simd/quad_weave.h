// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_QUAD_WEAVE_H_
#define OCTET_ENGINE_SIMD_QUAD_WEAVE_H_

#include <cstdint>

#include "engine/simd/byte_quads.h"

// How the columns of a QuadWeave are gone through, for every width of vectors.
// Included by the kernels' files alone; in an unnamed namespace for the reason
// that epilogue_avx2.h gives.
//
// Vectors gives two static functions, which write the four vectors of a group
// to dst, plane_bytes apart. Of columns that are whole, `apart` bytes from one
// to the next (kPacked: no byte is between them), at rows[r] + offset:
//
//   template <int kWidth, bool kPacked, bool kSigned>
//   void Group(const uint8_t* const (&rows)[4], int64_t offset, int64_t apart,
//              int64_t plane_bytes, uint8_t* dst);
//
// Of columns `first` and those a phase apart, not all of which are in the image
// or readable whole:
//
//   template <int kWidth, bool kSigned>
//   void Edge(const QuadWeave& weave, int64_t first, uint8_t* dst);
namespace octet::simd::internal {
namespace {

// Where column `column` of row `r` is, from the image row's first byte on.
inline __attribute__((always_inline)) int64_t PlaceOf(const QuadWeave& weave,
                                                      int r, int64_t column) {
  return weave.shift[r] + column * weave.column_bytes;
}

// The columns of one phase.
template <typename Vectors, int kWidth, bool kPacked, bool kSigned>
void WeavePhase(const QuadWeave& weave, int64_t phase, uint8_t* dst) {
  constexpr int64_t kColumns = kQuadGroup / kWidth;
  const int64_t plane_bytes = weave.plane_bytes;
  const int64_t step = kColumns * weave.phases;
  const int64_t end = weave.first_column + weave.columns;
  int64_t low = weave.shift[0];  // of the four
  int64_t high = weave.shift[0];
  for (int r = 1; r < 4; ++r) {
    if (weave.shift[r] < low) low = weave.shift[r];
    if (weave.shift[r] > high) high = weave.shift[r];
  }
  int64_t column = weave.first_column + phase;
  for (; column < end && low + column * weave.column_bytes < 0;
       column += step, dst += kQuadGroup) {
    Vectors::template Edge<kWidth, kSigned>(weave, column, dst);
  }
  const int64_t apart = weave.phases * weave.column_bytes;
  // Groups whose last column is whole, too.
  int64_t offset = column * weave.column_bytes;
  const int64_t last_offset = weave.whole_bytes - high - (kColumns - 1) * apart;
  if (column < end && offset <= last_offset) {
    const uint8_t* rows[4];
    for (int r = 0; r < 4; ++r) {
      rows[r] = weave.rows[r] + PlaceOf(weave, r, column);
    }
    const int64_t first = offset;
    const int64_t group_bytes = step * weave.column_bytes;
    for (; column < end && offset <= last_offset;
         column += step, offset += group_bytes, dst += kQuadGroup) {
      Vectors::template Group<kWidth, kPacked, kSigned>(
          rows, offset - first, apart, plane_bytes, dst);
    }
  }
  for (; column < end; column += step, dst += kQuadGroup) {
    Vectors::template Edge<kWidth, kSigned>(weave, column, dst);
  }
}

template <typename Vectors, int kWidth>
void WeaveWidth(const QuadWeave& weave, uint8_t* dst) {
  const bool is_signed = weave.type.dtype == DType::kInt8;
  const bool packed =
      kWidth < kQuadGroup && weave.phases * weave.column_bytes == kWidth;
  auto* weave_phase = is_signed ? WeavePhase<Vectors, kWidth, false, true>
                                : WeavePhase<Vectors, kWidth, false, false>;
  if (packed) {
    weave_phase = is_signed ? WeavePhase<Vectors, kWidth, true, true>
                            : WeavePhase<Vectors, kWidth, true, false>;
  }
  for (int64_t phase = 0; phase < weave.phases; ++phase) {
    weave_phase(weave, phase, dst + phase * 4 * weave.plane_bytes);
  }
}

template <typename Vectors>
void WeaveBy(const QuadWeave& weave, uint8_t* dst) {
  switch (weave.width) {
    case 64:
      return WeaveWidth<Vectors, 64>(weave, dst);
    case 32:
      return WeaveWidth<Vectors, 32>(weave, dst);
    default:
      return WeaveWidth<Vectors, 16>(weave, dst);
  }
}

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_QUAD_WEAVE_H_
