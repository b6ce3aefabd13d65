// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_ENGINE_SIMD_ORACLE_H_
#define OCTET_TESTS_ENGINE_SIMD_ORACLE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "engine/simd/conv.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/quantized_types.h"
#include "gtest/gtest.h"

// The arithmetic of engine/simd written the obvious way, and what its tests
// share: random constants, exactly sized buffers, split runs.
namespace octet::simd {

// Every variant that this machine can run.
inline std::vector<Isa> TestedIsas() {
  std::vector<Isa> isas = {Isa::kPortable};
  for (Isa isa : {Isa::kAvx2, Isa::kAvxVnni, Isa::kAvx512, Isa::kAvx512Vnni}) {
    if (ActiveIsa() >= isa) isas.push_back(isa);
  }
  return isas;
}

inline int32_t ByteAt(const uint8_t* p, DType dtype) {
  return dtype == DType::kInt8 ? static_cast<int8_t>(*p) : *p;
}

// Appends the bytes of the output element for `v`.
inline void AppendOutput(float v, const OutputSpec& out,
                         std::vector<uint8_t>* bytes) {
  if (out.dtype == DType::kFloat32) {
    const float y = std::min(std::max(v, out.lower), out.upper);
    const size_t at = bytes->size();
    bytes->resize(at + sizeof(y));
    std::memcpy(bytes->data() + at, &y, sizeof(y));
    return;
  }
  const double low = out.lo - out.zero_point;
  const double high = out.hi - out.zero_point;
  const double rounded =
      std::nearbyint(std::clamp(static_cast<double>(v), low, high));
  bytes->push_back(
      static_cast<uint8_t>(static_cast<int>(rounded) + out.zero_point));
}

// The value of sum `acc` with a residual byte, null for none.
inline float ScaledSum(int64_t acc, float multiplier,
                       const std::optional<ResidualSpec>& residual,
                       const uint8_t* byte) {
  const auto sum = static_cast<float>(static_cast<int32_t>(acc));
  if (!residual.has_value()) return sum * multiplier;
  const float r = static_cast<float>(ByteAt(byte, residual->type.dtype) -
                                     residual->type.zero_point) *
                  residual->multiplier;
  return std::fma(sum, multiplier, r);
}

struct ConvCase {
  ConvParams params;
  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  std::vector<float> multipliers;
  std::vector<uint8_t> input;
  std::vector<uint8_t> residual;

  ConvConstants constants() const { return {weights, bias, multipliers}; }
};

inline int64_t ConvSum(const ConvCase& c, int64_t n, int64_t oy, int64_t ox,
                       int64_t o) {
  const ConvParams& p = c.params;
  const int64_t icg = p.in_channels / p.groups;
  const int64_t group = o / (p.out_channels / p.groups);
  int64_t acc = c.bias.empty() ? 0 : c.bias[o];
  for (int64_t ky = 0; ky < p.kernel_h; ++ky) {
    for (int64_t kx = 0; kx < p.kernel_w; ++kx) {
      const int64_t y = oy * p.stride_h + ky * p.dilation_h - p.pad_top;
      const int64_t x = ox * p.stride_w + kx * p.dilation_w - p.pad_left;
      if (y < 0 || y >= p.height || x < 0 || x >= p.width) continue;
      for (int64_t i = 0; i < icg; ++i) {
        const int64_t at = ((n * p.height + y) * p.width + x) * p.in_channels +
                           group * icg + i;
        const int64_t w =
            c.weights[((o * p.kernel_h + ky) * p.kernel_w + kx) * icg + i];
        acc += (ByteAt(&c.input[at], p.input.dtype) - p.input.zero_point) * w;
      }
    }
  }
  return acc;
}

inline std::vector<uint8_t> ReferenceConv(const ConvCase& c) {
  const ConvParams& p = c.params;
  std::vector<uint8_t> out;
  int64_t index = 0;
  for (int64_t n = 0; n < p.batch; ++n) {
    for (int64_t y = 0; y < p.out_height(); ++y) {
      for (int64_t x = 0; x < p.out_width(); ++x) {
        for (int64_t o = 0; o < p.out_channels; ++o, ++index) {
          const uint8_t* r =
              p.residual.has_value() ? &c.residual[index] : nullptr;
          AppendOutput(ScaledSum(ConvSum(c, n, y, x, o), c.multipliers[o],
                                 p.residual, r),
                       p.output, &out);
        }
      }
    }
  }
  return out;
}

using Random = std::mt19937;

inline int64_t Uniform(Random& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

template <typename T>
T Pick(Random& random, std::initializer_list<T> values) {
  return values.begin()[Uniform(random, 0, values.size() - 1)];
}

inline std::vector<uint8_t> RandomBytes(Random& random, int64_t n) {
  std::vector<uint8_t> v(n);
  for (uint8_t& b : v) b = static_cast<uint8_t>(Uniform(random, 0, 255));
  return v;
}

inline ByteType RandomByteType(Random& random) {
  ByteType type;
  type.dtype = Pick(random, {DType::kUInt8, DType::kInt8});
  const int32_t low = LowestOf(type.dtype);
  const int32_t high = HighestOf(type.dtype);
  type.zero_point = Pick(
      random,
      {low, high, low + 128, static_cast<int32_t>(Uniform(random, low, high))});
  return type;
}

inline OutputSpec RandomOutput(Random& random) {
  OutputSpec out;
  if (Uniform(random, 0, 3) == 0) {
    out.dtype = DType::kFloat32;
    if (Uniform(random, 0, 1) == 0) out.lower = 0;
    if (Uniform(random, 0, 1) == 0) out.upper = 6;
    return out;
  }
  const ByteType type = RandomByteType(random);
  out.dtype = type.dtype;
  out.zero_point = type.zero_point;
  out.lo = Pick(random, {LowestOf(type.dtype), type.zero_point});
  out.hi = Pick(
      random,
      {HighestOf(type.dtype),
       static_cast<int32_t>(Uniform(random, out.lo, HighestOf(type.dtype)))});
  return out;
}

// Fills in constants and data of random values that suit c->params. Weights
// and inputs are now and then all extreme: what saturates 16-bit pair sums.
inline void FillRandom(Random& random, ConvCase* c) {
  const ConvParams& p = c->params;
  const int64_t depth = p.kernel_h * p.kernel_w * (p.in_channels / p.groups);
  const int style = static_cast<int>(Uniform(random, 0, 3));
  c->weights.resize(p.out_channels * depth);
  for (int8_t& w : c->weights) {
    w = static_cast<int8_t>(style == 0   ? 127
                            : style == 1 ? Pick(random, {-128, 127})
                                         : Uniform(random, -128, 127));
  }
  c->bias.clear();
  if (Uniform(random, 0, 4) != 0) {
    for (int64_t o = 0; o < p.out_channels; ++o) {
      c->bias.push_back(static_cast<int32_t>(Uniform(random, -50000, 50000)));
    }
  }
  c->multipliers.clear();
  const double typical = 60.0 / (std::sqrt(static_cast<double>(depth)) * 9000);
  for (int64_t o = 0; o < p.out_channels; ++o) {
    c->multipliers.push_back(static_cast<float>(
        typical * std::exp(Uniform(random, -1000, 1000) / 500.0)));
  }
  c->input = RandomBytes(random, p.batch * p.height * p.width * p.in_channels);
  if (style <= 1) {
    for (uint8_t& b : c->input) b = p.input.dtype == DType::kInt8 ? 127 : 255;
  }
  c->residual.clear();
  if (p.residual.has_value()) {
    c->residual = RandomBytes(
        random, p.batch * p.out_height() * p.out_width() * p.out_channels);
  }
}

// Runs [0, work_items()) of anything with work_items(), scratch_bytes() and a
// callable run(begin, end, scratch): in one go if `pieces` is 1, else cut at
// random places and in random order, every piece on scratch of its own.
template <typename Op, typename RunPiece>
void RunInPieces(const Op& op, int pieces, Random& random, RunPiece run) {
  const int64_t items = op.work_items();
  ASSERT_GE(items, 1);
  std::vector<int64_t> cuts = {0, items};
  for (int i = 1; i < pieces; ++i) cuts.push_back(Uniform(random, 0, items));
  std::sort(cuts.begin(), cuts.end());
  std::vector<int> order;
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    order.push_back(static_cast<int>(i));
  }
  if (pieces > 1) std::shuffle(order.begin(), order.end(), random);
  for (int i : order) {
    // Old contents must not matter, nor the alignment of the buffer.
    std::vector<std::byte> scratch(op.scratch_bytes() + 1, std::byte{0xA5});
    run(cuts[i], cuts[i + 1], scratch.data() + 1);
  }
}

inline std::string Describe(const ConvParams& p) {
  std::string s =
      "n" + std::to_string(p.batch) + " " + std::to_string(p.height) + "x" +
      std::to_string(p.width) + " c" + std::to_string(p.in_channels) + ">" +
      std::to_string(p.out_channels) + " g" + std::to_string(p.groups) + " k" +
      std::to_string(p.kernel_h) + "x" + std::to_string(p.kernel_w) + " s" +
      std::to_string(p.stride_h) + "," + std::to_string(p.stride_w) + " d" +
      std::to_string(p.dilation_h) + "," + std::to_string(p.dilation_w) + " p" +
      std::to_string(p.pad_top) + "," + std::to_string(p.pad_left) + "," +
      std::to_string(p.pad_bottom) + "," + std::to_string(p.pad_right);
  s += " in " + std::string(Name(p.input.dtype)) + " z" +
       std::to_string(p.input.zero_point) + " out " +
       std::string(Name(p.output.dtype)) + " z" +
       std::to_string(p.output.zero_point) + " [" +
       std::to_string(p.output.lo) + "," + std::to_string(p.output.hi) + "]";
  return s + (p.residual.has_value() ? " residual" : "");
}

// The first place where the byte strings differ, for messages.
inline ::testing::AssertionResult SameBytes(const std::vector<uint8_t>& got,
                                            const std::vector<uint8_t>& want) {
  if (got.size() != want.size()) {
    return ::testing::AssertionFailure()
           << got.size() << " bytes, expected " << want.size();
  }
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] != want[i]) {
      return ::testing::AssertionFailure()
             << "byte " << i << " of " << got.size() << " is " << int{got[i]}
             << ", expected " << int{want[i]};
    }
  }
  return ::testing::AssertionSuccess();
}

// Runs `conv` on `args` in `pieces` pieces.
inline void RunConv(const Conv& conv, ConvArgs args, int pieces,
                    Random& random) {
  // Whatever it fetches meanwhile changes nothing.
  static const std::vector<std::byte> next(5000);
  args.next_weights = absl::MakeConstSpan(next).subspan(
      Uniform(random, 0, static_cast<int>(next.size())));
  RunInPieces(conv, pieces, random,
              [&](int64_t begin, int64_t end, std::byte* scratch) {
                conv.Run(args, begin, end, scratch);
              });
}

// The same on the data of `c`.
inline std::vector<uint8_t> RunConv(const Conv& conv, const ConvCase& c,
                                    int pieces, Random& random) {
  const ConvParams& p = c.params;
  std::vector<uint8_t> out(p.batch * p.out_height() * p.out_width() *
                               p.out_channels * SizeOf(p.output.dtype),
                           0x5A);
  RunConv(conv, {c.input.data(), c.residual.data(), out.data()}, pieces,
          random);
  return out;
}

// The same in the residual's memory. REQUIRES: a residual, bytes as outputs.
inline std::vector<uint8_t> RunConvInPlace(const Conv& conv, const ConvCase& c,
                                           int pieces, Random& random) {
  std::vector<uint8_t> out = c.residual;
  RunConv(conv, {c.input.data(), out.data(), out.data()}, pieces, random);
  return out;
}

// Checks every variant of the case, whole and in pieces, in place too.
inline void ExpectExact(const ConvCase& c, Random& random) {
  const std::vector<uint8_t> want = ReferenceConv(c);
  for (Isa isa : TestedIsas()) {
    const absl::StatusOr<Conv> conv =
        Conv::Create(c.params, c.constants(), isa);
    ASSERT_TRUE(conv.ok()) << conv.status() << " " << Describe(c.params);
    for (int pieces : {1, 2, 5}) {
      ASSERT_TRUE(SameBytes(RunConv(*conv, c, pieces, random), want))
          << conv->name() << " in " << pieces << ": " << Describe(c.params);
      if (!c.params.residual || SizeOf(c.params.output.dtype) != 1) continue;
      ASSERT_TRUE(SameBytes(RunConvInPlace(*conv, c, pieces, random), want))
          << conv->name() << " in place in " << pieces << ": "
          << Describe(c.params);
    }
  }
}

}  // namespace octet::simd

#endif  // OCTET_TESTS_ENGINE_SIMD_ORACLE_H_
