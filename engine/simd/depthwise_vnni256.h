// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_DEPTHWISE_VNNI256_H_
#define OCTET_ENGINE_SIMD_DEPTHWISE_VNNI256_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_vnni256.h"
#include "engine/simd/quad_weave.h"

// QuadWeave and DepthwiseQuads with vectors of 256 bits, two for each of a
// group. Included by the files of quads_vnni256.h alone.
namespace octet::simd::internal {
namespace {

// Stores one half of the four vectors of a group.
OCTET_SIMD_INLINE void StoreWovenHalf(const __m256i (&x)[4],
                                      int64_t plane_bytes, uint8_t* dst) {
  const __m256i low01 = _mm256_unpacklo_epi8(x[0], x[1]);
  const __m256i high01 = _mm256_unpackhi_epi8(x[0], x[1]);
  const __m256i low23 = _mm256_unpacklo_epi8(x[2], x[3]);
  const __m256i high23 = _mm256_unpackhi_epi8(x[2], x[3]);
  const __m256i woven[4] = {_mm256_unpacklo_epi16(low01, low23),
                            _mm256_unpackhi_epi16(low01, low23),
                            _mm256_unpacklo_epi16(high01, high23),
                            _mm256_unpackhi_epi16(high01, high23)};
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + v * plane_bytes),
                        woven[v]);
  }
}

// See quad_weave.h.
struct Vectors256 {
  template <int kWidth, bool kPacked, bool kSigned>
  OCTET_SIMD_INLINE static void Group(const uint8_t* const (&rows)[4],
                                      int64_t offset, int64_t apart,
                                      int64_t plane_bytes, uint8_t* dst) {
    const __m256i flip = _mm256_set1_epi8(-128);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      __m256i x[4];
#pragma GCC unroll 4
      for (int r = 0; r < 4; ++r) {
        x[r] = LoadColumns<kWidth, kPacked>(rows[r] + offset, half, apart);
        if constexpr (kSigned) x[r] = _mm256_xor_si256(x[r], flip);
      }
      StoreWovenHalf(x, plane_bytes, dst + half * kHalfGroup);
    }
  }

  template <int kWidth, bool kSigned>
  __attribute__((noinline)) static void Edge(const QuadWeave& weave,
                                             int64_t first, uint8_t* dst) {
    alignas(32) uint8_t bytes[4][kQuadGroup];
    memset(bytes, weave.type.zero_point, sizeof(bytes));
    for (int r = 0; r < 4; ++r) {
      for (int i = 0; i < kQuadGroup / kWidth; ++i) {
        const int64_t at = PlaceOf(weave, r, first + i * weave.phases);
        if (at < 0 || at >= weave.row_bytes) continue;
        memcpy(bytes[r] + i * kWidth, weave.rows[r] + at, weave.channels);
      }
    }
    const uint8_t* const rows[4] = {bytes[0], bytes[1], bytes[2], bytes[3]};
    Group<kQuadGroup, true, kSigned>(rows, 0, 0, weave.plane_bytes, dst);
  }

 private:
  // Half a group's columns side by side.
  template <int kWidth, bool kPacked>
  OCTET_SIMD_INLINE static __m256i LoadColumns(const uint8_t* p, int half,
                                               int64_t apart) {
    if constexpr (kWidth == kQuadGroup || kPacked) {
      return LoadHalf(p + half * kHalfGroup);
    } else if constexpr (kWidth == 32) {
      return LoadHalf(p + half * apart);
    } else {
      const auto column = [p, apart](int i) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i * apart));
      };
      return _mm256_inserti128_si256(_mm256_castsi128_si256(column(2 * half)),
                                     column(2 * half + 1), 1);
    }
  }
};

// One output row, or two. kTaps: task.tap_count, or 0 for any.
template <int kRows, int kTaps>
class HalfRowLoop {
 public:
  explicit HalfRowLoop(const DepthwiseQuads& task)
      : task_(task), finish_(task.out) {
    for (int t = 0; t < kTaps; ++t) taps_[t] = task.taps[t];
  }

  void Run() const {
    const int64_t group_pixels = kQuadGroup / task_.out.width;
    const int64_t group_step = group_pixels * task_.out.stride;
    int64_t offset = 0;
    int64_t x = 0;
    for (int64_t left = task_.pixels; left > 0; left -= group_pixels) {
      Group(x, offset, left < group_pixels ? left : group_pixels);
      offset += group_step;
      x += kQuadGroup;
    }
  }

 private:
  // Of two rows one half of a group at a time, of one row both: eight sums hide
  // the products' latency.
  static constexpr int kHalves = 2 / kRows;

  OCTET_SIMD_INLINE void Group(int64_t x, int64_t offset,
                               int64_t pixels) const {
#pragma GCC unroll 2
    for (int first = 0; first < 2; first += kHalves) {
      __m256i acc[kHalves][kRows][4];
      Multiply(x, first, acc);
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) {
#pragma GCC unroll 2
        for (int r = 0; r < kRows; ++r) {
          StoreHalf(first + h, offset + r * task_.row_stride, pixels,
                    acc[h][r]);
        }
      }
    }
  }

  // `offset` leads to the group's first pixel, of which there are `pixels`.
  OCTET_SIMD_INLINE void StoreHalf(int half, int64_t offset, int64_t pixels,
                                   const __m256i (&acc)[4]) const {
    if (task_.out.width == kQuadGroup) {
      return finish_.Store(half, offset + half * kHalfGroup, 1, acc);
    }
    const int half_pixels = finish_.half_pixels();
    const int64_t left = pixels - half * half_pixels;
    if (left <= 0) return;
    finish_.Store(half, offset + half * half_pixels * task_.out.stride,
                  left < half_pixels ? 1 : half_pixels, acc);
  }

  OCTET_SIMD_INLINE void Multiply(int64_t x, int first,
                                  __m256i (&acc)[kHalves][kRows][4]) const {
    const int taps = kTaps != 0 ? kTaps : task_.tap_count;
    const uint8_t* const* const from = kTaps != 0 ? taps_ : task_.taps;
    const int8_t* w = task_.weights + first * kHalfGroup;
    const int64_t row_weights = int64_t{taps} * 4 * kQuadGroup;
#pragma GCC unroll 4
    for (int v = 0; v < 4; ++v) {
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; ++h) {
        const __m256i start =
            LoadHalf(task_.out.start + DepthwiseHalf::Position(v, first + h));
#pragma GCC unroll 2
        for (int r = 0; r < kRows; ++r) acc[h][r][v] = start;
      }
    }
#pragma GCC unroll 4
    for (int t = 0; t < taps; ++t, w += 4 * kQuadGroup) {
      const uint8_t* const tap = from[t] + x + first * kHalfGroup;
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
#pragma GCC unroll 2
        for (int h = 0; h < kHalves; ++h) {
          const __m256i quads =
              LoadHalf(tap + v * task_.plane_bytes + h * kHalfGroup);
#pragma GCC unroll 2
          for (int r = 0; r < kRows; ++r) {
            acc[h][r][v] =
                _mm256_dpbusd_epi32(acc[h][r][v], quads,
                                    LoadHalf(w + r * row_weights +
                                             v * kQuadGroup + h * kHalfGroup));
          }
        }
      }
    }
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; ++h) {
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < 4; ++v) KeepInRegister(acc[h][r][v]);
      }
    }
  }

  const DepthwiseQuads task_;
  const HalfFinish<DepthwiseHalf> finish_;
  const uint8_t* taps_[kTaps == 0 ? 1 : kTaps];
};

void DepthwiseOfHalves(const DepthwiseQuads& task) {
  if (task.tap_count == 3) {
    task.rows == 2 ? HalfRowLoop<2, 3>(task).Run()
                   : HalfRowLoop<1, 3>(task).Run();
  } else if (task.tap_count == 4 && task.rows == 1) {
    HalfRowLoop<1, 4>(task).Run();
  } else {
    task.rows == 2 ? HalfRowLoop<2, 0>(task).Run()
                   : HalfRowLoop<1, 0>(task).Run();
  }
}

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_DEPTHWISE_VNNI256_H_
