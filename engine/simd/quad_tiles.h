// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_QUAD_TILES_H_
#define OCTET_ENGINE_SIMD_QUAD_TILES_H_

#include <cstdint>

#include "engine/simd/byte_quads.h"

// How the pixels of a QuadGemm are gone through, for every width of vectors.
// Included by the kernels' files alone; in an unnamed namespace for the reason
// that epilogue_avx2.h gives.
namespace octet::simd::internal {
namespace {

// Walks over the pixels of all rows.
struct PixelPlace {
  const uint8_t* address;
  int64_t left;  // pixels of its row from here on
  int64_t gap;   // from behind a row to the next

  explicit PixelPlace(const QuadGemm& gemm)
      : address(gemm.pixels),
        left(gemm.row_pixels),
        gap(gemm.row_step - gemm.row_pixels * gemm.pixel_step) {}

  inline __attribute__((always_inline)) void Advance(const QuadGemm& gemm,
                                                     int64_t pixels) {
    address += pixels * gemm.pixel_step;
    left -= pixels;
    if (left == 0) {
      address += gap;
      left = gemm.row_pixels;
    }
  }
};

// a / b of a, b > 0; a division of 64 bits may take 90 cycles.
inline __attribute__((always_inline)) int64_t Quotient(int64_t a, int64_t b) {
  if (((a | b) >> 32) != 0) return a / b;
  return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
}

// Tiles of as equal heights as can be, none higher than `most`: a short last
// one would be slow.
struct TileHeights {
  int64_t count;
  int64_t height;
  int64_t higher;  // tiles, by one: the first ones

  inline __attribute__((always_inline))
  TileHeights(int64_t pixels, int64_t most)
      : count((pixels + most - 1) / most),
        height(Quotient(pixels, count)),
        higher(pixels - height * count) {}

  inline __attribute__((always_inline)) int64_t Of(int64_t tile) const {
    return tile < higher ? height + 1 : height;
  }
};

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_QUAD_TILES_H_
