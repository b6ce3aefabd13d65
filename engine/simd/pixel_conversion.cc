// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/pixel_conversion.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/half_types.h"
#include "engine/simd/kernels.h"

namespace octet::simd {
namespace {

constexpr int64_t kByteValues = 256;
// Tables of more channels than that would push everything else out of the
// nearest cache.
constexpr int64_t kMostTables = 16;

// A block's values stay in the nearest cache between its stages.
constexpr int64_t kBlockValues = 2048;
constexpr int64_t kBlockChannels = 64;

absl::Status CheckCount(size_t count, int64_t channels, const char* what) {
  if (count == 1 || count == static_cast<size_t>(channels)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "got ", count, " numbers for ", what,
      ", expected one for all channels or one for each of the ", channels));
}

bool IsAligned(const std::byte* floats) {
  return reinterpret_cast<uintptr_t>(floats) % alignof(float) == 0;
}

bool IsAll(const std::vector<float>& numbers, float number) {
  return std::all_of(numbers.begin(), numbers.end(),
                     [&](float each) { return each == number; });
}

// [channels, pixels] -> [pixels, channels], `stride` elements from pixel to
// pixel.
template <typename T>
void Interleave(const T* planes, int64_t channels, int64_t pixels,
                int64_t stride, T* target) {
  if (channels == 3) {
    for (int64_t i = 0; i < pixels; ++i) {
      target[i * stride] = planes[i];
      target[i * stride + 1] = planes[pixels + i];
      target[i * stride + 2] = planes[2 * pixels + i];
    }
    return;
  }
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < pixels; ++i) {
      target[i * stride + c] = planes[c * pixels + i];
    }
  }
}

}  // namespace

absl::StatusOr<PixelConverter> PixelConverter::Create(PixelSource source,
                                                      PixelTarget target,
                                                      Isa isa) {
  if (source.dtype != DType::kUInt8 && source.dtype != DType::kFloat16 &&
      source.dtype != DType::kBFloat16 && source.dtype != DType::kFloat32) {
    return absl::InvalidArgumentError(
        absl::StrCat("pixels are ", Name(source.dtype),
                     ", expected uint8, float16, bfloat16 or float32"));
  }
  if (target.channels < 1 || target.pixels < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("an image has ", target.channels, " channels of ",
                     target.pixels, " pixels, expected at least one"));
  }
  for (const auto& [numbers, what] : {std::pair(&source.mean, "the mean"),
                                      std::pair(&target.mean, "the mean"),
                                      std::pair(&source.scale, "the scale"),
                                      std::pair(&target.scale, "the scale")}) {
    absl::Status status = CheckCount(numbers->size(), target.channels, what);
    if (!status.ok()) return status;
  }
  return PixelConverter(std::move(source), std::move(target),
                        internal::KernelsFor(isa));
}

PixelConverter::PixelConverter(PixelSource source, PixelTarget target,
                               const internal::Kernels& kernels)
    : source_(std::move(source)),
      target_(std::move(target)),
      kernels_(&kernels) {
  for (Normalization each : {Normalization{source_.mean, source_.scale},
                             Normalization{target_.mean, target_.scale}}) {
    if (!IsAll(each.mean, 0) || !IsAll(each.scale, 1)) {
      normalizations_.push_back(std::move(each));
    }
  }
  const bool uniform =
      std::all_of(normalizations_.begin(), normalizations_.end(),
                  [](const Normalization& each) { return each.uniform(); });
  const bool same_order = source_.channels_last == target_.channels_last &&
                          !source_.reverse_channels;
  if (target_.pixels == 1 && !source_.reverse_channels && uniform) {
    source_.channels_last = target_.channels_last = false;
  }
  // Where no element moves and all mean the same, an image is one channel.
  if (target_.channels == 1 || (uniform && same_order)) {
    target_.pixels *= std::exchange(target_.channels, 1);
    source_.channels_last = target_.channels_last = false;
    source_.reverse_channels = false;
  }
  if (source_.dtype == DType::kUInt8 && target_.channels <= kMostTables) {
    MakeTables();
    MakeScaling();
  } else if (source_.channels_last && target_.channels_last &&
             !source_.reverse_channels && target_.channels <= kBlockValues) {
    MakePatterns();
  } else if (source_.dtype == DType::kFloat32 && target_.quantizer &&
             !source_.channels_last && target_.channels_last &&
             !source_.reverse_channels && normalizations_.size() == 1) {
    of_planes_.emplace();
    for (int64_t c = 0; c < target_.channels; ++c) {
      of_planes_->mean.push_back(normalizations_[0].MeanOf(c));
      of_planes_->scale.push_back(normalizations_[0].ScaleOf(c));
    }
  }
}

// `values` are of channel `c`.
void PixelConverter::Normalize(int64_t c, float* values, int64_t count) const {
  for (const Normalization& each : normalizations_) {
    const float mean = each.MeanOf(c);
    const float scale = each.ScaleOf(c);
    for (int64_t i = 0; i < count; ++i) values[i] = (values[i] - mean) * scale;
  }
}

void PixelConverter::MakeTables() {
  std::vector<float> values(target_.channels * kByteValues);
  for (int64_t c = 0; c < target_.channels; ++c) {
    float* const table = values.data() + c * kByteValues;
    std::iota(table, table + kByteValues, 0.0f);
    Normalize(c, table, kByteValues);
  }
  if (!target_.quantizer) {
    float_tables_ = std::move(values);
    return;
  }
  byte_tables_.resize(values.size());
  target_.quantizer->Quantize(values.data(), byte_tables_.data(), 0,
                              static_cast<int64_t>(values.size()));
  // Pixels that had a normalization undone are bytes again.
  bool same =
      !source_.reverse_channels &&
      (target_.channels == 1 || source_.channels_last == target_.channels_last);
  for (size_t i = 0; i < byte_tables_.size(); ++i) {
    same = same && byte_tables_[i] == i % kByteValues;
  }
  copies_ = same;
}

// Looking up is a byte at a time, arithmetic many; but only the table knows
// what the operations of the definition, each rounded, come to. The arithmetic
// is therefore tried on every byte, and kept where it is never wrong.
void PixelConverter::MakeScaling() {
  const int64_t channels = target_.channels;
  if (kernels_->scale_bytes == nullptr || byte_tables_.empty() || copies_ ||
      source_.channels_last != target_.channels_last) {
    return;
  }
  if (channels > 1 && !source_.channels_last) return;
  internal::ByteScaling scaling;
  constexpr int kLanes = internal::ByteScaling::kLanes;
  scaling.step = static_cast<int>(kLanes / channels * channels);
  scaling.is_signed = target_.quantizer->type().dtype == DType::kInt8;
  const double step = target_.quantizer->scale();
  for (int lane = 0; lane < kLanes; ++lane) {
    const int64_t c = lane % channels;
    scaling.order[lane] = static_cast<uint8_t>(
        lane < scaling.step ? lane - c + SourceChannel(c) : lane);
    double multiplier = 1;
    double addend = 0;
    for (const Normalization& each : normalizations_) {
      multiplier *= each.ScaleOf(c);
      addend = (addend - each.MeanOf(c)) * each.ScaleOf(c);
    }
    scaling.multiplier[lane] = static_cast<float>(multiplier / step);
    scaling.addend[lane] = static_cast<float>(
        target_.quantizer->type().zero_point + addend / step);
  }
  // Every byte in every channel; what the vectors leave over repeats others.
  std::vector<uint8_t> bytes((kByteValues + kLanes) * channels);
  std::vector<uint8_t> looked_up(bytes.size());
  for (size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<uint8_t>(i / channels);
    looked_up[i] = byte_tables_[i % channels * kByteValues + bytes[i]];
  }
  std::vector<uint8_t> computed(bytes.size());
  const int64_t done = kernels_->scale_bytes(scaling, bytes.data(),
                                             static_cast<int64_t>(bytes.size()),
                                             computed.data());
  if (std::equal(computed.begin(), computed.begin() + done,
                 looked_up.begin())) {
    scaling_ = std::make_shared<const internal::ByteScaling>(scaling);
  }
}

void PixelConverter::MakePatterns() {
  interleaved_ = kBlockValues / target_.channels * target_.channels;
  for (const Normalization& each : normalizations_) {
    Normalization& pattern = patterns_.emplace_back();
    for (int64_t i = 0; i < interleaved_; ++i) {
      pattern.mean.push_back(each.MeanOf(i % target_.channels));
      pattern.scale.push_back(each.ScaleOf(i % target_.channels));
    }
  }
}

// `count` elements of any address to float32.
void PixelConverter::ToFloats(const std::byte* source, int64_t count,
                              float* values) const {
  switch (source_.dtype) {
    case DType::kUInt8:
      for (int64_t i = 0; i < count; ++i) {
        values[i] = static_cast<float>(std::to_integer<int>(source[i]));
      }
      return;
    case DType::kFloat16:
      kernels_->widen_halves(source, count, values);
      return;
    case DType::kBFloat16:
      for (int64_t i = 0; i < count; ++i) {
        uint16_t bits;
        std::memcpy(&bits, source + i * sizeof(bits), sizeof(bits));
        values[i] = FloatFromBFloat16(bits);
      }
      return;
    default:
      std::memcpy(values, source, count * sizeof(float));
  }
}

// The pixels of an image of bytes by arithmetic, the last few by the tables.
void PixelConverter::ScaleImage(const uint8_t* source, uint8_t* target) const {
  const int64_t channels = target_.channels;
  const int64_t count = channels * target_.pixels;
  for (int64_t i = kernels_->scale_bytes(*scaling_, source, count, target);
       i < count; ++i) {
    const int64_t c = i % channels;
    target[i] =
        byte_tables_[c * kByteValues + source[i - c + SourceChannel(c)]];
  }
}

// Pixels that stay pixels, channels in their order.
void PixelConverter::ConvertInterleaved(const std::byte* source,
                                        std::byte* target) const {
  float values[kBlockValues];
  const auto size = static_cast<int64_t>(SizeOf(source_.dtype));
  const int64_t elements = target_.channels * target_.pixels;
  for (int64_t first = 0; first < elements; first += interleaved_) {
    const int64_t count = std::min(interleaved_, elements - first);
    ToFloats(source + first * size, count, values);
    for (const Normalization& each : patterns_) {
      for (int64_t i = 0; i < count; ++i) {
        values[i] = (values[i] - each.mean[i]) * each.scale[i];
      }
    }
    if (target_.quantizer) {
      target_.quantizer->Quantize(values, target + first, 0, count);
    } else {
      std::memcpy(target + first * sizeof(float), values,
                  count * sizeof(float));
    }
  }
}

template <typename T>
void PixelConverter::LookUp(const uint8_t* source, const std::vector<T>& tables,
                            T* target) const {
  const int64_t channels = target_.channels;
  const int64_t pixels = target_.pixels;
  const int64_t from_step = source_.channels_last ? channels : 1;
  const int64_t to_step = target_.channels_last ? channels : 1;
  const auto from = [&](int64_t c) {
    return source + SourceChannel(c) * (source_.channels_last ? 1 : pixels);
  };
  if (channels == 3) {
    const uint8_t* const a = from(0);
    const uint8_t* const b = from(1);
    const uint8_t* const c = from(2);
    const T* const table = tables.data();
    const int64_t plane = target_.channels_last ? 1 : pixels;
    for (int64_t i = 0; i < pixels; ++i) {
      T* const to = target + i * to_step;
      to[0] = table[a[i * from_step]];
      to[plane] = table[kByteValues + b[i * from_step]];
      to[2 * plane] = table[2 * kByteValues + c[i * from_step]];
    }
    return;
  }
  for (int64_t c = 0; c < channels; ++c) {
    const T* const table = tables.data() + c * kByteValues;
    const uint8_t* const plane = from(c);
    T* const to = target + c * (target_.channels_last ? 1 : pixels);
    for (int64_t i = 0; i < pixels; ++i) {
      to[i * to_step] = table[plane[i * from_step]];
    }
  }
}

void PixelConverter::Load(const std::byte* source, const Block& block,
                          float* values) const {
  const auto size = static_cast<int64_t>(SizeOf(source_.dtype));
  if (!source_.channels_last) {
    for (int64_t k = 0; k < block.channels; ++k) {
      const int64_t c = block.first_channel + k;
      const int64_t first =
          SourceChannel(c) * target_.pixels + block.first_pixel;
      float* const plane = values + k * block.pixels;
      ToFloats(source + first * size, block.pixels, plane);
      Normalize(c, plane, block.pixels);
    }
    return;
  }
  float interleaved[kBlockValues];
  const int64_t last = block.first_channel + block.channels - 1;
  const int64_t lowest =
      std::min(SourceChannel(block.first_channel), SourceChannel(last));
  // Whole pixels are one run of elements.
  const int64_t runs = block.channels == target_.channels ? 1 : block.pixels;
  const int64_t run = block.channels * block.pixels / runs;
  for (int64_t i = 0; i < runs; ++i) {
    const int64_t first = (block.first_pixel + i) * target_.channels + lowest;
    ToFloats(source + first * size, run, interleaved + i * run);
  }
  for (int64_t k = 0; k < block.channels; ++k) {
    const int64_t c = block.first_channel + k;
    const float* const from = interleaved + SourceChannel(c) - lowest;
    float* const plane = values + k * block.pixels;
    for (int64_t i = 0; i < block.pixels; ++i) {
      plane[i] = from[i * block.channels];
    }
    Normalize(c, plane, block.pixels);
  }
}

void PixelConverter::Store(const float* values, const Block& block,
                           std::byte* target) const {
  const int64_t count = block.channels * block.pixels;
  const auto place = [&](const auto* planes, auto* image) {
    if (target_.channels_last) {
      Interleave(
          planes, block.channels, block.pixels, target_.channels,
          image + block.first_pixel * target_.channels + block.first_channel);
      return;
    }
    for (int64_t k = 0; k < block.channels; ++k) {
      std::memcpy(image + (block.first_channel + k) * target_.pixels +
                      block.first_pixel,
                  planes + k * block.pixels, block.pixels * sizeof(*planes));
    }
  };
  if (!target_.quantizer) {
    place(values, reinterpret_cast<float*>(target));
    return;
  }
  auto* const bytes = reinterpret_cast<uint8_t*>(target);
  if (target_.channels_last && block.channels == target_.channels) {
    target_.quantizer->QuantizePlanes(
        {block.channels, block.pixels}, values,
        bytes + block.first_pixel * target_.channels, 0, block.pixels);
    return;
  }
  uint8_t quantized[kBlockValues];
  target_.quantizer->Quantize(values, quantized, 0, count);
  place(quantized, bytes);
}

void PixelConverter::ConvertImage(const std::byte* source,
                                  std::byte* target) const {
  float values[kBlockValues];
  const int64_t channels = std::min(target_.channels, kBlockChannels);
  // Vector kernels take 32 pixels at a time.
  const int64_t pixels = kBlockValues / channels / 32 * 32;
  for (int64_t p = 0; p < target_.pixels; p += pixels) {
    for (int64_t c = 0; c < target_.channels; c += channels) {
      const Block block = {c, std::min(channels, target_.channels - c), p,
                           std::min(pixels, target_.pixels - p)};
      Load(source, block, values);
      Store(values, block, target);
    }
  }
}

void PixelConverter::Convert(const void* source, int64_t images,
                             void* target) const {
  const int64_t elements = target_.channels * target_.pixels;
  if (copies_) {
    std::memcpy(target, source, images * elements);
    return;
  }
  const auto from_bytes = static_cast<int64_t>(source_bytes());
  const int64_t to_bytes = target_.quantizer
                               ? elements
                               : elements * static_cast<int64_t>(sizeof(float));
  for (int64_t i = 0; i < images; ++i) {
    const auto* from = static_cast<const std::byte*>(source) + i * from_bytes;
    auto* to = static_cast<std::byte*>(target) + i * to_bytes;
    const auto* bytes = reinterpret_cast<const uint8_t*>(from);
    if (scaling_ != nullptr) {
      ScaleImage(bytes, reinterpret_cast<uint8_t*>(to));
    } else if (!byte_tables_.empty()) {
      LookUp(bytes, byte_tables_, reinterpret_cast<uint8_t*>(to));
    } else if (!float_tables_.empty()) {
      LookUp(bytes, float_tables_, reinterpret_cast<float*>(to));
    } else if (interleaved_ > 0) {
      ConvertInterleaved(from, to);
    } else if (of_planes_ && IsAligned(from)) {
      target_.quantizer->QuantizePlanes(
          {target_.channels, target_.pixels, of_planes_->mean.data(),
           of_planes_->scale.data()},
          reinterpret_cast<const float*>(from), to, 0, target_.pixels);
    } else {
      ConvertImage(from, to);
    }
  }
}

}  // namespace octet::simd
