// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU and RNN in vectors against the reference's loops, for sizes around
// the vectors' and panels' and batches around the blocks'.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/ir/recurrent_inputs.h"
#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "engine/simd/gate_bytes.h"
#include "engine/simd/packed_gates.h"
#include "engine/simd/recurrent_kernels.h"
#include "gtest/gtest.h"
#include "tests/engine/simd/oracle.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

using Kind = ir::RecurrentKind;
using Direction = ir::RecurrentDirection;
using Activation = ir::RecurrentActivation;

// The state after some steps of a float32 recurrence against one in double.
constexpr float kTolerance = 1e-5f;
// The same where the input and the state are rounded to 16 bits.
constexpr float kCodeTolerance = 1e-4f;

Tensor RandomFloats(Shape shape, float scale, Random& random) {
  Tensor tensor(DType::kFloat32, std::move(shape));
  std::uniform_real_distribution<float> uniform(-scale, scale);
  for (float& x : tensor.mutable_data<float>()) x = uniform(random);
  return tensor;
}

struct Sizes {
  int64_t steps;
  int64_t batch;
  int64_t features;
  int64_t hidden;
};

ir::Recurrent DefaultOp(Kind kind, Direction direction, int64_t hidden) {
  ir::Recurrent op;
  op.kind = kind;
  op.direction = direction;
  op.hidden = hidden;
  for (int d = 0; d < ir::DirectionCount(direction); ++d) {
    if (kind != Kind::kRnn) op.functions.push_back({Activation::kSigmoid});
    op.functions.push_back({Activation::kTanh});
    if (kind == Kind::kLstm) op.functions.push_back({Activation::kTanh});
  }
  return op;
}

SingleNode RandomNode(ir::Recurrent op, const Sizes& s, Random& random) {
  const int64_t directions = ir::DirectionCount(op.direction);
  const int64_t rows = ir::GateCount(op.kind) * s.hidden;
  SingleNode node;
  node.inputs.push_back(
      RandomFloats({s.steps, s.batch, s.features}, 1, random));
  const auto constant = [&](Shape shape, float scale) {
    node.inputs.push_back(
        NodeInput(RandomFloats(std::move(shape), scale, random)).Constant());
  };
  constant({directions, rows, s.features}, 1.0f / std::sqrt(s.features));
  constant({directions, rows, s.hidden}, 1.0f / std::sqrt(s.hidden));
  if (op.has_bias) constant({directions, 2 * rows}, 1);
  const Shape state = {directions, s.batch, s.hidden};
  if (op.has_initial_h) node.inputs.push_back(RandomFloats(state, 1, random));
  if (op.has_initial_c) node.inputs.push_back(RandomFloats(state, 1, random));
  node.op = std::move(op);
  return node;
}

// `node` with W and R as s8: a scale for each row of gates, or one.
SingleNode WithByteWeights(SingleNode node, bool per_row, Random& random) {
  for (size_t i : {1, 2}) {
    const Shape shape = node.inputs[i].tensor.shape();
    Tensor weights(DType::kInt8, shape);
    std::uniform_int_distribution<int> integer(-127, 127);
    for (int8_t& w : weights.mutable_data<int8_t>()) {
      w = static_cast<int8_t>(integer(random));
    }
    const float scale = 1.0f / (127 * std::sqrt(shape[2]));
    ir::Quantization quantization = ir::Quantization::PerTensor(scale, 0);
    if (per_row) {
      std::uniform_real_distribution<float> factor(0.5f, 1.0f);
      quantization.scales.clear();
      for (int64_t row = 0; row < shape[1]; ++row) {
        quantization.scales.push_back(scale * factor(random));
      }
      quantization.zero_points.assign(shape[1], 0);
      quantization.axis = 1;
    }
    node.inputs[i] = NodeInput(std::move(weights), quantization).Constant();
  }
  return node;
}

void ExpectNearReference(const SingleNode& node, float tolerance = kTolerance) {
  const auto expected =
      RunNodeForAll(*reference::CreateReferenceBackend(), node);
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (int threads : {1, 2, 3}) {
    const auto got = RunNodeForAll(*CreateSimdBackend(), node, threads);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->size(), expected->size());
    for (size_t i = 0; i < got->size(); ++i) {
      const auto a = (*got)[i].data<float>();
      const auto b = (*expected)[i].data<float>();
      ASSERT_EQ(a.size(), b.size());
      for (size_t j = 0; j < a.size(); ++j) {
        ASSERT_NEAR(a[j], b[j], tolerance)
            << "output " << i << ", element " << j << ", " << threads
            << " threads";
      }
    }
  }
}

// Calls check(node, description) for each kind, direction and size.
template <typename Check>
void ForAllForms(Random& random, const Check& check) {
  const Sizes sizes[] = {{1, 1, 1, 1},   {3, 1, 5, 7},   {4, 2, 16, 8},
                         {5, 3, 9, 16},  {2, 4, 17, 33}, {70, 1, 3, 24},
                         {3, 70, 4, 10}, {9, 6, 40, 65}, {2, 1, 128, 128}};
  for (Kind kind : {Kind::kRnn, Kind::kGru, Kind::kLstm}) {
    for (const Sizes& s : sizes) {
      for (Direction direction : {Direction::kForward, Direction::kReverse,
                                  Direction::kBidirectional}) {
        ir::Recurrent op = DefaultOp(kind, direction, s.hidden);
        op.has_bias = s.batch != 2;
        op.has_initial_h = s.steps != 4;
        op.has_initial_c = kind == Kind::kLstm && s.batch != 3;
        op.linear_before_reset = kind == Kind::kGru && s.hidden % 2 == 0;
        SCOPED_TRACE(absl::StrCat(op.Name(), " of ", s.steps, " steps, batch ",
                                  s.batch, ", ", s.features, " features, ",
                                  s.hidden, " units"));
        check(RandomNode(op, s, random));
      }
    }
  }
}

TEST(RecurrentStepTest, AgreesWithTheReference) {
  Random random(7);
  ForAllForms(random,
              [](const SingleNode& node) { ExpectNearReference(node); });
}

TEST(RecurrentStepTest, OfByteWeightsAgreesWithTheReference) {
  Random random(11);
  bool per_row = false;
  ForAllForms(random, [&](const SingleNode& node) {
    per_row = !per_row;
    ExpectNearReference(WithByteWeights(node, per_row, random), kCodeTolerance);
  });
}

// Rows of other batches are computed in other tiles.
TEST(RecurrentStepTest, RowsOfByteWeightsDoNotDependOnTheirNeighbours) {
  Random random(12);
  ir::Recurrent op = DefaultOp(Kind::kLstm, Direction::kForward, 29);
  op.has_bias = true;
  const SingleNode all =
      WithByteWeights(RandomNode(op, {4, 7, 10, 29}, random), true, random);
  const auto together = RunNodeForAll(*CreateSimdBackend(), all);
  ASSERT_TRUE(together.ok()) << together.status();
  for (int64_t entry = 0; entry < 7; ++entry) {
    SingleNode one = all;
    Tensor x(DType::kFloat32, {4, 1, 10});
    for (int64_t t = 0; t < 4; ++t) {
      const auto from =
          all.inputs[0].tensor.data<float>().subspan((t * 7 + entry) * 10, 10);
      std::copy(from.begin(), from.end(),
                x.mutable_data<float>().begin() + t * 10);
    }
    one.inputs[0] = x;
    const auto alone = RunNodeForAll(*CreateSimdBackend(), one);
    ASSERT_TRUE(alone.ok()) << alone.status();
    for (int64_t u = 0; u < 29; ++u) {
      ASSERT_EQ((*alone)[1].data<float>()[u],
                (*together)[1].data<float>()[entry * 29 + u])
          << entry << " " << u;
    }
  }
}

TEST(RecurrentStepTest, GruWithOddUnitsAndTheResetBehindTheProduct) {
  Random random(8);
  ir::Recurrent op = DefaultOp(Kind::kGru, Direction::kForward, 13);
  op.linear_before_reset = true;
  op.has_bias = true;
  ExpectNearReference(RandomNode(op, {4, 3, 6, 13}, random));
}

TEST(RecurrentStepTest, LeavesOtherFormsToTheReference) {
  Random random(9);
  const auto code_of = [](const SingleNode& node) {
    return RunSingleNode(*CreateSimdBackend(), node).status().code();
  };
  const Sizes sizes = {2, 1, 3, 4};
  ir::Recurrent op = DefaultOp(Kind::kLstm, Direction::kForward, 4);
  EXPECT_EQ(code_of(RandomNode(op, sizes, random)), absl::StatusCode::kOk);
  op.clip = 1;
  EXPECT_EQ(code_of(RandomNode(op, sizes, random)),
            absl::StatusCode::kUnimplemented);
  op.clip = 0;
  op.functions[2].kind = Activation::kRelu;
  EXPECT_EQ(code_of(RandomNode(op, sizes, random)),
            absl::StatusCode::kUnimplemented);
  op.functions[2].kind = Activation::kTanh;
  SingleNode runtime_weights = RandomNode(op, sizes, random);
  runtime_weights.inputs[1].constant = false;
  EXPECT_EQ(code_of(runtime_weights), absl::StatusCode::kUnimplemented);
}

// A row of sums is the same bytes whatever rows are computed beside it.
TEST(RecurrentKernelsTest, RowsDoNotDependOnTheirNeighbours) {
  Random random(10);
  constexpr int64_t kRows = 11;
  constexpr int64_t kDepth = 29;
  constexpr int64_t kOutputs = 75;
  const Tensor matrix = RandomFloats({kOutputs, kDepth}, 1, random);
  const Tensor x = RandomFloats({kRows, kDepth}, 1, random);
  const internal::PackedGates packed(matrix.data<float>().data(), kOutputs,
                                     kDepth);
  for (Isa isa : TestedIsas()) {
    const auto& kernels = internal::RecurrentKernelsFor(isa);
    std::vector<float> all(kRows * packed.width(), 0.5f);
    kernels.multiply(packed.Times(x.data<float>().data(), kDepth, all.data(),
                                  packed.width(), kRows));
    for (int64_t row = 0; row < kRows; ++row) {
      std::vector<float> one(packed.width(), 0.5f);
      kernels.multiply(packed.Times(x.data<float>().data() + row * kDepth,
                                    kDepth, one.data(), packed.width(), 1));
      for (int64_t j = 0; j < kOutputs; ++j) {
        ASSERT_EQ(one[j], all[row * packed.width() + j]) << row << " " << j;
      }
      double sum = 0.5;
      for (int64_t k = 0; k < kDepth; ++k) {
        sum +=
            double{x.data<float>()[row * kDepth + k]} * matrix.data<float>()[k];
      }
      EXPECT_NEAR(one[0], sum, kTolerance);
    }
  }
}

// Rows of codes in memory of their own.
struct CodeRows {
  CodeRows(int64_t rows, int64_t stride)
      : high(rows * stride, 77), low(rows * stride, 77), scales(rows, -1) {
    codes = {high.data(), low.data(), stride, scales.data()};
  }
  double Value(int64_t row, int64_t k) const {
    const int64_t at = row * codes.stride + k;
    return double{scales[row]} * (256 * high[at] + low[at] - 32768);
  }

  std::vector<uint8_t> high;
  std::vector<uint8_t> low;
  std::vector<float> scales;
  internal::GateCodes codes;
};

std::vector<Isa> IsasThatMultiplyBytes() {
  std::vector<Isa> isas;
  for (Isa isa : TestedIsas()) {
    if (internal::ByteGateKernelsFor(isa) != nullptr) isas.push_back(isa);
  }
  return isas;
}

TEST(ByteGateKernelsTest, RoundToSixteenBits) {
  if (IsasThatMultiplyBytes().empty()) {
    GTEST_SKIP() << "this processor has no vpdpbusd";
  }
  Random random(13);
  constexpr int64_t kDepth = 23;
  constexpr int64_t kRows = 6;
  Tensor x = RandomFloats({kRows, kDepth}, 3, random);
  const auto numbers = x.mutable_data<float>();
  for (int64_t k = 0; k < kDepth; ++k) {
    numbers[kDepth + k] = 0;
    numbers[2 * kDepth + k] *= 1e-36f;
    numbers[3 * kDepth + k] *= 1e30f;
  }
  numbers[4 * kDepth + 22] = std::numeric_limits<float>::quiet_NaN();
  numbers[5 * kDepth] = -std::numeric_limits<float>::infinity();
  for (Isa isa : IsasThatMultiplyBytes()) {
    CodeRows rows(kRows, 24);
    internal::ByteGateKernelsFor(isa)->round(
        {numbers.data(), kDepth, kRows, kDepth, rows.codes});
    for (int64_t row : {0, 1, 2, 3}) {
      float largest = 0;
      for (int64_t k = 0; k < kDepth; ++k) {
        largest = std::max(largest, std::abs(numbers[row * kDepth + k]));
      }
      if (row == 1 || row == 2) {
        EXPECT_EQ(rows.scales[row], 0) << IsaName(isa);
      } else {
        EXPECT_FLOAT_EQ(rows.scales[row], largest / 32767) << IsaName(isa);
      }
      for (int64_t k = 0; k < kDepth; ++k) {
        EXPECT_NEAR(rows.Value(row, k), numbers[row * kDepth + k],
                    std::max(0.51 * largest / 32767, 1e-30))
            << IsaName(isa) << " " << row << " " << k;
      }
    }
    EXPECT_TRUE(std::isnan(rows.scales[4])) << IsaName(isa);
    EXPECT_TRUE(std::isnan(rows.scales[5])) << IsaName(isa);
  }
}

TEST(ByteGateKernelsTest, SumsAreExactAndTheSameOnEveryInstructionSet) {
  if (IsasThatMultiplyBytes().empty()) {
    GTEST_SKIP() << "this processor has no vpdpbusd";
  }
  Random random(14);
  for (int64_t depth : {1, 4, 30, 517}) {
    for (int64_t outputs : {1, 16, 70, 100}) {
      constexpr int64_t kRows = 7;
      const Tensor x = RandomFloats({kRows, depth}, 2, random);
      std::vector<int8_t> weights(outputs * depth);
      std::uniform_int_distribution<int> integer(-128, 127);
      for (int8_t& w : weights) w = static_cast<int8_t>(integer(random));
      std::vector<float> scales;
      std::uniform_real_distribution<float> scale(0.001f, 0.01f);
      for (int64_t j = 0; j < outputs; ++j) scales.push_back(scale(random));
      const internal::PackedByteGates packed(weights.data(), outputs, depth,
                                             scales.data(), 1);
      for (Isa isa : IsasThatMultiplyBytes()) {
        const auto* kernels = internal::ByteGateKernelsFor(isa);
        CodeRows rows(kRows, packed.row_bytes());
        kernels->round(
            {x.data<float>().data(), depth, kRows, depth, rows.codes});
        std::vector<float> y(kRows * packed.width(), 0.5f);
        kernels->multiply(
            packed.Times(rows.codes, y.data(), packed.width(), kRows));
        for (int64_t i = 0; i < kRows; ++i) {
          for (int64_t j = 0; j < outputs; ++j) {
            int64_t high = 0;
            int64_t low = 0;
            for (int64_t k = 0; k < depth; ++k) {
              const int64_t at = i * packed.row_bytes() + k;
              high += (rows.high[at] - 128) * weights[j * depth + k];
              low += rows.low[at] * weights[j * depth + k];
            }
            const float sum = std::fma(static_cast<float>(high), 256.0f,
                                       static_cast<float>(low));
            ASSERT_EQ(y[i * packed.width() + j],
                      std::fma(sum, rows.scales[i] * scales[j], 0.5f))
                << IsaName(isa) << ", depth " << depth << ", output " << j
                << " of " << outputs << ", row " << i;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace octet::simd
