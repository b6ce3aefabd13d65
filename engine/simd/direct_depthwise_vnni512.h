// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_DIRECT_DEPTHWISE_VNNI512_H_
#define OCTET_ENGINE_SIMD_DIRECT_DEPTHWISE_VNNI512_H_

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx512.h"

// DirectDepthwise with AVX-512 VNNI, and with VBMI where it is compiled for
// that. Included by the files of kernels_avx512.h alone, in an unnamed
// namespace for the reason that epilogue_avx2.h gives.
namespace octet::simd::internal {
namespace {

// What a block's bytes are: 32 or 16 u8 whose results are u8 with the zero
// point 0 and no clamp, as behind most ReLUs; or as many or fewer, u8 or s8,
// with any result.
enum class BlockBytes { kPlain, kAny };

// Reads columns of a block, as quads: of every channel a byte of each of four
// rows.
template <int kWidth, BlockBytes kBytes>
class ColumnReader {
 public:
  static constexpr int kVectors = kWidth / 16;

  explicit ColumnReader(const DirectDepthwise& task)
      : mask_(static_cast<__mmask32>(FirstBytes(task.out.channels))),
        flip_(_mm512_set1_epi8(task.type.dtype == DType::kInt8 ? -128 : 0)) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) order_[v] = LoadVector(kOrder.of[v]);
#ifndef __AVX512VBMI__
    in_lanes_ = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
#endif
  }

  // Keeps what Read() needs in registers from here on.
  OCTET_SIMD_INLINE void Keep() {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) KeepInRegister(order_[v]);
#ifndef __AVX512VBMI__
    KeepInRegister(in_lanes_);
#endif
    if constexpr (kBytes != BlockBytes::kPlain) KeepInRegister(flip_);
  }

  // Those of channels 16 v to 16 v + 15 of the column at offset `at`, of the
  // first kRows of `rows`, 2 to 4; with fewer than 4 the others are anything,
  // and meet weights of 0.
  template <int kRows>
  OCTET_SIMD_INLINE void Read(const uint8_t* const* rows, int64_t at,
                              __m512i (&quads)[kVectors]) const {
    if constexpr (kWidth == 32) {
      const __m512i a = Flipped(
          _mm512_inserti64x4(_mm512_castsi256_si512(Load32(rows[0] + at)),
                             Load32(rows[1] + at), 1));
      __m512i b = a;
      if constexpr (kRows > 2) {
        b = _mm512_castsi256_si512(Load32(rows[2] + at));
      }
      if constexpr (kRows > 3) {
        b = _mm512_inserti64x4(b, Load32(rows[3] + at), 1);
      }
      if constexpr (kRows > 2) b = Flipped(b);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) quads[v] = Permuted(a, order_[v], b);
    } else {
      __m512i x = _mm512_castsi128_si512(Load16(rows[0] + at));
      x = _mm512_inserti32x4(x, Load16(rows[1] + at), 1);
      if constexpr (kRows > 2) {
        x = _mm512_inserti32x4(x, Load16(rows[2] + at), 2);
      }
      if constexpr (kRows > 3) {
        x = _mm512_inserti32x4(x, Load16(rows[3] + at), 3);
      }
      quads[0] = Permuted(Flipped(x), order_[0]);
    }
  }

  OCTET_SIMD_INLINE __m512i Flipped(__m512i bytes) const {
    if constexpr (kBytes == BlockBytes::kPlain) return bytes;
    return _mm512_xor_si512(bytes, flip_);
  }

  // Stores part `i` of `bytes`, which is a pixel's.
  OCTET_SIMD_INLINE void Store(uint8_t* to, __m512i bytes, int i) const {
    if constexpr (kWidth == 32) {
      const __m256i part = i == 0 ? _mm512_castsi512_si256(bytes)
                                  : _mm512_extracti64x4_epi64(bytes, 1);
      if constexpr (kBytes == BlockBytes::kAny) {
        _mm256_mask_storeu_epi8(to, mask_, part);
      } else {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), part);
      }
    } else {
      const __m128i part = i == 0   ? _mm512_castsi512_si128(bytes)
                           : i == 1 ? _mm512_extracti32x4_epi32(bytes, 1)
                           : i == 2 ? _mm512_extracti32x4_epi32(bytes, 2)
                                    : _mm512_extracti32x4_epi32(bytes, 3);
      if constexpr (kBytes == BlockBytes::kAny) {
        _mm_mask_storeu_epi8(to, static_cast<__mmask16>(mask_), part);
      } else {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), part);
      }
    }
  }

 private:
#ifdef __AVX512VBMI__
  // For every byte of the quads of each vector, where it is among the rows'.
  struct Order {
    uint8_t of[kVectors][kVectorBytes];
  };
  static constexpr Order kOrder = [] {
    Order order{};
    for (int i = 0; i < kVectors * kVectorBytes; ++i) {
      const int channel = i / 4;
      const int row = i % 4;
      order.of[i / kVectorBytes][i % kVectorBytes] =
          static_cast<uint8_t>(row * kWidth + channel);
    }
    return order;
  }();
  OCTET_SIMD_INLINE __m512i Permuted(__m512i a, __m512i order,
                                     __m512i b) const {
    return _mm512_permutex2var_epi8(a, order, b);
  }
  OCTET_SIMD_INLINE __m512i Permuted(__m512i x, __m512i order) const {
    return _mm512_permutexvar_epi8(order, x);
  }
#else
  // The same of four channels at a time, whose bytes `in_lanes_` sorts.
  struct Order {
    int32_t of[kVectors][16];
  };
  static constexpr Order kOrder = [] {
    Order order{};
    for (int i = 0; i < kVectors * 16; ++i) {
      const int channels = i / 4;
      const int row = i % 4;
      order.of[i / 16][i % 16] = row * kWidth / 4 + channels;
    }
    return order;
  }();
  OCTET_SIMD_INLINE __m512i Permuted(__m512i a, __m512i order,
                                     __m512i b) const {
    return _mm512_shuffle_epi8(_mm512_permutex2var_epi32(a, order, b),
                               in_lanes_);
  }
  OCTET_SIMD_INLINE __m512i Permuted(__m512i x, __m512i order) const {
    return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(order, x), in_lanes_);
  }
  __m512i in_lanes_;
#endif

  OCTET_SIMD_INLINE __m256i Load32(const uint8_t* p) const {
    if constexpr (kBytes == BlockBytes::kAny) {
      return _mm256_maskz_loadu_epi8(mask_, p);
    }
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  OCTET_SIMD_INLINE __m128i Load16(const uint8_t* p) const {
    if constexpr (kBytes == BlockBytes::kAny) {
      return _mm_maskz_loadu_epi8(static_cast<__mmask16>(mask_), p);
    }
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }

  const __mmask32 mask_;  // of the channels that there are
  __m512i flip_;
  __m512i order_[kVectors];
};

// Sums come four vectors at a time: of kRows output rows, kPlaces places of
// each, and kVectors vectors of channels, in this order. A place has a pixel,
// or with kSide = 2 two neighbouring ones of half as many channels.
template <int kTaps, int kWidth, int kStride, BlockBytes kBytes, int kSide>
class DepthwiseBlock {
  static constexpr int kVectors = kWidth / 16;
  // Three image rows make one quad; those of a second output row would not.
  static constexpr int kRows = kTaps == 3 && kStride == 2 ? 1 : 2;
  static constexpr int kImageRows = kTaps + (kRows - 1) * kStride;
  static constexpr int kQuads = (kImageRows + 3) / 4;  // of a column
  static constexpr int kPlaces = 4 / kVectors / kRows;
  static constexpr int kStep = kStride * kSide;  // columns, of a place
  // Columns that a group of places shares with the next one, and new ones.
  static constexpr int kShared = kTaps - kStep;
  static constexpr int kNew = kStep * kPlaces;
  static constexpr int kWeights = kRows * kTaps * kQuads * kVectors;
  // Else there are too many, and they come from the L1 cache.
  static constexpr bool kKeepsWeights = kWeights <= 12;

 public:
  OCTET_SIMD_INLINE explicit DepthwiseBlock(const DirectDepthwise& task,
                                            const QuadRounder& rounder)
      : task_(task), reader_(task), rounder_(rounder) {
    const __m512i zero =
        _mm512_set1_epi8(static_cast<char>(task.type.zero_point));
    padding_ = reader_.Flipped(zero);
    if constexpr (kKeepsWeights) {
#pragma GCC unroll 12
      for (int i = 0; i < kWeights; ++i) {
        weights_[i] = LoadVector(task.weights + i * kVectorBytes);
        KeepInRegister(weights_[i]);
      }
    }
    reader_.Keep();
  }

  OCTET_SIMD_INLINE void Run() const {
    uint8_t* to = task_.out.output;
    for (int64_t row = task_.first_row; row < task_.last_row; row += kRows) {
      RunRow(row, to);
      to += kRows * task_.row_stride;
    }
  }

 private:
  // As many columns as pixels are side by side.
  struct Column {
    __m512i quads[kQuads][kVectors];
  };
  using Rows = const uint8_t* [kImageRows];
  using Columns = Column[kShared + kNew];

  OCTET_SIMD_INLINE void RunRow(int64_t row, uint8_t* to) const {
    Rows rows = {};
#pragma GCC unroll 8
    for (int r = 0; r < kImageRows; ++r) {
      const int64_t y = row * kStride - task_.pad_top + r;
      rows[r] = y < 0 || y >= task_.height
                    ? task_.padding
                    : task_.image + y * task_.width * task_.pixel_bytes;
    }
    const int stored = row + 1 < task_.last_row ? kRows : 1;
    Columns columns;
    int64_t column = -task_.pad_left;
#pragma GCC unroll 4
    for (int i = 0; i < kShared; ++i) columns[i] = At(rows, column++);
    constexpr int kPixels = kPlaces * kSide;
    int64_t left = task_.pixels;
    for (; left >= kPixels && column >= 0 &&
           column + kNew + kSide - 1 <= task_.width;
         left -= kPixels) {
#pragma GCC unroll 8
      for (int i = 0; i < kNew; ++i, ++column) {
        columns[kShared + i] = Read(rows, column * task_.pixel_bytes);
      }
      to = StoreGroup(columns, kPixels, stored, to);
    }
    for (; left > 0; left -= kPixels) {
#pragma GCC unroll 8
      for (int i = 0; i < kNew; ++i) columns[kShared + i] = At(rows, column++);
      to = StoreGroup(columns, left, stored, to);
    }
  }

  OCTET_SIMD_INLINE Column Read(const Rows& rows, int64_t at) const {
    Column column;
    reader_.template Read<(kImageRows < 4 ? kImageRows : 4)>(rows, at,
                                                             column.quads[0]);
    if constexpr (kQuads == 2) {
      reader_.template Read<kImageRows - 4>(rows + 4, at, column.quads[1]);
    }
    return column;
  }

  OCTET_SIMD_INLINE Column At(const Rows& rows, int64_t column) const {
    if (column + kSide <= 0 || column >= task_.width) {
      Column padding;
#pragma GCC unroll 2
      for (int q = 0; q < kQuads; ++q) {
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) padding.quads[q][v] = padding_;
      }
      return padding;
    }
    if (kSide == 1 || (column >= 0 && column + kSide <= task_.width)) {
      return Read(rows, column * task_.pixel_bytes);
    }
    return ReadEdge(rows, column);
  }

  // Two columns of which one is padding.
  __attribute__((noinline)) Column ReadEdge(const Rows& rows,
                                            int64_t column) const {
    uint8_t bytes[kImageRows][kWidth];
    Rows at = {};
    for (int r = 0; r < kImageRows; ++r) {
      memset(bytes[r], task_.type.zero_point, kWidth);
      const int64_t real = column < 0 ? column + 1 : column;
      memcpy(bytes[r] + (real - column) * task_.pixel_bytes,
             rows[r] + real * task_.pixel_bytes, kWidth / kSide);
      at[r] = bytes[r];
    }
    return Read(at, 0);
  }

  // Stores what a group's columns give, of its first `pixels` and `rows`, and
  // moves to the next group.
  OCTET_SIMD_INLINE uint8_t* StoreGroup(Columns& columns, int64_t pixels,
                                        int rows, uint8_t* to) const {
    const __m512i bytes = Results(columns);
#pragma GCC unroll 4
    for (int i = 0; i < kRows * kPlaces; ++i) {
      const int r = i / kPlaces;
      const int first = i % kPlaces * kSide;  // pixel
      if (r >= rows || first >= pixels) continue;
      uint8_t* const place =
          to + r * task_.row_stride + first * task_.out.stride;
      if (kSide == 1 || first + kSide <= pixels) {
        reader_.Store(place, bytes, i);
      } else {
        StoreFirst(place, bytes, i);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kShared; ++i) columns[i] = columns[kNew + i];
    return to + kPlaces * kSide * task_.out.stride;
  }

  // Of a place's pixels the first.
  __attribute__((noinline)) void StoreFirst(uint8_t* to, __m512i bytes,
                                            int i) const {
    alignas(kVectorBytes) uint8_t all[kVectorBytes];
    _mm512_store_si512(all, bytes);
    memcpy(to, all + i * kWidth, kWidth / kSide);
  }

  OCTET_SIMD_INLINE __m512i Results(const Columns& columns) const {
    __m512i acc[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      acc[i] = LoadVector(task_.out.start + 16 * (i % kVectors));
    }
#pragma GCC unroll 5
    for (int t = 0; t < kTaps; ++t) {
#pragma GCC unroll 2
      for (int q = 0; q < kQuads; ++q) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
          const int v = i % kVectors;
          const int p = i / kVectors % kPlaces;
          const int r = i / kVectors / kPlaces;
          acc[i] = _mm512_dpbusd_epi32(
              acc[i], columns[p * kStep + t].quads[q][v],
              Weights(((r * kTaps + t) * kQuads + q) * kVectors + v));
        }
      }
    }
    __m512 scaled[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      scaled[i] = _mm512_mul_ps(
          _mm512_cvtepi32_ps(acc[i]),
          _mm512_loadu_ps(task_.out.multiplier + 16 * (i % kVectors)));
    }
    return GroupOrder<4>::ToMemory(kBytes == BlockBytes::kPlain
                                       ? rounder_.PackPlain(scaled)
                                       : rounder_.Pack(scaled));
  }

  OCTET_SIMD_INLINE __m512i Weights(int i) const {
    if constexpr (kKeepsWeights) return weights_[i];
    return LoadVector(task_.weights + i * kVectorBytes);
  }

  const DirectDepthwise& task_;
  ColumnReader<kWidth, kBytes> reader_;
  const QuadRounder& rounder_;
  __m512i padding_;
  __m512i weights_[kKeepsWeights ? kWeights : 1];
};

template <int kTaps, int kWidth, int kStride, int kSide = 1>
void RunBlock(const DirectDepthwise& task) {
  const QuadRounder rounder(*task.out.spec);
  if (task.out.channels == kWidth && task.type.dtype == DType::kUInt8 &&
      rounder.plain) {
    DepthwiseBlock<kTaps, kWidth, kStride, BlockBytes::kPlain, kSide>(task,
                                                                      rounder)
        .Run();
  } else {
    DepthwiseBlock<kTaps, kWidth, kStride, BlockBytes::kAny, kSide>(task,
                                                                    rounder)
        .Run();
  }
}

template <int kTaps>
void RunTaps(const DirectDepthwise& task) {
  if (task.side_by_side == 2) {
    RunBlock<kTaps, 16, 1, 2>(task);
  } else if (task.out.width == 32) {
    task.stride == 1 ? RunBlock<kTaps, 32, 1>(task)
                     : RunBlock<kTaps, 32, 2>(task);
  } else {
    task.stride == 1 ? RunBlock<kTaps, 16, 1>(task)
                     : RunBlock<kTaps, 16, 2>(task);
  }
}

inline void DirectDepthwiseOf(const DirectDepthwise& task) {
  task.taps == 3 ? RunTaps<3>(task) : RunTaps<5>(task);
}

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_DIRECT_DEPTHWISE_VNNI512_H_
