// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_DEPTHWISE3X3_VNNI512_H_
#define OCTET_ENGINE_SIMD_DEPTHWISE3X3_VNNI512_H_

#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx512.h"

// Depthwise3x3 with AVX-512 VNNI, and with VBMI where it is compiled for that.
// Included by the files of kernels_avx512.h alone, in an unnamed namespace for
// the reason that epilogue_avx2.h gives.
namespace octet::simd::internal {
namespace {

// What a block's bytes are: 32 or 16 u8 whose results are u8 with the zero
// point 0 and no clamp, as behind most ReLUs; as many, u8 or s8, with any
// result; or fewer.
enum class BlockBytes { kPlain, kWhole, kPart };

// Reads columns of a block, as quads: of every channel a byte of each of four
// rows, or of three.
template <int kWidth, int kRows, BlockBytes kBytes>
class ColumnReader {
 public:
  static constexpr int kVectors = kWidth / 16;

  explicit ColumnReader(const Depthwise3x3& task)
      : mask_(static_cast<__mmask32>(FirstBytes(task.out.channels))),
        flip_(_mm512_set1_epi8(task.type.dtype == DType::kInt8 ? -128 : 0)) {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) quads_[v] = LoadVector(&kOrder[v]);
#ifndef __AVX512VBMI__
    in_lanes_ = _mm512_broadcast_i32x4(
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
#endif
  }

  // Keeps what Read() needs in registers from here on.
  OCTET_SIMD_INLINE void Keep() {
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) KeepInRegister(quads_[v]);
#ifndef __AVX512VBMI__
    KeepInRegister(in_lanes_);
#endif
    if constexpr (kBytes != BlockBytes::kPlain) KeepInRegister(flip_);
  }

  // Those of channels 16 v to 16 v + 15 of the column at offset `at`.
  OCTET_SIMD_INLINE void Read(const uint8_t* const (&rows)[4], int64_t at,
                              __m512i (&quads)[kVectors]) const {
    if constexpr (kWidth == 32) {
      const __m512i a = Flipped(
          _mm512_inserti64x4(_mm512_castsi256_si512(Load32(rows[0] + at)),
                             Load32(rows[1] + at), 1));
      __m512i b = _mm512_castsi256_si512(Load32(rows[2] + at));
      if constexpr (kRows == 4) {
        b = _mm512_inserti64x4(b, Load32(rows[3] + at), 1);
      }
      b = Flipped(b);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) quads[v] = Permuted(a, quads_[v], b);
    } else {
      __m512i x = _mm512_castsi128_si512(Load16(rows[0] + at));
      x = _mm512_inserti32x4(x, Load16(rows[1] + at), 1);
      x = _mm512_inserti32x4(x, Load16(rows[2] + at), 2);
      if constexpr (kRows == 4) {
        x = _mm512_inserti32x4(x, Load16(rows[3] + at), 3);
      }
      quads[0] = Permuted(Flipped(x), quads_[0]);
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
      if constexpr (kBytes == BlockBytes::kPart) {
        _mm256_mask_storeu_epi8(to, mask_, part);
      } else {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), part);
      }
    } else {
      const __m128i part = i == 0   ? _mm512_castsi512_si128(bytes)
                           : i == 1 ? _mm512_extracti32x4_epi32(bytes, 1)
                           : i == 2 ? _mm512_extracti32x4_epi32(bytes, 2)
                                    : _mm512_extracti32x4_epi32(bytes, 3);
      if constexpr (kBytes == BlockBytes::kPart) {
        _mm_mask_storeu_epi8(to, static_cast<__mmask16>(mask_), part);
      } else {
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), part);
      }
    }
  }

 private:
#ifdef __AVX512VBMI__
  // For every byte of the quads of each vector, where it is among the rows'.
  // The fourth of three rows meets weights of 0: the third will do.
  using Order = std::array<uint8_t, kVectorBytes>;
  static constexpr std::array<Order, kVectors> kOrder = [] {
    std::array<Order, kVectors> order{};
    for (int i = 0; i < kVectors * kVectorBytes; ++i) {
      const int channel = i / 4;
      const int row = std::min(i % 4, kRows - 1);
      order[i / kVectorBytes][i % kVectorBytes] =
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
  using Order = std::array<int32_t, 16>;
  static constexpr std::array<Order, kVectors> kOrder = [] {
    std::array<Order, kVectors> order{};
    for (int i = 0; i < kVectors * 16; ++i) {
      const int channels = i / 4;
      const int row = std::min(i % 4, kRows - 1);
      order[i / 16][i % 16] = row * kWidth / 4 + channels;
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
    if constexpr (kBytes == BlockBytes::kPart) {
      return _mm256_maskz_loadu_epi8(mask_, p);
    }
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  }
  OCTET_SIMD_INLINE __m128i Load16(const uint8_t* p) const {
    if constexpr (kBytes == BlockBytes::kPart) {
      return _mm_maskz_loadu_epi8(static_cast<__mmask16>(mask_), p);
    }
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }

  const __mmask32 mask_;  // of the channels that there are
  __m512i flip_;
  __m512i quads_[kVectors];
};

// Sums come four vectors at a time: of kRows output rows, kPlaces places of
// each, and kVectors vectors of channels, in this order. A place has a pixel,
// or with kSide = 2 two neighbouring ones of half as many channels.
template <int kWidth, int kStride, BlockBytes kBytes, int kSide>
class Block3x3 {
  static constexpr int kTaps = 3;  // columns of a kernel
  static constexpr int kVectors = kWidth / 16;
  static constexpr int kRows = kStride == 1 ? 2 : 1;
  static constexpr int kImageRows = kRows + kTaps - 1;
  static constexpr int kPlaces = 4 / kVectors / kRows;
  static constexpr int kStep = kStride * kSide;  // columns, of a place
  // Columns that a group of places shares with the next one, and new ones.
  static constexpr int kShared = kTaps - kStep;
  static constexpr int kNew = kStep * kPlaces;

 public:
  OCTET_SIMD_INLINE explicit Block3x3(const Depthwise3x3& task,
                                      const QuadRounder& rounder)
      : task_(task), reader_(task), rounder_(rounder) {
    const __m512i zero =
        _mm512_set1_epi8(static_cast<char>(task.type.zero_point));
#pragma GCC unroll 2
    for (__m512i& quads : padding_.quads) quads = reader_.Flipped(zero);
#pragma GCC unroll 12
    for (int i = 0; i < kWeights; ++i) {
      weights_[i] = LoadVector(task.weights + i * kVectorBytes);
      KeepInRegister(weights_[i]);
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
  static constexpr int kWeights = kRows * kTaps * kVectors;
  // As many columns as pixels are side by side.
  struct Column {
    __m512i quads[kVectors];
  };
  using Rows = const uint8_t* [4];
  using Columns = Column[kShared + kNew];

  OCTET_SIMD_INLINE void RunRow(int64_t row, uint8_t* to) const {
    Rows rows = {};
#pragma GCC unroll 4
    for (int r = 0; r < kImageRows; ++r) {
      const int64_t y = row * kStride - task_.pad_top + r;
      rows[r] = y < 0 || y >= task_.height
                    ? task_.padding
                    : task_.image + y * task_.width * task_.pixel_bytes;
    }
    const int stored = row + 1 < task_.last_row ? kRows : 1;
    Columns columns;
    int64_t column = -task_.pad_left;
#pragma GCC unroll 2
    for (int i = 0; i < kShared; ++i) columns[i] = At(rows, column++);
    constexpr int kPixels = kPlaces * kSide;
    int64_t left = task_.pixels;
    for (; left >= kPixels && column >= 0 &&
           column + kNew + kSide - 1 <= task_.width;
         left -= kPixels) {
#pragma GCC unroll 8
      for (int i = 0; i < kNew; ++i, ++column) {
        reader_.Read(rows, column * task_.pixel_bytes,
                     columns[kShared + i].quads);
      }
      to = StoreGroup(columns, kPixels, stored, to);
    }
    for (; left > 0; left -= kPixels) {
#pragma GCC unroll 8
      for (int i = 0; i < kNew; ++i) columns[kShared + i] = At(rows, column++);
      to = StoreGroup(columns, left, stored, to);
    }
  }

  OCTET_SIMD_INLINE Column At(const Rows& rows, int64_t column) const {
    if (column + kSide <= 0 || column >= task_.width) return padding_;
    Column result;
    if (kSide == 1 || (column >= 0 && column + kSide <= task_.width)) {
      reader_.Read(rows, column * task_.pixel_bytes, result.quads);
    } else {
      ReadEdge(rows, column, result);
    }
    return result;
  }

  // Two columns of which one is padding.
  __attribute__((noinline)) void ReadEdge(const Rows& rows, int64_t column,
                                          Column& result) const {
    uint8_t bytes[4][kWidth];
    Rows at = {};
    for (int r = 0; r < kImageRows; ++r) {
      memset(bytes[r], task_.type.zero_point, kWidth);
      const int64_t real = column < 0 ? column + 1 : column;
      memcpy(bytes[r] + (real - column) * task_.pixel_bytes,
             rows[r] + real * task_.pixel_bytes, kWidth / kSide);
      at[r] = bytes[r];
    }
    reader_.Read(at, 0, result.quads);
  }

  // Stores what a group's columns give, of its first `pixels` and `rows`, and
  // moves to the next group.
  OCTET_SIMD_INLINE uint8_t* StoreGroup(Columns& columns, int64_t pixels,
                                        int rows, uint8_t* to) const {
    const __m512i bytes = Results(columns);
#pragma GCC unroll 2
    for (int r = 0; r < kRows && r < rows; ++r) {
#pragma GCC unroll 4
      for (int p = 0; p < kPlaces && p * kSide < pixels; ++p) {
        uint8_t* const place =
            to + r * task_.row_stride + p * kSide * task_.out.stride;
        if (kSide == 1 || p * kSide + kSide <= pixels) {
          reader_.Store(place, bytes, r * kPlaces + p);
        } else {
          StoreFirst(place, bytes, r * kPlaces + p);
        }
      }
    }
#pragma GCC unroll 2
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
#pragma GCC unroll 3
    for (int t = 0; t < kTaps; ++t) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const int v = i % kVectors;
        const int p = i / kVectors % kPlaces;
        const int r = i / kVectors / kPlaces;
        acc[i] = _mm512_dpbusd_epi32(acc[i], columns[p * kStep + t].quads[v],
                                     weights_[(r * kTaps + t) * kVectors + v]);
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

  const Depthwise3x3& task_;
  ColumnReader<kWidth, kImageRows, kBytes> reader_;
  const QuadRounder& rounder_;
  Column padding_;
  __m512i weights_[kWeights];
};

template <int kWidth, int kStride, int kSide = 1>
void RunBlock(const Depthwise3x3& task) {
  const QuadRounder rounder(*task.out.spec);
  if constexpr (kSide == 1) {
    if (task.out.channels < kWidth) {
      Block3x3<kWidth, kStride, BlockBytes::kPart, kSide>(task, rounder).Run();
      return;
    }
  }
  if (task.type.dtype == DType::kUInt8 && rounder.plain) {
    Block3x3<kWidth, kStride, BlockBytes::kPlain, kSide>(task, rounder).Run();
  } else {
    Block3x3<kWidth, kStride, BlockBytes::kWhole, kSide>(task, rounder).Run();
  }
}

inline void RunDepthwise3x3(const Depthwise3x3& task) {
  if (task.side_by_side == 2) {
    RunBlock<16, 1, 2>(task);
  } else if (task.out.width == 32) {
    task.stride == 1 ? RunBlock<32, 1>(task) : RunBlock<32, 2>(task);
  } else {
    task.stride == 1 ? RunBlock<16, 1>(task) : RunBlock<16, 2>(task);
  }
}

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_DEPTHWISE3X3_VNNI512_H_
