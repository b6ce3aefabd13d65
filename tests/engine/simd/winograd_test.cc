// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/simd/conv_kernel.h"
#include "tests/engine/simd/oracle.h"

namespace octet::simd {
namespace {

using internal::ConvKernel;
using internal::Kernels;
using internal::KernelsFor;

ConvParams ThreeByThree(int64_t height, int64_t width, int64_t in,
                        int64_t out) {
  ConvParams p;
  p.height = height;
  p.width = width;
  p.in_channels = in;
  p.out_channels = out;
  p.kernel_h = p.kernel_w = 3;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = 1;
  return p;
}

const Kernels& BestKernels() { return KernelsFor(ActiveIsa()); }

class WinogradTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (BestKernels().winograd_patch == nullptr) {
      GTEST_SKIP() << "no Winograd kernels for " << IsaName(ActiveIsa());
    }
  }

  // Checks the algorithm itself, whatever Conv would choose, by AVX2 and by
  // what this machine has beyond.
  void Check(const ConvCase& c, Random& random) {
    const std::vector<uint8_t> want = ReferenceConv(c);
    for (Isa isa : {Isa::kAvx2, ActiveIsa()}) {
      CheckKernels(c, KernelsFor(isa), want, random);
    }
  }

  static void CheckKernels(const ConvCase& c, const Kernels& kernels,
                           const std::vector<uint8_t>& want, Random& random) {
    ASSERT_TRUE(internal::WinogradIsExact(c.params, c.constants(), kernels));
    const std::shared_ptr<const ConvKernel> conv =
        internal::MakeWinogradConv(c.params, c.constants(), kernels);
    for (int pieces : {1, 4}) {
      std::vector<uint8_t> out(want.size(), 0x5A);
      ConvArgs args;
      args.input = c.input.data();
      args.residual = c.residual.data();
      args.output = out.data();
      RunInPieces(*conv, pieces, random,
                  [&](int64_t begin, int64_t end, std::byte* scratch) {
                    conv->Run(args, begin, end, scratch);
                  });
      ASSERT_TRUE(SameBytes(out, want))
          << conv->name() << " " << Describe(c.params);
    }
  }

  void CheckShape(const ConvParams& params, uint32_t seed) {
    Random random(seed);
    ConvCase c;
    c.params = params;
    c.params.input = RandomByteType(random);
    c.params.output = RandomOutput(random);
    if (Uniform(random, 0, 2) == 0) {
      c.params.residual = ResidualSpec{RandomByteType(random), 0.45f};
    }
    FillRandom(random, &c);
    Check(c, random);
  }
};

TEST_F(WinogradTest, MatchesTheOracleAtEverySize) {
  uint32_t seed = 1;
  for (int64_t height = 1; height <= 13; ++height) {
    for (int64_t width = 1; width <= 13; ++width) {
      CheckShape(ThreeByThree(height, width, 5, 9), seed++);
    }
  }
}

TEST_F(WinogradTest, MatchesTheOracleAtEveryChannelTail) {
  uint32_t seed = 1;
  for (int64_t channels = 1; channels <= 50; ++channels) {
    CheckShape(ThreeByThree(5, 6, channels, 17), seed++);
    CheckShape(ThreeByThree(6, 5, 18, channels), seed++);
  }
}

TEST_F(WinogradTest, MatchesTheOracleWithUnevenPaddingAndBatches) {
  Random random(3);
  for (int i = 0; i < 60; ++i) {
    ConvParams p = ThreeByThree(Uniform(random, 3, 20), Uniform(random, 3, 20),
                                Uniform(random, 1, 40), Uniform(random, 1, 40));
    p.batch = Uniform(random, 1, 5);
    p.pad_top = Uniform(random, 0, 4);
    p.pad_left = Uniform(random, 0, 4);
    p.pad_bottom = Uniform(random, 0, 4);
    p.pad_right = Uniform(random, 0, 4);
    CheckShape(p, 100 + i);
  }
}

TEST_F(WinogradTest, MatchesTheOracleOnResNetLayers) {
  CheckShape(ThreeByThree(32, 32, 16, 16), 1);
  CheckShape(ThreeByThree(16, 16, 32, 32), 2);
  CheckShape(ThreeByThree(8, 8, 64, 64), 3);
}

// Weights that are read again for every block of tiles.
TEST_F(WinogradTest, MatchesTheOracleOnLargeWeights) {
  Random random(8);
  ConvCase c;
  c.params = ThreeByThree(13, 40, 256, 64);
  FillRandom(random, &c);
  for (int8_t& w : c.weights) w /= 2;
  Check(c, random);
}

// The largest sums that pass the check, with both signs, and the first that
// do not.
TEST_F(WinogradTest, IsExactUpToItsLimit) {
  for (int sign : {1, -1}) {
    for (int64_t channels : {114, 115, 116}) {
      Random random(4);
      ConvCase c;
      c.params = ThreeByThree(4, 4, channels, 16);
      c.params.output.dtype = DType::kFloat32;
      FillRandom(random, &c);
      c.bias.clear();
      c.input.assign(c.input.size(), 255);
      c.weights.assign(c.weights.size(), static_cast<int8_t>(127 * sign));
      const bool exact = 255 * 127 * 9 * channels < (1 << 25);
      ASSERT_EQ(
          internal::WinogradIsExact(c.params, c.constants(), BestKernels()),
          exact);
      if (exact) Check(c, random);
    }
  }
}

TEST_F(WinogradTest, IsExactOnAlternatingExtremes) {
  Random random(5);
  for (int i = 0; i < 40; ++i) {
    ConvCase c;
    c.params = ThreeByThree(9, 9, 32, 8);
    c.params.output.dtype = DType::kFloat32;
    c.params.input = RandomByteType(random);
    FillRandom(random, &c);
    for (int8_t& w : c.weights) w = Pick<int8_t>(random, {-128, 127});
    const bool is_signed = c.params.input.dtype == DType::kInt8;
    for (uint8_t& b : c.input) {
      b = Pick<uint8_t>(random, {is_signed ? uint8_t{128} : uint8_t{0},
                                 is_signed ? uint8_t{127} : uint8_t{255}});
    }
    Check(c, random);
  }
}

// A sum's bound takes signs into account: behind a ReLU nothing is below 0.
TEST_F(WinogradTest, IsExactFurtherWhereSignsAreMixed) {
  Random random(7);
  ConvCase c;
  c.params = ThreeByThree(4, 4, 228, 16);
  c.params.output.dtype = DType::kFloat32;
  FillRandom(random, &c);
  for (size_t i = 0; i < c.weights.size(); ++i) {
    c.weights[i] = i % 2 == 0 ? 127 : -127;
  }
  // What is largest: positive weights meet 255, negative ones 0.
  for (size_t i = 0; i < c.input.size(); ++i) c.input[i] = i % 2 == 0 ? 255 : 0;
  Check(c, random);
  c.weights.assign(c.weights.size(), 127);
  EXPECT_FALSE(
      internal::WinogradIsExact(c.params, c.constants(), BestKernels()));
}

TEST_F(WinogradTest, IsChosenForWideLayersAndNotForNarrowOnes) {
  const auto chosen = [](const ConvParams& p, Isa isa) {
    return internal::WinogradIsCheaper(p, KernelsFor(isa));
  };
  EXPECT_TRUE(chosen(ThreeByThree(32, 32, 16, 16), Isa::kAvx2));
  EXPECT_TRUE(chosen(ThreeByThree(8, 8, 64, 64), Isa::kAvx2));
  EXPECT_FALSE(chosen(ThreeByThree(32, 32, 3, 16), Isa::kAvx2));
  EXPECT_FALSE(chosen(ThreeByThree(1, 1, 64, 64), Isa::kAvx2));
  if (ActiveIsa() >= Isa::kAvx512Vnni) {
    // Dot products of bytes make the direct algorithm twice as fast.
    EXPECT_FALSE(chosen(ThreeByThree(32, 32, 16, 16), Isa::kAvx512Vnni));
    EXPECT_TRUE(chosen(ThreeByThree(8, 8, 64, 64), Isa::kAvx512Vnni));
    EXPECT_TRUE(chosen(ThreeByThree(56, 56, 256, 256), Isa::kAvx512Vnni));
    // Weights of 18 MB for four tiles.
    EXPECT_FALSE(chosen(ThreeByThree(7, 7, 512, 512), Isa::kAvx512Vnni));
  }
  ConvCase c;
  c.params = ThreeByThree(8, 8, 4, 4);
  Random random(6);
  FillRandom(random, &c);
  const auto exact = [&](const ConvParams& p) {
    return internal::WinogradIsExact(p, c.constants(), BestKernels());
  };
  EXPECT_TRUE(exact(c.params));
  ConvParams p = c.params;
  p.stride_h = 2;
  EXPECT_FALSE(exact(p));
  p = c.params;
  p.dilation_w = 2;
  EXPECT_FALSE(exact(p));
}

}  // namespace
}  // namespace octet::simd
