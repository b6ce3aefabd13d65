// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>

#include "engine/simd/epilogue_avx512.h"
#include "engine/simd/kernels_avx512.h"
#include "engine/simd/quad_weave.h"

namespace octet::simd::internal::vnni {
namespace {

constexpr int64_t kVectors = 4;  // of a group

// The columns of a group side by side: `column` and those a phase apart.
// kPacked: they follow each other in memory.
template <int kWidth, bool kPacked>
OCTET_SIMD_INLINE __m512i LoadColumns(const uint8_t* p, int64_t apart) {
  if constexpr (kWidth == kQuadGroup || kPacked) {
    return LoadVector(p);
  } else if constexpr (kWidth == 32) {
    const auto column = [p, apart](int i) {
      return _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(p + i * apart));
    };
    return _mm512_inserti64x4(_mm512_castsi256_si512(column(0)), column(1), 1);
  } else {
    const auto column = [p, apart](int i) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i * apart));
    };
    __m512i x = _mm512_castsi128_si512(column(0));
    x = _mm512_inserti32x4(x, column(1), 1);
    x = _mm512_inserti32x4(x, column(2), 2);
    return _mm512_inserti32x4(x, column(3), 3);
  }
}

// Stores the four vectors of a group.
OCTET_SIMD_INLINE void StoreWoven(const __m512i (&x)[4], int64_t plane_bytes,
                                  uint8_t* dst) {
  const __m512i low01 = _mm512_unpacklo_epi8(x[0], x[1]);
  const __m512i high01 = _mm512_unpackhi_epi8(x[0], x[1]);
  const __m512i low23 = _mm512_unpacklo_epi8(x[2], x[3]);
  const __m512i high23 = _mm512_unpackhi_epi8(x[2], x[3]);
  _mm512_storeu_si512(dst, _mm512_unpacklo_epi16(low01, low23));
  _mm512_storeu_si512(dst + plane_bytes, _mm512_unpackhi_epi16(low01, low23));
  _mm512_storeu_si512(dst + 2 * plane_bytes,
                      _mm512_unpacklo_epi16(high01, high23));
  _mm512_storeu_si512(dst + 3 * plane_bytes,
                      _mm512_unpackhi_epi16(high01, high23));
}

// See quad_weave.h.
struct Vectors512 {
  template <int kWidth, bool kPacked, bool kSigned>
  OCTET_SIMD_INLINE static void Group(const uint8_t* const (&rows)[4],
                                      int64_t offset, int64_t apart,
                                      int64_t plane_bytes, uint8_t* dst) {
    const __m512i flip = _mm512_set1_epi8(-128);
    __m512i x[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) {
      x[r] = LoadColumns<kWidth, kPacked>(rows[r] + offset, apart);
      if constexpr (kSigned) x[r] = _mm512_xor_si512(x[r], flip);
    }
    StoreWoven(x, plane_bytes, dst);
  }

  template <int kWidth, bool kSigned>
  __attribute__((noinline)) static void Edge(const QuadWeave& weave,
                                             int64_t first, uint8_t* dst) {
    constexpr int kColumns = kQuadGroup / kWidth;
    const __m512i flip = _mm512_set1_epi8(kSigned ? -128 : 0);
    const __m512i padding =
        _mm512_set1_epi8(static_cast<char>(weave.type.zero_point));
    const __mmask64 mask = FirstBytes(weave.channels);
    __m512i x[4];
    for (int r = 0; r < 4; ++r) {
      alignas(kVectorBytes) uint8_t bytes[kVectorBytes];
      if constexpr (kColumns > 1) _mm512_store_si512(bytes, padding);
      x[r] = padding;
      for (int i = 0; i < kColumns; ++i) {
        const int64_t at = PlaceOf(weave, r, first + i * weave.phases);
        if (at < 0 || at >= weave.row_bytes) continue;
        x[r] = _mm512_maskz_loadu_epi8(mask, weave.rows[r] + at);
        if constexpr (kColumns > 1) {
          _mm512_mask_storeu_epi8(bytes + i * kWidth, mask, x[r]);
        }
      }
      if constexpr (kColumns > 1) x[r] = LoadVector(bytes);
      x[r] = _mm512_xor_si512(x[r], flip);
    }
    StoreWoven(x, weave.plane_bytes, dst);
  }
};

// One output row, or two. kTaps: task.tap_count, or 0 for any.
template <int kRows, int kTaps, Storing kStoring>
class RowLoop {
 public:
  RowLoop(const DepthwiseQuads& task, const QuadFinish<1>& finish)
      : task_(task), finish_(finish) {
    for (int t = 0; t < kTaps; ++t) taps_[t] = task.taps[t];
  }

  void Run() {
    // Of one row, two groups at a time: eight sums hide the products' latency.
    constexpr int kGroups = 2 / kRows;
    const int group_pixels = finish_.group_pixels();
    const int64_t group_step = group_pixels * task_.out.stride;
    int64_t offset = 0;
    int64_t x = 0;
    int64_t left = task_.pixels;
    for (; left >= kGroups * group_pixels; left -= kGroups * group_pixels) {
      Groups<kGroups>(x, offset, group_step);
      offset += kGroups * group_step;
      x += kGroups * kVectorBytes;
    }
    for (; left >= group_pixels; left -= group_pixels) {
      Groups<1>(x, offset, group_step);
      offset += group_step;
      x += kVectorBytes;
    }
    if (left == 0) return;
    __m512i acc[1][kRows][4];
    Multiply<1>(x, acc);
#pragma GCC unroll 2
    for (int r = 0; r < kRows; ++r) {
      finish_.Store(offset + r * task_.row_stride, static_cast<int>(left),
                    acc[0][r]);
    }
  }

 private:
  template <int kGroups>
  OCTET_SIMD_INLINE void Groups(int64_t x, int64_t offset,
                                int64_t group_step) const {
    __m512i acc[kGroups][kRows][4];
    Multiply<kGroups>(x, acc);
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) {
        finish_.template StoreGroup<kStoring>(
            offset + g * group_step + r * task_.row_stride, acc[g][r]);
      }
    }
  }

  template <int kGroups>
  OCTET_SIMD_INLINE void Multiply(int64_t x,
                                  __m512i (&acc)[kGroups][kRows][4]) const {
    const int taps = kTaps != 0 ? kTaps : task_.tap_count;
    const uint8_t* const* const from = kTaps != 0 ? taps_ : task_.taps;
    const int8_t* w = task_.weights;
    const int64_t row_weights = int64_t{taps} * kVectors * kVectorBytes;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const __m512i start = LoadVector(task_.out.start + 16 * v);
#pragma GCC unroll 2
      for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 2
        for (int r = 0; r < kRows; ++r) acc[g][r][v] = start;
      }
    }
#pragma GCC unroll 4
    for (int t = 0; t < taps; ++t, w += kVectors * kVectorBytes) {
      const uint8_t* const tap = from[t] + x;
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 2
        for (int g = 0; g < kGroups; ++g) {
          const __m512i quads =
              LoadVector(tap + v * task_.plane_bytes + g * kVectorBytes);
#pragma GCC unroll 2
          for (int r = 0; r < kRows; ++r) {
            acc[g][r][v] = _mm512_dpbusd_epi32(
                acc[g][r][v], quads,
                LoadVector(w + r * row_weights + v * kVectorBytes));
          }
        }
      }
    }
#pragma GCC unroll 2
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 2
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) KeepInRegister(acc[g][r][v]);
      }
    }
  }

  const DepthwiseQuads task_;
  const QuadFinish<1>& finish_;
  const uint8_t* taps_[kTaps == 0 ? 1 : kTaps];
};

template <int kRows, int kTaps>
void RunRows(const DepthwiseQuads& task) {
  const QuadFinish<1> finish(task.out);
  switch (finish.whole_groups()) {
    case Storing::kU8:
      return RowLoop<kRows, kTaps, Storing::kU8>(task, finish).Run();
    case Storing::kS8:
      return RowLoop<kRows, kTaps, Storing::kS8>(task, finish).Run();
    case Storing::kU8WithResidual:
    case Storing::kFloat:
    case Storing::kAny:
      return RowLoop<kRows, kTaps, Storing::kAny>(task, finish).Run();
  }
}

}  // namespace

void WeaveQuads(const QuadWeave& weave, uint8_t* dst) {
  WeaveBy<Vectors512>(weave, dst);
}

void Depthwise(const DepthwiseQuads& task) {
  if (task.tap_count == 3) {
    task.rows == 2 ? RunRows<2, 3>(task) : RunRows<1, 3>(task);
  } else if (task.tap_count == 4 && task.rows == 1) {
    RunRows<1, 4>(task);
  } else {
    task.rows == 2 ? RunRows<2, 0>(task) : RunRows<1, 0>(task);
  }
}

}  // namespace octet::simd::internal::vnni
