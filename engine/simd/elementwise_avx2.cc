// SPDX-License-Identifier: Apache-2.0
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "engine/simd/epilogue_avx2.h"
#include "engine/simd/interleave_planes.h"
#include "engine/simd/kernels_avx2.h"

namespace octet::simd::internal::avx2 {
namespace {

// One 16-byte pixel after the other: what StoreTile() takes.
constexpr int64_t kGroup = 16;

// `n` (1 to 16) elements in each of `pixels` (1 or 2) groups from `i` on.
template <int kPixels>
OCTET_SIMD_INLINE void SumGroups(const SumTask& task, const PanelOutput& out,
                                 int64_t i) {
  ResidualSpec a_spec;
  a_spec.type = task.a_type;
  const ResidualReader a_reader(a_spec);  // times 1: exact
  const ResidualReader b_reader(task.b_spec);
  const __m256 m = _mm256_set1_ps(task.multiplier);
  const auto value = [&](int k, __m256(&v)[2]) __attribute__((always_inline)) {
    __m256 a[2];
    a_reader.Read16(task.a + i + k * kGroup, out.channels, a);
    if (task.b == nullptr) {
      v[0] = _mm256_mul_ps(a[0], m);
      v[1] = _mm256_mul_ps(a[1], m);
    } else {
      __m256 b[2];
      b_reader.Read16(task.b + i + k * kGroup, out.channels, b);
      v[0] = _mm256_fmadd_ps(a[0], m, b[0]);
      v[1] = _mm256_fmadd_ps(a[1], m, b[1]);
    }
  };
  StoreTile<kPixels, 2>(out, i / kGroup, value);
}

// 32 pixels of three planes to 96 bytes r g b r g b ...
OCTET_SIMD_INLINE void InterleaveColours(__m256i r, __m256i g, __m256i b,
                                         uint8_t* dst) {
  const auto spread = [](__m128i v, int phase, int lane) {
    // Output byte 16 * lane + i holds channel (16 * lane + i) % 3 of pixel
    // (16 * lane + i) / 3; bytes of other channels become 0.
    alignas(16) int8_t index[16];
    for (int i = 0; i < 16; ++i) {
      const int at = 16 * lane + i;
      index[i] = at % 3 == phase ? static_cast<int8_t>(at / 3) : int8_t{-1};
    }
    return _mm_shuffle_epi8(
        v, _mm_load_si128(reinterpret_cast<const __m128i*>(index)));
  };
#pragma GCC unroll 2
  for (int half = 0; half < 2; ++half) {
    const __m128i hr =
        half ? _mm256_extracti128_si256(r, 1) : _mm256_castsi256_si128(r);
    const __m128i hg =
        half ? _mm256_extracti128_si256(g, 1) : _mm256_castsi256_si128(g);
    const __m128i hb =
        half ? _mm256_extracti128_si256(b, 1) : _mm256_castsi256_si128(b);
#pragma GCC unroll 3
    for (int lane = 0; lane < 3; ++lane) {
      _mm_storeu_si128(
          reinterpret_cast<__m128i*>(dst + half * 48 + lane * 16),
          _mm_or_si128(_mm_or_si128(spread(hr, 0, lane), spread(hg, 1, lane)),
                       spread(hb, 2, lane)));
    }
  }
}

struct Divider {
  static constexpr int64_t kPixels = 32;

  __m256 scale;
  ByteRounder rounder;

  static OutputSpec FullRange(const ByteType& type) {
    OutputSpec spec;
    spec.dtype = type.dtype;
    spec.zero_point = type.zero_point;
    spec.lo = type.dtype == DType::kInt8 ? -128 : 0;
    spec.hi = type.dtype == DType::kInt8 ? 127 : 255;
    return spec;
  }
  explicit Divider(const QuantizeTask& task)
      : scale(_mm256_set1_ps(task.scale)), rounder(FullRange(task.type)) {}

  // x / scale, 0 for NaN, no more than what rounds to an int32 (what is too low
  // for one rounds to INT_MIN, which is as good).
  OCTET_SIMD_INLINE __m256 Divide(__m256 x) const {
    const __m256 v = _mm256_div_ps(x, scale);
    const __m256 real = _mm256_and_ps(v, _mm256_cmp_ps(v, v, _CMP_ORD_Q));
    return _mm256_min_ps(real, _mm256_set1_ps(1e6f));
  }
  // After `prepare`.
  template <typename Prepare>
  OCTET_SIMD_INLINE __m256i Quantize(const float* x,
                                     const Prepare& prepare) const {
    __m256 v[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      v[i] = Divide(prepare(_mm256_loadu_ps(x + 8 * i)));
    }
    const __m256i bytes =
        rounder.Pack(rounder.Round(v[0], v[1]), rounder.Round(v[2], v[3]));
    return _mm256_permutevar8x32_epi32(
        bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
  }
  // 1 to 31 floats.
  template <typename Prepare>
  void QuantizePart(const float* x, int64_t n, const Prepare& prepare,
                    uint8_t* q) const {
    alignas(32) float in[32] = {};
    alignas(32) uint8_t result[32];
    memcpy(in, x, n * sizeof(float));
    _mm256_store_si256(reinterpret_cast<__m256i*>(result),
                       Quantize(in, prepare));
    memcpy(q, result, n);
  }
  OCTET_SIMD_INLINE static void Interleave3(__m256i a, __m256i b, __m256i c,
                                            uint8_t* dst) {
    InterleaveColours(a, b, c, dst);
  }
};

struct AsItIs {
  OCTET_SIMD_INLINE __m256 operator()(__m256 x) const { return x; }
};

// What a plane of QuantizePlanes() becomes first.
struct Normalized {
  __m256 mean;
  __m256 factor;

  Normalized(const QuantizeTask& task, int64_t channel)
      : mean(_mm256_set1_ps(task.mean[channel])),
        factor(_mm256_set1_ps(task.factor[channel])) {}
  OCTET_SIMD_INLINE __m256 operator()(__m256 x) const {
    return _mm256_mul_ps(_mm256_sub_ps(x, mean), factor);
  }
};

}  // namespace

void Sum(const SumTask& task) {
  PanelOutput out;
  out.spec = &task.output;
  out.output = task.out;
  out.stride = kGroup;
  out.channels = kGroup;
  int64_t i = 0;
  for (; i + 2 * kGroup <= task.count; i += 2 * kGroup) {
    SumGroups<2>(task, out, i);
  }
  for (; i < task.count; i += kGroup) {
    const int64_t left = task.count - i;
    out.channels = static_cast<int>(left < kGroup ? left : kGroup);
    SumGroups<1>(task, out, i);
  }
}

void Quantize(const QuantizeTask& task, const float* src, uint8_t* dst) {
  const Divider divider(task);
  int64_t i = 0;
  for (; i + 32 <= task.count; i += 32) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(dst + i),
                        divider.Quantize(src + i, AsItIs()));
  }
  if (i < task.count) {
    divider.QuantizePart(src + i, task.count - i, AsItIs(), dst + i);
  }
}

void Dequantize(const QuantizeTask& task, const uint8_t* src, float* dst) {
  const bool is_signed = task.type.dtype == DType::kInt8;
  const __m256 scale = _mm256_set1_ps(task.scale);
  const __m256i zero = _mm256_set1_epi32(task.type.zero_point);
  int64_t i = 0;
  for (; i + 8 <= task.count; i += 8) {
    const __m128i bytes =
        _mm_loadl_epi64(reinterpret_cast<const __m128i*>(src + i));
    const __m256i q =
        is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
    _mm256_storeu_ps(
        dst + i,
        _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_sub_epi32(q, zero)), scale));
  }
  for (; i < task.count; ++i) {
    const int q = is_signed ? static_cast<int8_t>(src[i]) : src[i];
    dst[i] = static_cast<float>(q - task.type.zero_point) * task.scale;
  }
}

void QuantizePlanes(const QuantizeTask& task, const float* src,
                    int64_t plane_stride, int64_t channels, uint8_t* dst) {
  if (task.factor != nullptr) {
    InterleavePlanes<Divider>(task, src, plane_stride, channels, dst,
                              [&](int64_t c) { return Normalized(task, c); });
  } else if (channels == 1) {
    Quantize(task, src, dst);
  } else {
    InterleavePlanes<Divider>(task, src, plane_stride, channels, dst,
                              [](int64_t /*c*/) { return AsItIs(); });
  }
}

}  // namespace octet::simd::internal::avx2
