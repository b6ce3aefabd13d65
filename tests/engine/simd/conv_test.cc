// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/conv.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "tests/engine/simd/oracle.h"

namespace octet::simd {
namespace {

ConvParams Square(int64_t size, int64_t in, int64_t out, int64_t kernel,
                  int64_t stride) {
  ConvParams p;
  p.height = p.width = size;
  p.in_channels = in;
  p.out_channels = out;
  p.kernel_h = p.kernel_w = kernel;
  p.stride_h = p.stride_w = stride;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = kernel / 2;
  return p;
}

void AddRandomTypes(Random& random, ConvParams* p) {
  p->input = RandomByteType(random);
  p->output = RandomOutput(random);
  if (Uniform(random, 0, 2) == 0) {
    p->residual = ResidualSpec{RandomByteType(random), 0.37f};
  }
}

void CheckShape(ConvParams params, uint32_t seed) {
  Random random(seed);
  AddRandomTypes(random, &params);
  ConvCase c;
  c.params = params;
  FillRandom(random, &c);
  ExpectExact(c, random);
}

TEST(ConvTest, MatchesTheOracleAtEveryChannelTail) {
  uint32_t seed = 1;
  for (int64_t channels = 1; channels <= 35; ++channels) {
    CheckShape(Square(5, 7, channels, 3, 1), seed++);
    CheckShape(Square(5, channels, 11, 3, 1), seed++);
    CheckShape(Square(4, channels, 17, 1, 1), seed++);
  }
}

// Panels of 64, 32 and 16 output channels, whole and not, after whole ones.
TEST(ConvTest, MatchesTheOracleOnPanelsOfEveryWidth) {
  uint32_t seed = 300;
  for (int64_t channels : {48, 49, 63, 64, 65, 80, 81, 96, 97, 112, 113, 128}) {
    CheckShape(Square(5, 9, channels, 3, 1), seed++);
    CheckShape(Square(5, channels, channels, 1, 1), seed++);
  }
}

// One tile of pixels of every height, in rows and as rows of one pixel.
TEST(ConvTest, MatchesTheOracleAtEveryRowLength) {
  uint32_t seed = 400;
  for (int64_t width = 1; width <= 30; ++width) {
    for (int64_t channels : {16, 32, 64}) {
      ConvParams p = Square(2, 4, channels, 3, 1);
      p.width = width;
      CheckShape(p, seed++);
      p = Square(1, 8, channels, 1, 1);
      p.width = width;
      CheckShape(p, seed++);
    }
  }
}

// Few output channels are computed up to 16 pixels at a time, as many as divide
// a row.
TEST(ConvTest, MatchesTheOracleOnFewChannels) {
  uint32_t seed = 800;
  for (int64_t channels = 1; channels <= 9; ++channels) {
    for (int64_t width : {1, 2, 4, 6, 8, 12, 16, 24, 32, 48}) {
      ConvParams p = Square(3, 5, channels, 1, 1);
      p.width = width;
      CheckShape(p, seed++);
      p = Square(3, 4, channels, 3, 1 + seed % 2);
      p.width = width;
      CheckShape(p, seed++);
    }
    // Of weights that pixels side by side would multiply.
    CheckShape(Square(4, 400, channels, 1, 1), seed++);
    CheckShape(Square(4, 300, channels, 3, 1), seed++);
  }
}

// The same weights for rows of other lengths.
TEST(ConvTest, FewChannelsStayExactForOtherWidths) {
  for (Isa isa : TestedIsas()) {
    for (int64_t width : {9, 10}) {
      Random random(13);
      ConvCase c;
      c.params = Square(width, 3, 7, 3, 2);
      c.params.input.zero_point = 77;
      c.params.residual = ResidualSpec{{DType::kInt8, 3}, 0.5f};
      FillRandom(random, &c);
      const auto conv = Conv::Create(c.params, c.constants(), isa);
      ASSERT_TRUE(conv.ok()) << conv.status();
      for (int64_t other = 1; other <= 20; ++other) {
        const auto resized = conv->ForInput(2, 6, other);
        ASSERT_TRUE(resized.ok()) << resized.status();
        ConvCase d = c;
        d.params = resized->params();
        d.input = RandomBytes(random, 2 * 6 * other * 3);
        d.residual = RandomBytes(
            random, 2 * d.params.out_height() * d.params.out_width() * 7);
        EXPECT_TRUE(
            SameBytes(RunConv(*resized, d, 2, random), ReferenceConv(d)))
            << resized->name() << " width " << other;
      }
    }
  }
}

// What is one row of pixels may be laid out as a column of them, whatever the
// weights were packed for.
TEST(ConvTest, SharesItsWeightsWithImagesOfOneRow) {
  Random random(14);
  for (Isa isa : TestedIsas()) {
    for (int64_t kernel : {1, 2, 3, 5}) {
      for (int64_t out : {1, 2, 4, 8, 20}) {
        for (int64_t in : {3, 8}) {
          ConvCase c;
          c.params = Square(1, in, out, 1, 1);
          c.params.kernel_w = kernel;
          c.params.width = 16 + kernel - 1;
          c.params.input.zero_point = 9;
          FillRandom(random, &c);
          for (int64_t first : {1, 4}) {
            ConvParams params = c.params;
            params.height = first;
            const auto conv = Conv::Create(params, c.constants(), isa);
            ASSERT_TRUE(conv.ok()) << conv.status();
            for (int64_t height : {1, 3, 4}) {
              for (int64_t batch : {1, 2}) {
                const auto other = conv->ForInput(batch, height, params.width);
                ASSERT_TRUE(other.ok()) << other.status();
                ConvCase d = c;
                d.params = other->params();
                d.input =
                    RandomBytes(random, batch * height * params.width * in);
                EXPECT_TRUE(
                    SameBytes(RunConv(*other, d, 2, random), ReferenceConv(d)))
                    << other->name() << " " << Describe(d.params) << " from "
                    << first << " rows";
              }
            }
          }
        }
      }
    }
  }
}

TEST(ConvTest, MatchesTheOracleAtEveryPixelTail) {
  uint32_t seed = 100;
  for (int64_t size = 1; size <= 14; ++size) {
    CheckShape(Square(size, 4, 16, 3, 1), seed++);
    CheckShape(Square(size, 6, 8, 1, 1), seed++);
    CheckShape(Square(size, 6, 24, 3, 2), seed++);
  }
}

TEST(ConvTest, MatchesTheOracleOnRandomGeometry) {
  Random random(7);
  for (int i = 0; i < 250; ++i) {
    ConvCase c;
    ConvParams& p = c.params;
    p.groups = Pick<int64_t>(random, {1, 1, 1, 2, 3});
    p.in_channels = p.groups * Uniform(random, 1, 20);
    p.out_channels = p.groups * Uniform(random, 1, 36);
    p.batch = Uniform(random, 1, 3);
    p.kernel_h = Uniform(random, 1, 5);
    p.kernel_w = Uniform(random, 1, 5);
    p.stride_h = Uniform(random, 1, 3);
    p.stride_w = Uniform(random, 1, 3);
    p.dilation_h = Uniform(random, 1, 2);
    p.dilation_w = Uniform(random, 1, 3);
    p.pad_top = Uniform(random, 0, 3);
    p.pad_left = Uniform(random, 0, 3);
    p.pad_bottom = Uniform(random, 0, 3);
    p.pad_right = Uniform(random, 0, 3);
    p.height = p.dilation_h * (p.kernel_h - 1) + Uniform(random, 1, 11);
    p.width = p.dilation_w * (p.kernel_w - 1) + Uniform(random, 1, 11);
    AddRandomTypes(random, &p);
    FillRandom(random, &c);
    ExpectExact(c, random);
    if (HasFatalFailure()) return;
  }
}

TEST(ConvTest, MatchesTheOracleOnBlocksOfManyPixels) {
  CheckShape(Square(33, 16, 16, 3, 1), 1);
  CheckShape(Square(40, 3, 24, 3, 2), 2);
  CheckShape(Square(19, 40, 72, 1, 1), 3);
  CheckShape(Square(21, 12, 40, 1, 2), 4);
  CheckShape(Square(16, 32, 64, 3, 1), 5);
}

// Whole groups of channels have ways of their own to be stored, by what they
// are stored as.
TEST(ConvTest, MatchesTheOracleHoweverSumsAreStored) {
  uint32_t seed = 500;
  const ResidualSpec unsigned_residual = {{DType::kUInt8, 113}, 0.37f};
  const ResidualSpec signed_residual = {{DType::kInt8, -5}, 0.37f};
  for (int64_t channels : {16, 32, 64}) {
    for (int64_t pixels = 1; pixels <= 13; ++pixels) {
      for (DType dtype : {DType::kUInt8, DType::kInt8, DType::kFloat32}) {
        for (const auto& residual :
             {std::optional<ResidualSpec>(),
              std::optional<ResidualSpec>(unsigned_residual),
              std::optional<ResidualSpec>(signed_residual)}) {
          Random random(seed++);
          ConvCase c;
          c.params.width = pixels;
          c.params.in_channels = 12;
          c.params.out_channels = channels;
          c.params.output.dtype = dtype;
          if (dtype == DType::kInt8) {
            c.params.output.lo = -128;
            c.params.output.hi = 127;
          }
          c.params.output.zero_point = 7;
          c.params.residual = residual;
          FillRandom(random, &c);
          ExpectExact(c, random);
        }
      }
    }
  }
}

// Large enough that the next channels' are fetched while some are multiplied.
TEST(ConvTest, MatchesTheOracleOnWeightsThatCachesMayNotHold) {
  for (int64_t pixels = 1; pixels <= 13; ++pixels) {
    ConvParams p;
    p.width = pixels;
    p.in_channels = 640;
    p.out_channels = 200;
    CheckShape(p, 40 + static_cast<uint32_t>(pixels));
  }
}

TEST(ConvTest, MatchesTheOracleInOneDimension) {
  ConvParams p;
  p.width = 301;
  p.in_channels = 5;
  p.out_channels = 20;
  p.kernel_w = 7;
  p.stride_w = 2;
  p.pad_left = 3;
  p.pad_right = 2;
  p.batch = 2;
  CheckShape(p, 11);
}

// u8 * s8 pair sums of 255 * 127 * 2 do not fit 16 bits: kernels that add
// pairs there lose these.
TEST(ConvTest, IsExactWhereSixteenBitPairSumsSaturate) {
  for (int64_t kernel : {1, 3}) {
    ConvCase c;
    c.params = Square(6, 32, 16, kernel, 1);
    c.params.output.dtype = DType::kFloat32;
    Random random(3);
    FillRandom(random, &c);
    c.input.assign(c.input.size(), 255);
    c.weights.assign(c.weights.size(), 127);
    c.bias.clear();
    c.multipliers.assign(16, 1.0f);
    const float full = 255.0f * 127 * 32 * kernel * kernel;
    const std::vector<uint8_t> want = ReferenceConv(c);
    float centre = 0;
    std::memcpy(&centre, &want[(2 * 6 + 2) * 16 * sizeof(float)],
                sizeof(float));
    EXPECT_EQ(centre, full);
    ExpectExact(c, random);
  }
}

TEST(ConvTest, RoundsHalvesToEven) {
  ConvCase c;
  c.params.width = 8;
  c.params.input.zero_point = 4;
  c.params.output.zero_point = 100;
  c.weights = {1};
  c.multipliers = {0.5f};
  c.input = {0, 1, 2, 3, 4, 5, 6, 7};
  Random random(1);
  // -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5
  EXPECT_EQ(ReferenceConv(c),
            (std::vector<uint8_t>{98, 98, 99, 100, 100, 100, 101, 102}));
  ExpectExact(c, random);
}

TEST(ConvTest, SaturatesSumsBeyondInt32Range) {
  for (float multiplier : {50.0f, 300.0f, 1e9f, -1e9f, 3e38f}) {
    ConvCase c;
    c.params = Square(4, 4, 16, 1, 1);
    Random random(5);
    FillRandom(random, &c);
    c.multipliers.assign(16, multiplier);
    ExpectExact(c, random);
  }
}

TEST(ConvTest, ForInputSharesWeightsAndStaysExact) {
  Random random(21);
  ConvCase c;
  c.params = Square(9, 16, 24, 3, 1);
  FillRandom(random, &c);
  for (Isa isa : TestedIsas()) {
    const auto conv = Conv::Create(c.params, c.constants(), isa);
    ASSERT_TRUE(conv.ok()) << conv.status();
    const auto larger = conv->ForInput(3, 12, 7);
    ASSERT_TRUE(larger.ok()) << larger.status();
    EXPECT_EQ(larger->weight_bytes(), conv->weight_bytes());
    ConvCase d = c;
    d.params = larger->params();
    d.input = RandomBytes(random, 3 * 12 * 7 * 16);
    EXPECT_TRUE(SameBytes(RunConv(*larger, d, 3, random), ReferenceConv(d)));
    EXPECT_EQ(conv->ForInput(0, 9, 9).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(ConvTest, RefusesInconsistentParameters) {
  ConvCase c;
  c.params = Square(4, 4, 4, 3, 1);
  Random random(2);
  FillRandom(random, &c);
  const auto refused = [&](const ConvParams& p, const ConvConstants& k) {
    return Conv::Create(p, k).status().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  const ConvConstants good = c.constants();
  EXPECT_FALSE(refused(c.params, good));
  ConvParams p = c.params;
  p.stride_h = 0;
  EXPECT_TRUE(refused(p, good));
  p = c.params;
  p.pad_left = -1;
  EXPECT_TRUE(refused(p, good));
  p = c.params;
  p.groups = 3;
  EXPECT_TRUE(refused(p, good));
  p = c.params;
  p.dilation_h = 9;
  EXPECT_TRUE(refused(p, good));
  p = c.params;
  p.input.zero_point = 256;
  EXPECT_TRUE(refused(p, good));
  p = c.params;
  p.output.lo = 200;
  p.output.hi = 100;
  EXPECT_TRUE(refused(p, good));
  p = c.params;
  p.input.dtype = DType::kFloat32;
  EXPECT_TRUE(refused(p, good));
  ConvConstants k = good;
  k.weights.remove_suffix(1);
  EXPECT_TRUE(refused(c.params, k));
  k = good;
  k.multipliers = {};
  EXPECT_TRUE(refused(c.params, k));
}

}  // namespace
}  // namespace octet::simd
