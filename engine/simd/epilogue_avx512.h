// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_EPILOGUE_AVX512_H_
#define OCTET_ENGINE_SIMD_EPILOGUE_AVX512_H_

#include <immintrin.h>

#include <cstdint>

#include "engine/simd/byte_quads.h"

// The steps from groups of 32-bit sums (byte_quads.h) to stored results, shared
// by the *_avx512.cc and *_vnni.cc files and included by nothing else; in an
// unnamed namespace for the reason that epilogue_avx2.h gives.
namespace octet::simd::internal {
namespace {

#define OCTET_SIMD_INLINE inline __attribute__((always_inline))

constexpr int kVectorBytes = 64;

// The first `n` bits.
OCTET_SIMD_INLINE __mmask64 FirstBytes(int64_t n) {
  return n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1;
}

OCTET_SIMD_INLINE __m512i LoadVector(const void* p) {
  return _mm512_loadu_si512(p);
}

// Ends what the compiler knows of `v`: else it moves parts of what follows a
// loop into the loop, and sums out of their registers.
OCTET_SIMD_INLINE void KeepInRegister(__m512i& v) { __asm__("" : "+v"(v)); }

// Turns four vectors of scaled values into bytes.
struct QuadRounder {
  __m512i zero;  // 32 x s16
  __m512i low;   // 64 x 8 bit
  __m512i high;  // 64 x 8 bit
  bool is_signed;
  bool clamps;  // to less than the dtype's range
  bool plain;   // unsigned, of zero point 0, and not clamped

  explicit QuadRounder(const OutputSpec& spec)
      : zero(_mm512_set1_epi16(static_cast<int16_t>(spec.zero_point))),
        low(_mm512_set1_epi8(static_cast<char>(spec.lo))),
        high(_mm512_set1_epi8(static_cast<char>(spec.hi))),
        is_signed(spec.dtype == DType::kInt8),
        clamps(spec.hi - spec.lo < 255),
        plain(!is_signed && !clamps && spec.zero_point == 0) {}

  OCTET_SIMD_INLINE static __m512i Pair(__m512 a, __m512 b) {
    return _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
  }
  OCTET_SIMD_INLINE __m512i Round(__m512 a, __m512 b) const {
    return _mm512_adds_epi16(Pair(a, b), zero);
  }
  // REQUIRES: plain.
  OCTET_SIMD_INLINE static __m512i PackPlain(const __m512 (&v)[4]) {
    return _mm512_packus_epi16(Pair(v[0], v[1]), Pair(v[2], v[3]));
  }

  // In lane l, bytes 4v to 4v + 3 come from vector v's lane l.
  template <bool kSigned>
  OCTET_SIMD_INLINE __m512i PackUnclamped(const __m512 (&v)[4]) const {
    const __m512i a = Round(v[0], v[1]);
    const __m512i b = Round(v[2], v[3]);
    return kSigned ? _mm512_packs_epi16(a, b) : _mm512_packus_epi16(a, b);
  }
  OCTET_SIMD_INLINE __m512i Pack(const __m512 (&v)[4]) const {
    if (is_signed) {
      const __m512i bytes = PackUnclamped<true>(v);
      if (!clamps) return bytes;
      return _mm512_min_epi8(_mm512_max_epi8(bytes, low), high);
    }
    const __m512i bytes = PackUnclamped<false>(v);
    if (!clamps) return bytes;
    return _mm512_min_epu8(_mm512_max_epu8(bytes, low), high);
  }
};

// 64 bytes, less their zero point, as four vectors of floats in position order.
// An unsigned byte in the last bits of 2^23 makes 2^23 + byte, which takes no
// conversion; signed ones have their top bit flipped first.
struct ByteReader {
  __m512i flip;   // what is flipped of each byte
  __m512 base;    // 2^23
  __m512 offset;  // 2^23 + zero point

  explicit ByteReader(const ByteType& type) {
    constexpr int kBase = 1 << 23;
    const int flipped = type.dtype == DType::kInt8 ? 128 : 0;
    flip = _mm512_set1_epi8(static_cast<char>(flipped));
    base = _mm512_set1_ps(kBase);
    offset = _mm512_set1_ps(kBase + type.zero_point + flipped);
  }

  OCTET_SIMD_INLINE void Read(__m512i bytes, __m512 (&v)[4]) const {
    ReadUnsigned(_mm512_xor_si512(bytes, flip), v);
  }
  OCTET_SIMD_INLINE void ReadUnsigned(__m512i bytes, __m512 (&v)[4]) const {
    constexpr __mmask64 kLastBytes = 0x1111111111111111;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const __m512i order = _mm512_broadcast_i32x4(
          _mm_setr_epi32(4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3));
      const __m512i sums = _mm512_mask_shuffle_epi8(_mm512_castps_si512(base),
                                                    kLastBytes, bytes, order);
      v[i] = _mm512_sub_ps(_mm512_castsi512_ps(sums), offset);
    }
  }
};

// How the bytes of a packed group are arranged. kPixels: how many pixels there
// are, each in vectors of its own; 1 where all share the vectors.
template <int kPixels>
struct GroupOrder;

template <>
struct GroupOrder<1> {
  OCTET_SIMD_INLINE static __m512i ToMemory(__m512i bytes) { return bytes; }
  OCTET_SIMD_INLINE static __m512i FromMemory(__m512i bytes) { return bytes; }
  OCTET_SIMD_INLINE static void Sort(const __m512 (&v)[4], __m512 (&to)[4]) {
    const __m512 a = _mm512_shuffle_f32x4(v[0], v[1], 0x44);
    const __m512 b = _mm512_shuffle_f32x4(v[2], v[3], 0x44);
    const __m512 c = _mm512_shuffle_f32x4(v[0], v[1], 0xEE);
    const __m512 d = _mm512_shuffle_f32x4(v[2], v[3], 0xEE);
    to[0] = _mm512_shuffle_f32x4(a, b, 0x88);
    to[1] = _mm512_shuffle_f32x4(a, b, 0xDD);
    to[2] = _mm512_shuffle_f32x4(c, d, 0x88);
    to[3] = _mm512_shuffle_f32x4(c, d, 0xDD);
  }
};

template <>
struct GroupOrder<2> {
  OCTET_SIMD_INLINE static __m512i ToMemory(__m512i bytes) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7),
                                    bytes);
  }
  OCTET_SIMD_INLINE static __m512i FromMemory(__m512i bytes) {
    return _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7),
                                    bytes);
  }
  OCTET_SIMD_INLINE static void Sort(const __m512 (&v)[4], __m512 (&to)[4]) {
    const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6,
                                            7, 20, 21, 22, 23);
    const __m512i last = _mm512_add_epi32(first, _mm512_set1_epi32(8));
    for (int i = 0; i < 4; i += 2) {
      to[i] = _mm512_permutex2var_ps(v[i], first, v[i + 1]);
      to[i + 1] = _mm512_permutex2var_ps(v[i], last, v[i + 1]);
    }
  }
};

template <>
struct GroupOrder<4> {
  OCTET_SIMD_INLINE static __m512i ToMemory(__m512i bytes) {
    return _mm512_permutexvar_epi32(
        _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
        bytes);
  }
  OCTET_SIMD_INLINE static __m512i FromMemory(__m512i bytes) {
    return ToMemory(bytes);
  }
  OCTET_SIMD_INLINE static void Sort(const __m512 (&v)[4], __m512 (&to)[4]) {
    for (int i = 0; i < 4; ++i) to[i] = v[i];
  }
};

// Where the groups of one row of outputs go. Pixels are counted from the row's
// first; a group has 64 / width of them, of which the first `pixels` exist.
struct QuadTarget {
  int64_t stride;
  int channels;
  int width;
  int group_pixels;
  bool contiguous;  // a group's pixels follow each other without a gap

  explicit QuadTarget(const QuadOutput& out)
      : stride(out.stride),
        channels(out.channels),
        width(out.width),
        group_pixels(out.width == 64   ? 1
                     : out.width == 32 ? 2
                                       : 4),
        contiguous(out.channels == out.width &&
                   (out.width == kQuadGroup || out.stride == out.width)) {}

  OCTET_SIMD_INLINE void Store(uint8_t* p, __m512i bytes, int pixels) const {
    if (contiguous && pixels == group_pixels) {
      _mm512_storeu_si512(p, bytes);
    } else {
      StorePixels(p, bytes, pixels);
    }
  }

  OCTET_SIMD_INLINE void StorePixels(uint8_t* p, __m512i bytes,
                                     int pixels) const {
    const __mmask64 mask = FirstBytes(channels);
    if (width == kQuadGroup) {
      _mm512_mask_storeu_epi8(p, mask, bytes);
    } else if (width == kQuadGroup / 2) {
      const auto half = static_cast<__mmask32>(mask);
      _mm256_mask_storeu_epi8(p, half, _mm512_castsi512_si256(bytes));
      if (pixels > 1) {
        _mm256_mask_storeu_epi8(p + stride, half,
                                _mm512_extracti64x4_epi64(bytes, 1));
      }
    } else {
      const auto part = static_cast<__mmask16>(mask);
      _mm_mask_storeu_epi8(p, part, _mm512_castsi512_si128(bytes));
      if (pixels > 1) {
        _mm_mask_storeu_epi8(p + stride, part,
                             _mm512_extracti32x4_epi32(bytes, 1));
      }
      if (pixels > 2) {
        _mm_mask_storeu_epi8(p + 2 * stride, part,
                             _mm512_extracti32x4_epi32(bytes, 2));
      }
      if (pixels > 3) {
        _mm_mask_storeu_epi8(p + 3 * stride, part,
                             _mm512_extracti32x4_epi32(bytes, 3));
      }
    }
  }

  // The opposite; bytes that do not exist are 0.
  OCTET_SIMD_INLINE __m512i Load(const uint8_t* p, int pixels) const {
    if (contiguous && pixels == group_pixels) return LoadVector(p);
    const __mmask64 mask = FirstBytes(channels);
    if (width == kQuadGroup) return _mm512_maskz_loadu_epi8(mask, p);
    if (width == kQuadGroup / 2) {
      const auto half = static_cast<__mmask32>(mask);
      const __mmask32 second = pixels > 1 ? half : 0;
      return _mm512_inserti64x4(
          _mm512_castsi256_si512(_mm256_maskz_loadu_epi8(half, p)),
          _mm256_maskz_loadu_epi8(second, p + stride), 1);
    }
    const auto part = static_cast<__mmask16>(mask);
    __m512i bytes = _mm512_castsi128_si512(_mm_maskz_loadu_epi8(part, p));
    bytes = _mm512_inserti32x4(bytes, LoadPart(p, 1, pixels, part), 1);
    bytes = _mm512_inserti32x4(bytes, LoadPart(p, 2, pixels, part), 2);
    return _mm512_inserti32x4(bytes, LoadPart(p, 3, pixels, part), 3);
  }
  OCTET_SIMD_INLINE __m128i LoadPart(const uint8_t* p, int pixel, int pixels,
                                     __mmask16 mask) const {
    return _mm_maskz_loadu_epi8(pixel < pixels ? mask : 0, p + pixel * stride);
  }

  void StoreFloats(float* p, const __m512 (&sorted)[4], int pixels) const {
    alignas(kVectorBytes) float values[kQuadGroup];
    for (int i = 0; i < 4; ++i) _mm512_store_ps(values + 16 * i, sorted[i]);
    for (int i = 0; i < pixels; ++i) {
      for (int c = 0; c < channels; c += 16) {
        const auto mask = static_cast<__mmask16>(
            FirstBytes(channels - c < 16 ? channels - c : 16));
        _mm512_mask_storeu_ps(p + i * stride + c, mask,
                              _mm512_loadu_ps(values + i * width + c));
      }
    }
  }
};

// How the sums of whole groups are stored: each group to 64 elements in a row,
// as bytes of one type that need no clamp (with an unsigned residual added) or
// as floats; or in any way there is.
enum class Storing { kU8, kS8, kU8WithResidual, kFloat, kAny };

// From the sums of a group to memory.
template <int kPixels>
class QuadFinish {
  using Order = GroupOrder<kPixels>;

 public:
  explicit QuadFinish(const QuadOutput& out)
      : out_(out),
        rounder_(*out.spec),
        target_(out),
        residual_(out.residual == nullptr ? ByteType{} : out.residual->type),
        plain_(out.residual == nullptr && out.spec->dtype != DType::kFloat32) {}

  int group_pixels() const { return target_.group_pixels; }

  Storing whole_groups() const {
    if (!target_.contiguous) return Storing::kAny;
    const ResidualSpec* residual = out_.residual;
    if (out_.spec->dtype == DType::kFloat32) {
      return residual == nullptr ? Storing::kFloat : Storing::kAny;
    }
    if (rounder_.clamps) return Storing::kAny;
    if (residual == nullptr) {
      return rounder_.is_signed ? Storing::kS8 : Storing::kU8;
    }
    return rounder_.is_signed || residual->type.dtype != DType::kUInt8
               ? Storing::kAny
               : Storing::kU8WithResidual;
  }

  // Has the residual of a whole group brought into the L1 cache.
  OCTET_SIMD_INLINE void FetchResidual(int64_t offset) const {
    _mm_prefetch(out_.residual_data + offset, _MM_HINT_T0);
  }

  // Stores a whole group. `offset` elements after the row's first pixel lies
  // the group's. REQUIRES: kStoring is kAny or whole_groups().
  template <Storing kStoring>
  OCTET_SIMD_INLINE void StoreGroup(int64_t offset,
                                    const __m512i (&acc)[4]) const {
    if constexpr (kStoring == Storing::kAny) {
      Store(offset, target_.group_pixels, acc);
    } else if constexpr (kStoring == Storing::kFloat) {
      StoreFloats(reinterpret_cast<float*>(out_.output) + offset, acc);
    } else {
      __m512 v[4];
      if constexpr (kStoring == Storing::kU8WithResidual) {
        __m512 residual[4];
        residual_.ReadUnsigned(
            Order::FromMemory(LoadVector(out_.residual_data + offset)),
            residual);
        ScaleAndAdd(acc, residual, v);
      } else {
        Scale(acc, v);
      }
      _mm512_storeu_si512(
          out_.output + offset,
          Order::ToMemory(
              rounder_.template PackUnclamped<kStoring == Storing::kS8>(v)));
    }
  }

  // The same of the first `pixels` pixels of a group.
  OCTET_SIMD_INLINE void Store(int64_t offset, int pixels,
                               const __m512i (&acc)[4]) const {
    if (__builtin_expect(plain_, 1)) {
      __m512 v[4];
      Scale(acc, v);
      StoreBytes(offset, pixels, v);
    } else {
      // A copy, so that the sums themselves need no address.
      __m512i sums[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) sums[i] = acc[i];
      StoreAny(offset, pixels, sums);
    }
  }

 private:
  OCTET_SIMD_INLINE void Scale(const __m512i (&acc)[4], __m512 (&v)[4]) const {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[i]),
                           _mm512_loadu_ps(out_.multiplier + 16 * i));
    }
  }

  // `residual` is given less its zero point.
  OCTET_SIMD_INLINE void ScaleAndAdd(const __m512i (&acc)[4],
                                     const __m512 (&residual)[4],
                                     __m512 (&v)[4]) const {
    const __m512 multiplier = _mm512_set1_ps(out_.residual->multiplier);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(acc[i]),
                             _mm512_loadu_ps(out_.multiplier + 16 * i),
                             _mm512_mul_ps(residual[i], multiplier));
    }
  }

  OCTET_SIMD_INLINE void StoreBytes(int64_t offset, int pixels,
                                    const __m512 (&v)[4]) const {
    target_.Store(out_.output + offset, Order::ToMemory(rounder_.Pack(v)),
                  pixels);
  }

  // Sums scaled, clamped and in the order of memory.
  OCTET_SIMD_INLINE void StoreFloats(float* p, const __m512i (&acc)[4]) const {
    __m512 v[4];
    Scale(acc, v);
    Clamp(v);
    __m512 sorted[4];
    Order::Sort(v, sorted);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) _mm512_storeu_ps(p + 16 * i, sorted[i]);
  }

  OCTET_SIMD_INLINE void Clamp(__m512 (&v)[4]) const {
    const __m512 lower = _mm512_set1_ps(out_.spec->lower);
    const __m512 upper = _mm512_set1_ps(out_.spec->upper);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm512_min_ps(_mm512_max_ps(v[i], lower), upper);
    }
  }

  // Parts of groups, and what is rarer.
  __attribute__((noinline)) void StoreAny(int64_t offset, int pixels,
                                          const __m512i (&acc)[4]) const {
    __m512 v[4];
    if (out_.residual == nullptr) {
      Scale(acc, v);
    } else {
      __m512 residual[4];
      residual_.Read(
          Order::FromMemory(target_.Load(out_.residual_data + offset, pixels)),
          residual);
      ScaleAndAdd(acc, residual, v);
    }
    if (out_.spec->dtype != DType::kFloat32) {
      return StoreBytes(offset, pixels, v);
    }
    Clamp(v);
    __m512 sorted[4];
    Order::Sort(v, sorted);
    target_.StoreFloats(reinterpret_cast<float*>(out_.output) + offset, sorted,
                        pixels);
  }

  const QuadOutput out_;
  const QuadRounder rounder_;
  const QuadTarget target_;
  const ByteReader residual_;
  const bool plain_;  // bytes without a residual input
};

}  // namespace
}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_EPILOGUE_AVX512_H_
