// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/pool.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/engine/simd/oracle.h"

namespace octet::simd {
namespace {

bool IsMax(const PoolParams& p) { return p.kind == PoolParams::Kind::kMax; }

// Appends the output of channel `c` of the window at (y, x) of `image`.
void AppendPixel(const PoolParams& p, const uint8_t* image, int64_t y,
                 int64_t x, int64_t c, std::vector<uint8_t>* out) {
  int32_t best = LowestOf(p.input.dtype);
  int32_t sum = 0;
  int64_t inside = 0, padded = 0;
  for (int64_t ky = 0; ky < p.kernel_h; ++ky) {
    for (int64_t kx = 0; kx < p.kernel_w; ++kx) {
      const int64_t iy = y * p.stride_h + ky * p.dilation_h - p.pad_top;
      const int64_t ix = x * p.stride_w + kx * p.dilation_w - p.pad_left;
      if (iy < p.height + p.pad_bottom && ix < p.width + p.pad_right) ++padded;
      if (iy < 0 || iy >= p.height || ix < 0 || ix >= p.width) continue;
      ++inside;
      const int32_t q =
          ByteAt(&image[(iy * p.width + ix) * p.channels + c], p.input.dtype);
      best = std::max(best, q);
      sum += q - p.input.zero_point;
    }
  }
  if (IsMax(p)) {
    out->push_back(static_cast<uint8_t>(best));
    return;
  }
  const int64_t count =
      std::max<int64_t>(1, p.count_include_pad ? padded : inside);
  const float scaled = static_cast<float>(sum) * p.multiplier;
  AppendOutput(scaled / static_cast<float>(count), p.output, out);
}

void CheckPool(const PoolParams& p, Random& random) {
  const int64_t image = p.height * p.width * p.channels;
  const std::vector<uint8_t> input = RandomBytes(random, p.batch * image);
  std::vector<uint8_t> want;
  for (int64_t n = 0; n < p.batch; ++n) {
    for (int64_t y = 0; y < p.out_height; ++y) {
      for (int64_t x = 0; x < p.out_width; ++x) {
        for (int64_t c = 0; c < p.channels; ++c) {
          AppendPixel(p, &input[n * image], y, x, c, &want);
        }
      }
    }
  }
  for (Isa isa : TestedIsas()) {
    const auto pool = Pool::Create(p, isa);
    ASSERT_TRUE(pool.ok()) << pool.status();
    std::vector<uint8_t> out(want.size(), 0x5A);
    const int64_t cut = Uniform(random, 0, pool->work_items());
    pool->Run(input.data(), out.data(), cut, pool->work_items());
    pool->Run(input.data(), out.data(), 0, cut);
    ASSERT_TRUE(SameBytes(out, want))
        << IsaName(isa) << " " << p.height << "x" << p.width << "x"
        << p.channels << " kernel " << p.kernel_h << "x" << p.kernel_w;
  }
}

int64_t OutputSize(int64_t padded, int64_t extent, int64_t stride,
                   bool round_up) {
  return (padded - extent + (round_up ? stride - 1 : 0)) / stride + 1;
}

TEST(PoolTest, MatchesTheOracleOnRandomGeometry) {
  Random random(1);
  for (int i = 0; i < 300; ++i) {
    PoolParams p;
    p.kind = Pick(random, {PoolParams::Kind::kMax, PoolParams::Kind::kAverage});
    p.batch = Uniform(random, 1, 3);
    p.channels = Uniform(random, 1, 140);
    p.kernel_h = Uniform(random, 1, 5);
    p.kernel_w = Uniform(random, 1, 5);
    p.stride_h = Uniform(random, 1, 3);
    p.stride_w = Uniform(random, 1, 3);
    p.dilation_h = Uniform(random, 1, 2);
    p.dilation_w = Uniform(random, 1, 2);
    p.pad_top = Uniform(random, 0, p.kernel_h - 1);
    p.pad_left = Uniform(random, 0, p.kernel_w - 1);
    p.pad_bottom = Uniform(random, 0, p.kernel_h - 1);
    p.pad_right = Uniform(random, 0, p.kernel_w - 1);
    p.height = p.dilation_h * (p.kernel_h - 1) + Uniform(random, 1, 9);
    p.width = p.dilation_w * (p.kernel_w - 1) + Uniform(random, 1, 9);
    const bool ceil_mode = Uniform(random, 0, 1) == 1;
    p.out_height =
        OutputSize(p.height + p.pad_top + p.pad_bottom,
                   p.dilation_h * (p.kernel_h - 1) + 1, p.stride_h, ceil_mode);
    p.out_width =
        OutputSize(p.width + p.pad_left + p.pad_right,
                   p.dilation_w * (p.kernel_w - 1) + 1, p.stride_w, ceil_mode);
    p.input = RandomByteType(random);
    p.output = RandomOutput(random);
    p.multiplier = static_cast<float>(Uniform(random, 1, 4000)) / 1000;
    p.count_include_pad = Uniform(random, 0, 1) == 1;
    CheckPool(p, random);
    if (HasFatalFailure()) return;
  }
}

TEST(PoolTest, MaximaOfRowsTooLongForTheStack) {
  Random random(3);
  PoolParams p;
  p.height = 3;
  p.channels = 130;
  p.kernel_h = p.kernel_w = 3;
  for (int64_t width : {252, 253}) {  // 32760 and 32890 bytes
    p.width = width;
    p.out_width = width - 2;
    CheckPool(p, random);
  }
}

TEST(PoolTest, GlobalAverageOverMoreThanASixteenBitSum) {
  Random random(2);
  for (int64_t size : {7, 11, 12, 13, 40}) {
    PoolParams p;
    p.kind = PoolParams::Kind::kAverage;
    p.height = p.width = p.kernel_h = p.kernel_w = size;
    p.channels = 37;
    p.input.zero_point = size % 2 == 0 ? 0 : 255;
    p.output.zero_point = size % 2 == 0 ? 0 : 255;
    CheckPool(p, random);
  }
}

TEST(PoolTest, RefusesInconsistentParameters) {
  PoolParams p;
  EXPECT_TRUE(Pool::Create(p).ok());
  p.stride_h = 0;
  EXPECT_FALSE(Pool::Create(p).ok());
  p = PoolParams();
  p.pad_right = -1;
  EXPECT_FALSE(Pool::Create(p).ok());
  p = PoolParams();
  p.input.dtype = DType::kInt16;
  EXPECT_FALSE(Pool::Create(p).ok());
  p = PoolParams();
  p.kernel_h = p.kernel_w = 1 << 12;
  EXPECT_FALSE(Pool::Create(p).ok());
}

}  // namespace
}  // namespace octet::simd
