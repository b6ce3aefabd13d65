// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_PIXEL_CONVERSION_H_
#define OCTET_ENGINE_SIMD_PIXEL_CONVERSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/dtype.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/elementwise.h"
#include "engine/simd/quantized_types.h"

namespace octet::simd {

namespace internal {
struct ByteScaling;
}  // namespace internal

// How images arrive and what their elements mean:
//   value = (x - mean) * scale
// in float32, both operations rounded.
struct PixelSource {
  DType dtype = DType::kFloat32;  // or kUInt8, kFloat16, kBFloat16
  bool channels_last = false;     // [pixels, C] rather than [C, pixels]
  bool reverse_channels = false;  // the target's first channel comes last
  // One for all channels, or one for each of the target's.
  std::vector<float> mean = {0};
  std::vector<float> scale = {1};
};

// What becomes of the values.
struct PixelTarget {
  int64_t channels = 1;
  int64_t pixels = 1;  // of one channel of one image
  bool channels_last = false;
  std::optional<Quantizer> quantizer;  // none: they stay float32
  // Before that, (value - mean) * scale in the same way; one for all channels,
  // or one for each.
  std::vector<float> mean = {0};
  std::vector<float> scale = {1};
};

// Images from the form they arrive in to the form that a plan reads, in one
// pass. The results are the bytes that computing the values in float32 and
// quantizing those gives. Immutable and thread-safe.
class PixelConverter {
 public:
  // INVALID_ARGUMENT  another dtype, sizes below 1, or, in source or target,
  //                   neither one nor `channels` means and scales.
  static absl::StatusOr<PixelConverter> Create(PixelSource source,
                                               PixelTarget target,
                                               Isa isa = ActiveIsa());

  // `source` and `target` hold `images` dense images and need no alignment
  // (float targets: that of a float).
  void Convert(const void* source, int64_t images, void* target) const;

  // Of one image.
  size_t source_bytes() const {
    return target_.channels * target_.pixels * SizeOf(source_.dtype);
  }

 private:
  // A part of an image: channels (of the target) and pixels from the given
  // ones on.
  struct Block {
    int64_t first_channel;
    int64_t channels;
    int64_t first_pixel;
    int64_t pixels;
  };

  PixelConverter(PixelSource source, PixelTarget target,
                 const internal::Kernels& kernels);

  void MakeTables();
  void MakeScaling();
  void MakePatterns();
  template <typename T>
  void LookUp(const uint8_t* source, const std::vector<T>& tables,
              T* target) const;
  void ScaleImage(const uint8_t* source, uint8_t* target) const;
  void ConvertInterleaved(const std::byte* source, std::byte* target) const;
  void ConvertImage(const std::byte* source, std::byte* target) const;
  void ToFloats(const std::byte* source, int64_t count, float* values) const;
  void Load(const std::byte* source, const Block& block, float* values) const;
  void Store(const float* values, const Block& block, std::byte* target) const;

  // (x - mean) * scale, one number for all channels or one for each.
  struct Normalization {
    std::vector<float> mean;
    std::vector<float> scale;

    bool uniform() const { return mean.size() == 1 && scale.size() == 1; }
    float MeanOf(int64_t c) const { return mean[mean.size() == 1 ? 0 : c]; }
    float ScaleOf(int64_t c) const { return scale[scale.size() == 1 ? 0 : c]; }
  };
  void Normalize(int64_t c, float* values, int64_t count) const;

  // Which channel of the source is the target's channel `c`.
  int64_t SourceChannel(int64_t c) const {
    return source_.reverse_channels ? target_.channels - 1 - c : c;
  }

  PixelSource source_;
  PixelTarget target_;
  // Those of source and target, in this order, that change anything.
  std::vector<Normalization> normalizations_;
  const internal::Kernels* kernels_;
  // What each of the 256 bytes becomes, by the target's channel; at most one
  // of them is not empty.
  std::vector<uint8_t> byte_tables_;
  std::vector<float> float_tables_;
  bool copies_ = false;  // bytes become themselves, in place
  // Where arithmetic was found to give all of `byte_tables_` and is faster.
  std::shared_ptr<const internal::ByteScaling> scaling_;
  // Where pixels stay interleaved: the elements of a block of whole ones (else
  // 0), and normalizations_ with a number for each of these.
  int64_t interleaved_ = 0;
  std::vector<Normalization> patterns_;
  // Where quantizing planes of floats can normalize them, too: a number for
  // each channel.
  std::optional<Normalization> of_planes_;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_PIXEL_CONVERSION_H_
