// SPDX-License-Identifier: Apache-2.0
// LSTM, GRU and RNN in vectors against the reference's loops, for sizes around
// the vectors' and panels' and batches around the blocks'.
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/ir/recurrent_inputs.h"
#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
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

void ExpectNearReference(const SingleNode& node) {
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
        ASSERT_NEAR(a[j], b[j], kTolerance)
            << "output " << i << ", element " << j << ", " << threads
            << " threads";
      }
    }
  }
}

TEST(RecurrentStepTest, AgreesWithTheReference) {
  Random random(7);
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
        ExpectNearReference(RandomNode(op, s, random));
      }
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

}  // namespace
}  // namespace octet::simd
