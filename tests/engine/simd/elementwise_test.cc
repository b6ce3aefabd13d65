// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/elementwise.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "tests/engine/simd/oracle.h"

namespace octet::simd {
namespace {

std::vector<uint8_t> ReferenceSum(const SumParams& p,
                                  const std::vector<uint8_t>& a,
                                  const std::vector<uint8_t>& b) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i < a.size(); ++i) {
    AppendOutput(ScaledSum(ByteAt(&a[i], p.a.dtype) - p.a.zero_point,
                           p.multiplier, p.b, b.empty() ? nullptr : &b[i]),
                 p.output, &out);
  }
  return out;
}

void CheckSum(const SumParams& p, int64_t n, Random& random) {
  const std::vector<uint8_t> a = RandomBytes(random, n);
  const std::vector<uint8_t> b = RandomBytes(random, p.b.has_value() ? n : 0);
  const std::vector<uint8_t> want = ReferenceSum(p, a, b);
  for (Isa isa : TestedIsas()) {
    const auto sum = Sum::Create(p, isa);
    ASSERT_TRUE(sum.ok()) << sum.status();
    std::vector<uint8_t> out(want.size(), 0x5A);
    const int64_t cut = Uniform(random, 0, n);
    const void* second = p.b.has_value() ? b.data() : nullptr;
    sum->Run(a.data(), second, out.data(), cut, n);
    sum->Run(a.data(), second, out.data(), 0, cut);
    ASSERT_TRUE(SameBytes(out, want))
        << IsaName(isa) << " n " << n << " cut " << cut;
  }
}

TEST(SumTest, MatchesTheOracleAtEveryLength) {
  Random random(1);
  for (int64_t n = 1; n <= 100; ++n) {
    SumParams p;
    p.a = RandomByteType(random);
    p.multiplier = Pick(random, {0.031f, 0.71f, 1.0f, 1.9f});
    p.output = RandomOutput(random);
    CheckSum(p, n, random);
    p.b = ResidualSpec{RandomByteType(random), 0.613f};
    CheckSum(p, n, random);
  }
}

TEST(SumTest, MatchesTheOracleOnEveryPairOfBytes) {
  Random random(2);
  for (int i = 0; i < 20; ++i) {
    SumParams p;
    p.a = RandomByteType(random);
    p.b = ResidualSpec{RandomByteType(random),
                       static_cast<float>(Uniform(random, 1, 3000)) / 1000};
    p.multiplier = static_cast<float>(Uniform(random, 1, 3000)) / 1000;
    p.output = RandomOutput(random);
    std::vector<uint8_t> a, b;
    for (int v = 0; v < 65536; ++v) {
      a.push_back(static_cast<uint8_t>(v & 255));
      b.push_back(static_cast<uint8_t>(v >> 8));
    }
    const std::vector<uint8_t> want = ReferenceSum(p, a, b);
    for (Isa isa : TestedIsas()) {
      const auto sum = Sum::Create(p, isa);
      ASSERT_TRUE(sum.ok()) << sum.status();
      std::vector<uint8_t> out(want.size());
      sum->Run(a.data(), b.data(), out.data(), 0, 65536);
      ASSERT_TRUE(SameBytes(out, want)) << IsaName(isa);
    }
  }
}

TEST(SumTest, SaturatesWhatNoInt32Holds) {
  Random random(8);
  for (float multiplier : {4e6f, 9e6f, -1e20f, 3e38f}) {
    SumParams p;
    p.a.zero_point = 100;
    p.multiplier = multiplier;
    CheckSum(p, 70, random);
    p.b = ResidualSpec{{DType::kInt8, -3}, multiplier};
    CheckSum(p, 70, random);
  }
}

TEST(SumTest, MayOverwriteAnInput) {
  Random random(3);
  SumParams p;
  p.b = ResidualSpec{{}, 0.5f};
  const std::vector<uint8_t> a = RandomBytes(random, 77);
  const std::vector<uint8_t> b = RandomBytes(random, 77);
  for (Isa isa : TestedIsas()) {
    const auto sum = Sum::Create(p, isa);
    ASSERT_TRUE(sum.ok()) << sum.status();
    std::vector<uint8_t> out = a;
    sum->Run(out.data(), b.data(), out.data(), 0, 77);
    EXPECT_TRUE(SameBytes(out, ReferenceSum(p, a, b)));
  }
}

TEST(SumTest, RefusesInconsistentParameters) {
  SumParams p;
  p.multiplier = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(Sum::Create(p).ok());
  p = SumParams();
  p.a.zero_point = -1;
  EXPECT_FALSE(Sum::Create(p).ok());
  p = SumParams();
  p.b = ResidualSpec{{DType::kInt8, 200}, 1};
  EXPECT_FALSE(Sum::Create(p).ok());
}

uint8_t ReferenceQuantize(float x, float scale, const ByteType& type) {
  if (std::isnan(x)) return static_cast<uint8_t>(type.zero_point);
  const float quotient = x / scale;
  const double q =
      std::nearbyint(static_cast<double>(quotient)) + type.zero_point;
  return static_cast<uint8_t>(static_cast<int>(
      std::clamp<double>(q, LowestOf(type.dtype), HighestOf(type.dtype))));
}

// Ordinary values, halves, ends of the range, and what no range holds.
std::vector<float> RandomFloats(Random& random, int64_t n, float scale) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::vector<float> v(n);
  for (float& x : v) {
    switch (Uniform(random, 0, 9)) {
      case 0:
        x = scale * (static_cast<float>(Uniform(random, -300, 300)) + 0.5f);
        break;
      case 1:
        x = Pick(random, {kInfinity, -kInfinity, 3e38f, -3e38f, -0.0f, 1e-45f,
                          std::numeric_limits<float>::quiet_NaN()});
        break;
      default:
        x = scale * static_cast<float>(Uniform(random, -40000, 40000)) / 97;
    }
  }
  return v;
}

TEST(QuantizerTest, QuantizesAsTheFormulaSaysAtEveryLength) {
  Random random(4);
  for (int64_t n = 1; n <= 140; ++n) {
    const float scale = Pick(random, {0.0173f, 1.0f, 0.1f, 3.3e-5f, 1e-39f});
    const ByteType type = RandomByteType(random);
    const std::vector<float> x = RandomFloats(random, n, scale);
    std::vector<uint8_t> want;
    for (float v : x) want.push_back(ReferenceQuantize(v, scale, type));
    for (Isa isa : TestedIsas()) {
      const auto q = Quantizer::Create(scale, type, isa);
      ASSERT_TRUE(q.ok()) << q.status();
      std::vector<uint8_t> out(n, 0x5A);
      const int64_t cut = Uniform(random, 0, n);
      q->Quantize(x.data(), out.data(), cut, n);
      q->Quantize(x.data(), out.data(), 0, cut);
      ASSERT_TRUE(SameBytes(out, want)) << IsaName(isa) << " n " << n;
    }
  }
}

// Quotients next to a half, where a division that is not correctly rounded
// shows, for scales of every size.
TEST(QuantizerTest, DividesExactlyNextToHalves) {
  Random random(11);
  constexpr float kUp = std::numeric_limits<float>::infinity();
  for (int i = 0; i < 400; ++i) {
    const auto mantissa = static_cast<float>(
        1 + static_cast<double>(Uniform(random, 0, (1 << 23) - 1)) / (1 << 23));
    const float scale =
        std::ldexp(mantissa, static_cast<int>(Uniform(random, -100, 100)));
    const ByteType type = RandomByteType(random);
    std::vector<float> x;
    for (int k = -260; k < 260; ++k) {
      float v = scale * (static_cast<float>(k) + 0.5f);
      v = std::nextafter(std::nextafter(v, -kUp), -kUp);
      for (int ulp = -2; ulp <= 2; ++ulp, v = std::nextafter(v, kUp)) {
        x.push_back(v);
      }
    }
    std::vector<uint8_t> want;
    for (float v : x) want.push_back(ReferenceQuantize(v, scale, type));
    const auto n = static_cast<int64_t>(x.size());
    for (Isa isa : TestedIsas()) {
      const auto q = Quantizer::Create(scale, type, isa);
      ASSERT_TRUE(q.ok()) << q.status();
      std::vector<uint8_t> out(n, 0x5A);
      q->Quantize(x.data(), out.data(), 0, n);
      ASSERT_TRUE(SameBytes(out, want)) << IsaName(isa) << " scale " << scale;
    }
  }
}

TEST(QuantizerTest, QuantizesPlanesToPixels) {
  Random random(5);
  for (int64_t channels : {1, 2, 3, 4, 7}) {
    for (int64_t pixels : {1, 5, 31, 32, 33, 64, 65, 200}) {
      const int64_t batch = 3;
      const ByteType type = RandomByteType(random);
      const std::vector<float> x =
          RandomFloats(random, batch * channels * pixels, 0.02f);
      std::vector<uint8_t> want;
      for (int64_t n = 0; n < batch; ++n) {
        for (int64_t i = 0; i < pixels; ++i) {
          for (int64_t c = 0; c < channels; ++c) {
            want.push_back(ReferenceQuantize(x[(n * channels + c) * pixels + i],
                                             0.02f, type));
          }
        }
      }
      for (Isa isa : TestedIsas()) {
        const auto q = Quantizer::Create(0.02f, type, isa);
        ASSERT_TRUE(q.ok()) << q.status();
        std::vector<uint8_t> out(want.size(), 0x5A);
        const int64_t cut = Uniform(random, 0, batch * pixels);
        const Quantizer::Planes planes = {channels, pixels};
        q->QuantizePlanes(planes, x.data(), out.data(), cut, batch * pixels);
        q->QuantizePlanes(planes, x.data(), out.data(), 0, cut);
        ASSERT_TRUE(SameBytes(out, want))
            << IsaName(isa) << " " << channels << "x" << pixels;
      }
    }
  }
}

TEST(QuantizerTest, NormalizesPlanesOnTheWay) {
  Random random(15);
  for (int64_t channels : {1, 2, 3, 4}) {
    for (int64_t pixels : {1, 31, 33, 64, 65, 200}) {
      const ByteType type = RandomByteType(random);
      const std::vector<float> x =
          RandomFloats(random, channels * pixels, 0.02f);
      const std::vector<float> mean = RandomFloats(random, channels, 0.02f);
      const std::vector<float> factor = RandomFloats(random, channels, 0.01f);
      std::vector<uint8_t> want;
      for (int64_t i = 0; i < pixels; ++i) {
        for (int64_t c = 0; c < channels; ++c) {
          // Volatile: both operations round, whatever the compiler may think.
          volatile float less = x[c * pixels + i] - mean[c];
          volatile float value = less * factor[c];
          want.push_back(ReferenceQuantize(value, 0.02f, type));
        }
      }
      for (Isa isa : TestedIsas()) {
        const auto q = Quantizer::Create(0.02f, type, isa);
        ASSERT_TRUE(q.ok()) << q.status();
        std::vector<uint8_t> out(want.size(), 0x5A);
        q->QuantizePlanes({channels, pixels, mean.data(), factor.data()},
                          x.data(), out.data(), 0, pixels);
        ASSERT_TRUE(SameBytes(out, want))
            << IsaName(isa) << " " << channels << "x" << pixels;
      }
    }
  }
}

TEST(QuantizerTest, DequantizesEveryByte) {
  Random random(6);
  for (int i = 0; i < 10; ++i) {
    const ByteType type = RandomByteType(random);
    const float scale = static_cast<float>(Uniform(random, 1, 1000)) / 777;
    for (Isa isa : TestedIsas()) {
      const auto q = Quantizer::Create(scale, type, isa);
      ASSERT_TRUE(q.ok()) << q.status();
      std::vector<uint8_t> bytes(256);
      for (int v = 0; v < 256; ++v) bytes[v] = static_cast<uint8_t>(v);
      std::vector<float> out(256);
      q->Dequantize(bytes.data(), out.data(), 0, 101);
      q->Dequantize(bytes.data(), out.data(), 101, 256);
      for (int v = 0; v < 256; ++v) {
        ASSERT_EQ(out[v], static_cast<float>(ByteAt(&bytes[v], type.dtype) -
                                             type.zero_point) *
                              scale);
      }
    }
  }
}

TEST(QuantizerTest, RefusesScalesThatAreNone) {
  for (float scale : {0.0f, -1.0f, std::numeric_limits<float>::infinity(),
                      std::numeric_limits<float>::quiet_NaN()}) {
    EXPECT_EQ(Quantizer::Create(scale, {}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_FALSE(Quantizer::Create(1, {DType::kInt32, 0}).ok());
}

}  // namespace
}  // namespace octet::simd
