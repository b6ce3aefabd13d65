// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/pixel_conversion.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/half_types.h"
#include "tests/engine/simd/oracle.h"

namespace octet::simd {
namespace {

constexpr DType kTypes[] = {DType::kUInt8, DType::kFloat16, DType::kBFloat16,
                            DType::kFloat32};

struct Case {
  PixelSource source;
  int64_t channels = 1;
  int64_t pixels = 1;
  bool channels_last = false;
  std::optional<ByteType> type;  // none: float
  float step = 0.037f;
  int64_t images = 1;
  // The target's own.
  std::vector<float> mean = {0};
  std::vector<float> scale = {1};

  std::string Text() const {
    return absl::StrCat(Name(source.dtype), source.channels_last ? " last" : "",
                        source.reverse_channels ? " reversed" : "", " C",
                        channels, " P", pixels, " means ", source.mean.size(),
                        " scales ", source.scale.size(), " -> ",
                        type ? Name(type->dtype) : "float32",
                        channels_last ? " last" : "", " x", images);
  }
};

// One element at `at`, and the number that it is.
float ElementAt(const std::vector<uint8_t>& bytes, DType dtype, int64_t at) {
  if (dtype == DType::kUInt8) return bytes[at];
  uint16_t half;
  float whole;
  if (dtype == DType::kFloat32) {
    std::memcpy(&whole, &bytes[at * 4], 4);
    return whole;
  }
  std::memcpy(&half, &bytes[at * 2], 2);
  return dtype == DType::kFloat16 ? FloatFromHalf(half)
                                  : FloatFromBFloat16(half);
}

std::vector<uint8_t> RandomElements(DType dtype, int64_t count,
                                    Random& random) {
  std::vector<uint8_t> bytes(count * SizeOf(dtype));
  for (int64_t i = 0; i < count; ++i) {
    const float value =
        static_cast<float>(Uniform(random, -30000, 30000)) / 100;
    const uint16_t half = dtype == DType::kFloat16 ? HalfFromFloat(value)
                                                   : BFloat16FromFloat(value);
    if (dtype == DType::kUInt8) {
      bytes[i] = static_cast<uint8_t>(Uniform(random, 0, 255));
    } else if (dtype == DType::kFloat32) {
      std::memcpy(&bytes[i * 4], &value, 4);
    } else {
      std::memcpy(&bytes[i * 2], &half, 2);
    }
  }
  return bytes;
}

// Element by element, in float32 and through a Quantizer of one element.
std::vector<uint8_t> Reference(const Case& c,
                               const std::vector<uint8_t>& source) {
  const size_t size = c.type ? 1 : 4;
  std::vector<uint8_t> target(c.images * c.channels * c.pixels * size);
  for (int64_t n = 0; n < c.images; ++n) {
    for (int64_t channel = 0; channel < c.channels; ++channel) {
      const int64_t from_channel =
          c.source.reverse_channels ? c.channels - 1 - channel : channel;
      const auto& means = c.source.mean;
      const auto& scales = c.source.scale;
      const float mean = means[means.size() == 1 ? 0 : channel];
      const float scale = scales[scales.size() == 1 ? 0 : channel];
      for (int64_t p = 0; p < c.pixels; ++p) {
        const int64_t image = n * c.channels * c.pixels;
        const int64_t from =
            image + (c.source.channels_last ? p * c.channels + from_channel
                                            : from_channel * c.pixels + p);
        const int64_t to = image + (c.channels_last ? p * c.channels + channel
                                                    : channel * c.pixels + p);
        // Volatile: both operations round, whatever the compiler may think.
        volatile float less = ElementAt(source, c.source.dtype, from) - mean;
        volatile float value = less * scale;
        less = value - c.mean[c.mean.size() == 1 ? 0 : channel];
        value = less * c.scale[c.scale.size() == 1 ? 0 : channel];
        const float result = value;
        if (!c.type) {
          std::memcpy(&target[to * 4], &result, 4);
          continue;
        }
        const auto quantizer =
            Quantizer::Create(c.step, *c.type, Isa::kPortable);
        quantizer->Quantize(&result, &target[to], 0, 1);
      }
    }
  }
  return target;
}

void Check(const Case& c, Random& random) {
  const int64_t elements = c.images * c.channels * c.pixels;
  const std::vector<uint8_t> source =
      RandomElements(c.source.dtype, elements, random);
  const std::vector<uint8_t> want = Reference(c, source);
  for (Isa isa : TestedIsas()) {
    PixelTarget target = {c.channels,   c.pixels, c.channels_last,
                          std::nullopt, c.mean,   c.scale};
    if (c.type) target.quantizer = *Quantizer::Create(c.step, *c.type, isa);
    const auto converter = PixelConverter::Create(c.source, target, isa);
    ASSERT_TRUE(converter.ok()) << converter.status();
    // Exactly sized, at an odd address and at one of a float.
    for (size_t offset : {1, 0}) {
      std::vector<uint8_t> moved(source.size() + offset);
      std::memcpy(moved.data() + offset, source.data(), source.size());
      std::vector<uint8_t> got(want.size(), 0x5A);
      converter->Convert(moved.data() + offset, c.images, got.data());
      ASSERT_TRUE(SameBytes(got, want))
          << IsaName(isa) << " " << c.Text() << " offset " << offset;
    }
  }
}

std::vector<float> RandomNumbers(int64_t count, float low, float high,
                                 Random& random) {
  std::vector<float> numbers;
  for (int64_t i = 0; i < count; ++i) {
    const auto part = static_cast<float>(Uniform(random, 0, 1000)) / 1000;
    numbers.push_back(low + (high - low) * part);
  }
  return numbers;
}

// Four of `bits` choose the layouts and what comes out.
Case CaseOf(DType dtype, int bits, Random& random) {
  Case c;
  c.source.dtype = dtype;
  c.source.channels_last = (bits & 1) != 0;
  c.source.reverse_channels = (bits & 2) != 0;
  c.channels_last = (bits & 4) != 0;
  if ((bits & 8) != 0) c.type = RandomByteType(random);
  return c;
}

TEST(PixelConversionTest, MatchesTheElementwiseFormInEveryCombination) {
  Random random(1);
  for (DType dtype : kTypes) {
    for (int bits = 0; bits < 32; ++bits) {
      for (int64_t channels : {1, 2, 3, 4, 17}) {
        Case c = CaseOf(dtype, bits, random);
        c.channels = channels;
        c.pixels = Uniform(random, 1, 150);
        c.images = Uniform(random, 1, 3);
        const int64_t numbers = (bits & 16) != 0 ? channels : 1;
        c.source.mean = RandomNumbers(numbers, -50, 150, random);
        c.source.scale = RandomNumbers(numbers, 0.001f, 0.05f, random);
        Check(c, random);
      }
    }
  }
}

TEST(PixelConversionTest, MatchesWhereAnImageIsManyBlocks) {
  Random random(2);
  for (DType dtype : kTypes) {
    for (const auto& [channels, pixels] : {std::pair<int64_t, int64_t>{3, 2500},
                                           {1, 5000},
                                           {200, 70},
                                           {64, 33},
                                           {65, 31},
                                           {3000, 1},
                                           {16, 300}}) {
      for (int bits = 0; bits < 16; ++bits) {
        Case c = CaseOf(dtype, bits, random);
        c.channels = channels;
        c.pixels = pixels;
        c.source.mean = RandomNumbers(channels, -50, 150, random);
        c.source.scale = {-0.02f};
        Check(c, random);
      }
    }
  }
}

TEST(PixelConversionTest, TheTargetNormalizesOnceMore) {
  Random random(4);
  for (DType dtype : kTypes) {
    for (int bits = 0; bits < 64; ++bits) {
      for (const auto& [channels, pixels] :
           {std::pair<int64_t, int64_t>{1, 90}, {3, 70}, {3, 1500}, {5, 33}}) {
        Case c = CaseOf(dtype, bits, random);
        c.channels = channels;
        c.pixels = pixels;
        if ((bits & 16) != 0) {
          c.source.mean = RandomNumbers(channels, -50, 150, random);
          c.source.scale = RandomNumbers(channels, 0.01f, 0.05f, random);
        }
        const int64_t numbers = (bits & 32) != 0 ? channels : 1;
        c.mean = RandomNumbers(numbers, -2, 2, random);
        c.scale = RandomNumbers(numbers, 0.1f, 3, random);
        Check(c, random);
      }
    }
  }
}

// Bytes that were normalized channel by channel, and that again undone.
TEST(PixelConversionTest, WhatIsUndoneMeansItself) {
  Random random(5);
  for (bool channels_last : {false, true}) {
    Case c;
    c.source.dtype = DType::kUInt8;
    c.source.channels_last = channels_last;
    c.source.mean = {123.675f, 116.28f, 103.53f};
    c.source.scale = {1 / 58.395f, 1 / 57.12f, 1 / 57.375f};
    c.channels_last = true;
    c.mean = {-123.675f / 58.395f, -116.28f / 57.12f, -103.53f / 57.375f};
    c.scale = {58.395f, 57.12f, 57.375f};
    c.step = 1;
    c.type = ByteType{DType::kUInt8, 0};
    c.channels = 3;
    c.pixels = 77;
    c.images = 2;
    Check(c, random);
    const std::vector<uint8_t> source =
        RandomElements(DType::kUInt8, 2 * 3 * 77, random);
    if (channels_last) {
      EXPECT_EQ(Reference(c, source), source);
    }
  }
}

TEST(PixelConversionTest, BytesThatMeanThemselvesAreCopied) {
  Random random(3);
  Case c;
  c.source.dtype = DType::kUInt8;
  c.source.channels_last = c.channels_last = true;
  c.source.scale = {1.0f / 255};
  c.step = 1.0f / 255;
  c.type = ByteType{DType::kUInt8, 0};
  c.channels = 3;
  c.pixels = 77;
  c.images = 2;
  Check(c, random);
  c.type = ByteType{DType::kUInt8, 3};
  Check(c, random);
}

TEST(PixelConversionTest, NumbersThatAreNoneBecomeTheZeroPoint) {
  const uint16_t halves[] = {0x7e00, 0xfc00, 0x7c00, 0x0000};
  PixelSource source;
  source.dtype = DType::kFloat16;
  PixelTarget target;
  target.pixels = 4;
  target.quantizer = *Quantizer::Create(0.5f, {DType::kUInt8, 7});
  const auto converter = PixelConverter::Create(source, target);
  ASSERT_TRUE(converter.ok()) << converter.status();
  uint8_t got[4];
  converter->Convert(halves, 1, got);
  EXPECT_EQ(got[0], 7);
  EXPECT_EQ(got[1], 0);
  EXPECT_EQ(got[2], 255);
  EXPECT_EQ(got[3], 7);
}

TEST(PixelConversionTest, RefusesWhatItCannotConvert) {
  const auto refusal = [](PixelSource source, PixelTarget target) {
    return PixelConverter::Create(std::move(source), target).status();
  };
  PixelSource source;
  source.dtype = DType::kInt32;
  EXPECT_TRUE(absl::IsInvalidArgument(refusal(source, {3, 4, false, {}})));
  source = PixelSource();
  source.mean = {1, 2};
  EXPECT_TRUE(absl::IsInvalidArgument(refusal(source, {3, 4, false, {}})));
  source = PixelSource();
  source.scale = {};
  EXPECT_TRUE(absl::IsInvalidArgument(refusal(source, {3, 4, false, {}})));
  EXPECT_TRUE(absl::IsInvalidArgument(refusal({}, {3, 0, false, {}})));
}

}  // namespace
}  // namespace octet::simd
