// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/simd/conv_kernel.h"
#include "engine/simd/kernels_avx512.h"
#include "tests/engine/simd/oracle.h"

namespace octet::simd {
namespace {

ConvParams Depthwise(int64_t size, int64_t channels, int64_t kernel,
                     int64_t stride) {
  ConvParams p;
  p.height = p.width = size;
  p.in_channels = p.out_channels = p.groups = channels;
  p.kernel_h = p.kernel_w = kernel;
  p.stride_h = p.stride_w = stride;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = kernel / 2;
  return p;
}

void CheckShape(const ConvParams& params, uint32_t seed) {
  Random random(seed);
  ConvCase c;
  c.params = params;
  c.params.input = RandomByteType(random);
  c.params.output = RandomOutput(random);
  if (Uniform(random, 0, 2) == 0) {
    c.params.residual = ResidualSpec{RandomByteType(random), 0.5f};
  }
  FillRandom(random, &c);
  ExpectExact(c, random);
}

TEST(DepthwiseTest, MatchesTheOracleAtEveryChannelTail) {
  for (uint32_t channels = 2; channels <= 50; ++channels) {
    CheckShape(Depthwise(5, channels, 3, 1), channels);
    CheckShape(Depthwise(6, channels, 3, 2), channels + 100);
  }
}

// Blocks of 64, 32 and 16 channels, whole and not, after whole ones.
TEST(DepthwiseTest, MatchesTheOracleOnBlocksOfEveryWidth) {
  uint32_t seed = 500;
  for (int64_t channels :
       {63, 64, 65, 80, 81, 96, 97, 111, 112, 113, 128, 144}) {
    for (int64_t stride : {1, 2}) {
      CheckShape(Depthwise(7, channels, 3, stride), seed++);
      CheckShape(Depthwise(6, channels, 5, stride), seed++);
    }
  }
}

// 3x3 and 5x5 kernels with byte results, as most networks have them: whole
// blocks and not, u8 as behind a ReLU and all else, and every edge.
std::vector<ConvCase> CommonCases() {
  std::vector<ConvCase> cases;
  Random random(700);
  for (int64_t channels : {8, 16, 24, 32, 48, 64, 72, 144}) {
    for (int64_t width : {1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 17}) {
      for (int64_t stride : {1, 1, 2, 2}) {
        const int64_t kernel = cases.size() % 2 == 0 ? 3 : 5;
        ConvCase c;
        ConvParams& p = c.params;
        p = Depthwise(Uniform(random, 1, 9), channels, kernel, stride);
        p.width = width;
        p.batch = Uniform(random, 1, 2);
        p.pad_top = Uniform(random, 0, kernel);
        p.pad_left = Uniform(random, 0, kernel);
        p.pad_bottom = Uniform(random, kernel - 1, kernel);
        p.pad_right = Uniform(random, kernel - 1, kernel);
        if (Uniform(random, 0, 1) == 0) {
          p.input = {DType::kUInt8, static_cast<int>(Uniform(random, 0, 255))};
        } else {
          p.input = RandomByteType(random);
          do {
            p.output = RandomOutput(random);
          } while (p.output.dtype == DType::kFloat32);
        }
        FillRandom(random, &c);
        cases.push_back(std::move(c));
      }
    }
  }
  return cases;
}

TEST(DepthwiseTest, MatchesTheOracleOnCommonLayers) {
  Random random(701);
  for (const ConvCase& c : CommonCases()) ExpectExact(c, random);
}

// Conv takes the kernels of VBMI where they are.
TEST(DepthwiseTest, MatchesTheOracleWithoutVbmi) {
  if (ActiveIsa() < Isa::kAvx512Vnni) {
    GTEST_SKIP() << "this machine has no AVX-512 VNNI";
  }
  internal::Kernels kernels = internal::KernelsFor(Isa::kAvx512Vnni);
  kernels.direct_depthwise = internal::vnni::DirectDepthwiseRows;
  for (const ConvCase& c : CommonCases()) {
    ASSERT_TRUE(internal::DirectDepthwiseFits(c.params, kernels));
    const auto conv =
        internal::MakeDirectDepthwiseConv(c.params, c.constants(), kernels);
    std::vector<std::byte> scratch(conv->scratch_bytes());
    const std::vector<uint8_t> expected = ReferenceConv(c);
    std::vector<uint8_t> output(expected.size());
    conv->Run({.input = c.input.data(), .output = output.data()}, 0,
              conv->work_items(), scratch.data());
    EXPECT_TRUE(SameBytes(output, expected)) << Describe(c.params);
  }
}

// Strips of columns, cut at every place.
TEST(DepthwiseTest, MatchesTheOracleOnWideRows) {
  uint32_t seed = 600;
  for (int64_t channels : {8, 16, 32, 48, 64}) {
    for (int64_t width = 30; width <= 130; width += 7) {
      for (int64_t stride : {1, 2, 4}) {
        ConvParams p = Depthwise(3, channels, 3, stride);
        p.width = width;
        p.dilation_w = 1 + seed % 2;
        CheckShape(p, seed++);
      }
    }
  }
}

TEST(DepthwiseTest, MatchesTheOracleAtEverySizeAndStride) {
  uint32_t seed = 1;
  for (int64_t size = 1; size <= 16; ++size) {
    for (int64_t kernel : {2, 3, 4, 5, 7}) {
      for (int64_t stride : {1, 2, 3}) {
        if (size + kernel / 2 * 2 < kernel) continue;
        CheckShape(Depthwise(size, 16, kernel, stride), seed++);
      }
    }
  }
}

TEST(DepthwiseTest, MatchesTheOracleOnRandomGeometry) {
  Random random(17);
  for (int i = 0; i < 200; ++i) {
    ConvCase c;
    ConvParams& p = c.params;
    p.groups = p.in_channels = p.out_channels = Uniform(random, 2, 70);
    p.batch = Uniform(random, 1, 3);
    p.kernel_h = Uniform(random, 1, 5);
    p.kernel_w = Uniform(random, 1, 5);
    p.stride_h = Uniform(random, 1, 6);
    p.stride_w = Uniform(random, 1, 3);
    p.dilation_h = Uniform(random, 1, 3);
    p.dilation_w = Uniform(random, 1, 3);
    p.pad_top = Uniform(random, 0, 6);
    p.pad_left = Uniform(random, 0, 20);
    p.pad_bottom = Uniform(random, 0, 6);
    p.pad_right = Uniform(random, 0, 6);
    p.height = p.dilation_h * (p.kernel_h - 1) + Uniform(random, 1, 12);
    p.width = p.dilation_w * (p.kernel_w - 1) + Uniform(random, 1, 12);
    p.input = RandomByteType(random);
    p.output = RandomOutput(random);
    FillRandom(random, &c);
    ExpectExact(c, random);
    if (HasFatalFailure()) return;
  }
}

TEST(DepthwiseTest, MatchesTheOracleOnImagesOfSeveralBlocks) {
  CheckShape(Depthwise(60, 40, 3, 1), 1);
  CheckShape(Depthwise(61, 24, 3, 2), 2);
  CheckShape(Depthwise(45, 33, 5, 1), 3);
}

// Where few of many columns are read, and kernels beyond all reason.
TEST(DepthwiseTest, MatchesTheOracleOnUnusualSizes) {
  ConvParams p = Depthwise(3, 20, 3, 1);
  p.width = 90;
  p.stride_w = 40;
  CheckShape(p, 1);
  p.stride_w = 3;
  p.dilation_w = 43;
  CheckShape(p, 2);
  CheckShape(Depthwise(20, 6, 31, 1), 3);
  ConvParams wide = Depthwise(1, 4, 1, 1);
  wide.width = 4300;
  wide.kernel_w = 4200;
  CheckShape(wide, 4);
}

// The sums of one size are computed with the weights packed for another.
TEST(DepthwiseTest, SharesItsWeightsWithOtherSizes) {
  Random random(9);
  for (Isa isa : TestedIsas()) {
    for (int64_t kernel : {3, 5, 7}) {
      for (int64_t channels : {8, 70}) {
        ConvCase small;
        small.params = Depthwise(9, channels, kernel, 1);
        small.params.height = 1;
        FillRandom(random, &small);
        const auto conv = Conv::Create(small.params, small.constants(), isa);
        ASSERT_TRUE(conv.ok()) << conv.status();
        ConvCase large = small;
        large.params.height = 8;
        large.params.width = 11;
        large.params.batch = 2;
        large.input = RandomBytes(random, 2 * 8 * 11 * channels);
        const auto other = conv->ForInput(2, 8, 11);
        ASSERT_TRUE(other.ok()) << other.status();
        EXPECT_TRUE(
            SameBytes(RunConv(*other, large, 2, random), ReferenceConv(large)))
            << other->name() << " " << Describe(large.params);
      }
    }
  }
}

TEST(DepthwiseTest, SeveralOutputsPerChannelAreExactToo) {
  ConvParams p = Depthwise(7, 6, 3, 1);
  p.out_channels = 12;
  CheckShape(p, 5);
}

}  // namespace
}  // namespace octet::simd
