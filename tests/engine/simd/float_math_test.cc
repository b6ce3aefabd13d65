// SPDX-License-Identifier: Apache-2.0
// The largest error of every function of floats, over the whole range of bits:
// subnormals, both zeros, infinities and NaN too.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <vector>

#include "engine/simd/float_kernels.h"
#include "gtest/gtest.h"
#include "tests/engine/simd/oracle.h"

namespace octet::simd {
namespace {

using internal::FloatKernelsFor;
using internal::FloatParams;
using Kind = ir::UnaryKind;

float FloatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// One in so many floats, in order, and those around the special ones.
std::vector<float> AllKindsOfFloats() {
  constexpr uint32_t kStep = 2503;
  std::vector<float> x;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += kStep) {
    x.push_back(FloatOfBits(static_cast<uint32_t>(bits)));
  }
  for (float center :
       {0.0f, 1.0f, 0.5f, 0.625f, 3.0f, 6.0f, 20.0f, 88.72284f, 103.97208f,
        87.33655f, 1.17549435e-38f, 0.70710678f, 1.41421356f, 4.0f, 8388608.0f,
        std::numeric_limits<float>::infinity(), 1e-45f, 2.5f, 30.0f}) {
    uint32_t bits;
    std::memcpy(&bits, &center, sizeof(bits));
    for (uint32_t i = 0; i < 400; ++i) {
      for (uint32_t sign : {0u, 0x80000000u}) {
        x.push_back(FloatOfBits(((bits + i - 200) & 0x7fffffffu) | sign));
      }
    }
  }
  return x;
}

double Softplus(double x) {
  return std::log1p(std::exp(-std::fabs(x))) + std::max(x, 0.0);
}
double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct FunctionCase {
  const char* name;
  Kind kind;
  FloatParams params;
  std::function<double(double)> exact;
  double ulps = 4;
  double slope = 0;  // further error allowed, times |x|
};

// Allowed beside units in the last place, for functions that multiply by x
// what may be subnormal.
constexpr double kTiny = 3e-43;

std::vector<FunctionCase> FunctionCases() {
  const FloatParams some = {0.3f, 0.45f};
  const double a = some.alpha;
  const double b = some.beta;
  return {
      {"abs", Kind::kAbs, {}, [](double x) { return std::fabs(x); }, 0},
      {"neg", Kind::kNeg, {}, [](double x) { return -x; }, 0},
      {"exp", Kind::kExp, {}, [](double x) { return std::exp(x); }, 2},
      {"log", Kind::kLog, {}, [](double x) { return std::log(x); }, 2},
      {"sqrt", Kind::kSqrt, {}, [](double x) { return std::sqrt(x); }, 0.5},
      {"reciprocal",
       Kind::kReciprocal,
       {},
       [](double x) { return 1 / x; },
       0.5},
      {"floor", Kind::kFloor, {}, [](double x) { return std::floor(x); }, 0},
      {"ceil", Kind::kCeil, {}, [](double x) { return std::ceil(x); }, 0},
      {"round",
       Kind::kRound,
       {},
       [](double x) { return std::nearbyint(x); },
       0},
      {"sign",
       Kind::kSign,
       {},
       [](double x) { return x > 0   ? 1
                             : x < 0 ? -1
                                     : x; },
       0},
      {"erf", Kind::kErf, {}, [](double x) { return std::erf(x); }},
      {"sigmoid", Kind::kSigmoid, {}, Sigmoid},
      {"tanh", Kind::kTanh, {}, [](double x) { return std::tanh(x); }},
      {"softplus", Kind::kSoftplus, {}, Softplus},
      {"softsign",
       Kind::kSoftsign,
       {},
       [](double x) { return x / (1 + std::fabs(x)); },
       2},
      {"mish",
       Kind::kMish,
       {},
       [](double x) { return x * std::tanh(Softplus(x)); },
       5},
      {"hardswish",
       Kind::kHardSwish,
       {},
       [](double x) { return x * std::clamp((x + 3) / 6, 0.0, 1.0); },
       2},
      {"leakyrelu", Kind::kLeakyRelu, some,
       [=](double x) { return x < 0 ? a * x : x; }, 0.5},
      {"elu", Kind::kElu, some,
       [=](double x) { return x < 0 ? a * std::expm1(x) : x; }},
      {"celu", Kind::kCelu, some,
       [=](double x) { return x < 0 ? a * std::expm1(x / a) : x; }, 4, 1e-7},
      {"selu", Kind::kSelu, some,
       [=](double x) { return x > 0 ? b * x : b * a * std::expm1(x); }},
      {"swish",
       Kind::kSwish,
       {1.0f},
       [](double x) { return x * Sigmoid(x); },
       5},
      {"swish 0.3", Kind::kSwish, some,
       [=](double x) { return x * Sigmoid(a * x); }, 4, 1e-7},
      {"gelu",
       Kind::kGelu,
       {},
       [](double x) { return x * (1 + std::erf(x * std::sqrt(0.5))) / 2; },
       4,
       0x1p-23},
      {"gelu tanh",
       Kind::kGeluTanh,
       {},
       [](double x) {
         return x * Sigmoid(2 * std::sqrt(2 / std::acos(-1.0)) *
                            (x + 0.044715 * x * x * x));
       },
       4,
       0x1p-22},
      {"thresholdedrelu", Kind::kThresholdedRelu, some,
       [=](double x) { return x > a ? x : 0; }, 0},
      {"shrink", Kind::kShrink, some,
       [=](double x) { return x < -a  ? x + b
                              : x > a ? x - b
                                      : 0; }, 0.5},
      {"hardsigmoid", Kind::kHardSigmoid, some,
       [=](double x) { return std::clamp(a * x + b, 0.0, 1.0); }, 0.51},
  };
}

// |y - exact| in units in the last place of the float nearest to `exact`.
double UlpsBetween(float y, double exact) {
  const auto nearest = static_cast<float>(exact);
  if (std::isnan(exact)) return std::isnan(y) ? 0 : HUGE_VAL;
  if (y == nearest) return 0;
  if (!std::isfinite(nearest) || !std::isfinite(y)) {
    // The last finite float counts as next to infinity.
    if (!std::isinf(nearest) && !std::isinf(y)) return HUGE_VAL;
    const double finite =
        std::isinf(y) ? std::fabs(exact) : std::fabs(double{y});
    return (0x1p128 - finite) / 0x1p104;
  }
  const double unit = std::ldexp(
      1.0, std::max(std::ilogb(nearest == 0 ? 1e-45f : nearest), -126) - 23);
  return std::fabs(y - exact) / unit;
}

class FloatFunctionTest : public ::testing::TestWithParam<Isa> {};

TEST_P(FloatFunctionTest, StaysWithinItsError) {
  const std::vector<float> x = AllKindsOfFloats();
  const auto n = static_cast<int64_t>(x.size());
  std::vector<float> y(x.size());
  for (const FunctionCase& test : FunctionCases()) {
    const auto row = FloatKernelsFor(GetParam()).unary(test.kind);
    ASSERT_NE(row, nullptr) << test.name;
    row(x.data(), y.data(), n, test.params);
    double worst = 0;
    float worst_at = 0;
    int64_t failures = 0;
    for (int64_t i = 0; i < n; ++i) {
      const double exact = test.exact(x[i]);
      const double ulps = UlpsBetween(y[i], exact);
      const double allowed =
          test.slope * std::fabs(x[i]) + (test.ulps >= 4 ? kTiny : 0);
      if (std::fabs(y[i] - exact) <= allowed) continue;
      if (ulps > worst) {
        worst = ulps;
        worst_at = x[i];
      }
      if (!(ulps <= test.ulps) && ++failures <= 3) {
        ADD_FAILURE() << test.name << "(" << x[i] << ") is " << y[i]
                      << ", expected " << exact << ": off by " << ulps
                      << " units in the last place";
      }
    }
    EXPECT_EQ(failures, 0) << test.name;
    std::printf("%-16s %5.2f units in the last place, at %.9g\n", test.name,
                worst, worst_at);
  }
}

TEST_P(FloatFunctionTest, AnElementIsTheSameWhereverItIsInARow) {
  Random random(1);
  std::vector<float> x(67);
  for (float& v : x) v = static_cast<float>(Uniform(random, -8000, 8000)) / 999;
  for (const FunctionCase& test : FunctionCases()) {
    const auto row = FloatKernelsFor(GetParam()).unary(test.kind);
    std::vector<float> whole(x.size());
    row(x.data(), whole.data(), static_cast<int64_t>(x.size()), test.params);
    for (size_t begin = 0; begin < x.size(); ++begin) {
      const size_t count = std::min<size_t>(x.size() - begin, 1 + begin % 17);
      std::vector<float> part(count + 1, 77);
      row(x.data() + begin, part.data(), static_cast<int64_t>(count),
          test.params);
      ASSERT_EQ(part[count], 77) << test.name;
      ASSERT_EQ(
          std::memcmp(part.data(), whole.data() + begin, count * sizeof(float)),
          0)
          << test.name << " from " << begin;
    }
  }
}

TEST(FloatFunctionsTest, Avx512GivesTheBitsOfAvx2) {
  if (ActiveIsa() < Isa::kAvx512) GTEST_SKIP() << "no AVX-512 here";
  const std::vector<float> x = AllKindsOfFloats();
  const auto n = static_cast<int64_t>(x.size());
  std::vector<float> a(x.size());
  std::vector<float> b(x.size());
  for (const FunctionCase& test : FunctionCases()) {
    FloatKernelsFor(Isa::kAvx2)
        .unary(test.kind)(x.data(), a.data(), n, test.params);
    FloatKernelsFor(Isa::kAvx512)
        .unary(test.kind)(x.data(), b.data(), n, test.params);
    for (size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(a[i]) && std::isnan(b[i])) continue;
      ASSERT_EQ(std::memcmp(&a[i], &b[i], sizeof(float)), 0)
          << test.name << "(" << x[i] << ") is " << b[i] << " and " << a[i];
    }
  }
}

TEST_P(FloatFunctionTest, ClampKeepsNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {nan, -infinity, infinity, -1, 0.25f, 7, -0.0f};
  std::vector<float> y(x.size());
  FloatKernelsFor(GetParam()).clamp(x.data(), y.data(), 7, {0, 0, 0, 6});
  EXPECT_TRUE(std::isnan(y[0]));
  y.erase(y.begin());
  EXPECT_EQ(y, (std::vector<float>{0, 6, 0, 0.25f, 6, 0}));
}

INSTANTIATE_TEST_SUITE_P(Isas, FloatFunctionTest,
                         ::testing::ValuesIn(TestedIsas()),
                         [](const auto& info) {
                           return std::string(IsaName(info.param));
                         });

}  // namespace
}  // namespace octet::simd
