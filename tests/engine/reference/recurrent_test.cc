// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/engine/reference/reference_node.h"

namespace octet::reference {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;

using Kind = ir::RecurrentKind;
using Direction = ir::RecurrentDirection;
using Activation = ir::RecurrentActivation;

float Sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

Tensor Floats(Shape shape, const std::vector<float>& values) {
  return TensorOf<float>(std::move(shape), values);
}

ir::Recurrent Op(Kind kind, int functions, Activation first,
                 Activation rest = Activation::kTanh) {
  ir::Recurrent op;
  op.kind = kind;
  op.functions.assign(functions, {rest, 0, 0});
  for (int i = 0; i < functions; i += kind == Kind::kLstm ? 3 : functions) {
    op.functions[i] = {first, 0, 0};
  }
  return op;
}

// One feature, one unit, sums that can be done by hand: an RNN whose state is
// relu(x + 2 h).
ir::Recurrent AddingRnn() { return Op(Kind::kRnn, 1, Activation::kRelu); }
std::vector<NodeInput> AddingInputs(Tensor x) {
  return {std::move(x), Floats({1, 1, 1}, {1}), Floats({1, 1, 1}, {2})};
}

TEST(ReferenceRecurrentTest, CarriesTheStateForwards) {
  EXPECT_THAT(
      RunReference<float>(
          {AddingRnn(), AddingInputs(Floats({3, 1, 1}, {1, 2, 3})), {}}),
      ElementsAre(1, 4, 11));
}

TEST(ReferenceRecurrentTest, ReverseStartsAtTheEnd) {
  ir::Recurrent op = AddingRnn();
  op.direction = Direction::kReverse;
  EXPECT_THAT(
      RunReference<float>({op, AddingInputs(Floats({3, 1, 1}, {1, 2, 3})), {}}),
      ElementsAre(1 + 2 * 8, 2 + 2 * 3, 3));
}

TEST(ReferenceRecurrentTest, BidirectionalHasBothSideBySide) {
  ir::Recurrent op = AddingRnn();
  op.direction = Direction::kBidirectional;
  op.functions.push_back(op.functions[0]);
  const SingleNode node = {
      op,
      {Floats({2, 1, 1}, {1, 2}), Floats({2, 1, 1}, {1, 10}),
       Floats({2, 1, 1}, {2, 3})},
      {}};
  EXPECT_THAT(RunReference<float>(node), ElementsAre(1, 10 + 3 * 20, 4, 20));
}

TEST(ReferenceRecurrentTest, ShortSequencesEndInZeros) {
  ir::Recurrent op = AddingRnn();
  op.has_sequence_lens = true;
  std::vector<NodeInput> inputs =
      AddingInputs(Floats({3, 2, 1}, {1, 1, 2, 2, 3, 3}));
  inputs.push_back(TensorOf<int32_t>({2}, {1, 9}));
  EXPECT_THAT(RunReference<float>({op, inputs, {}}),
              ElementsAre(1, 1, 0, 4, 0, 11));
  op.direction = Direction::kReverse;
  inputs[3] = TensorOf<int32_t>({2}, {2, -1});
  EXPECT_THAT(RunReference<float>({op, inputs, {}}),
              ElementsAre(5, 0, 2, 0, 0, 0));
}

TEST(ReferenceRecurrentTest, StartsFromTheBiasAndTheInitialState) {
  ir::Recurrent op = AddingRnn();
  op.has_bias = true;
  op.has_initial_h = true;
  std::vector<NodeInput> inputs = AddingInputs(Floats({1, 2, 1}, {1, 2}));
  inputs.push_back(Floats({1, 2}, {100, 1000}));
  inputs.push_back(Floats({1, 2, 1}, {10, 20}));
  EXPECT_THAT(RunReference<float>({op, inputs, {}}),
              ElementsAre(1 + 20 + 1100, 2 + 40 + 1100));
}

TEST(ReferenceRecurrentTest, ClipsWhatTheFunctionsGet) {
  ir::Recurrent op = AddingRnn();
  op.clip = 3;
  EXPECT_THAT(
      RunReference<float>({op, AddingInputs(Floats({3, 1, 1}, {1, 2, 3})), {}}),
      ElementsAre(1, 3, 3));
}

TEST(ReferenceRecurrentTest, HasEveryFunction) {
  const auto run = [](ir::RecurrentFunction function, float x) {
    ir::Recurrent op = AddingRnn();
    op.functions = {function};
    return RunReference<float>(
        {op, AddingInputs(Floats({1, 1, 1}, {x})), {}})[0];
  };
  EXPECT_FLOAT_EQ(run({Activation::kTanh, 0, 0}, 0.5f), std::tanh(0.5f));
  EXPECT_FLOAT_EQ(run({Activation::kSigmoid, 0, 0}, 0.5f), Sigmoid(0.5f));
  EXPECT_EQ(run({Activation::kAffine, 2, 3}, 5), 13);
  EXPECT_FLOAT_EQ(run({Activation::kLeakyRelu, 0.1f, 0}, -5), -0.5f);
  EXPECT_EQ(run({Activation::kThresholdedRelu, 2, 0}, 2), 0);
  EXPECT_EQ(run({Activation::kThresholdedRelu, 2, 0}, 2.5f), 2.5f);
  EXPECT_FLOAT_EQ(run({Activation::kScaledTanh, 2, 3}, 0.5f),
                  2 * std::tanh(1.5f));
  EXPECT_FLOAT_EQ(run({Activation::kHardSigmoid, 0.2f, 0.5f}, 1), 0.7f);
  EXPECT_EQ(run({Activation::kHardSigmoid, 0.2f, 0.5f}, 10), 1);
  EXPECT_FLOAT_EQ(run({Activation::kElu, 2, 0}, -1), 2 * (std::exp(-1.0f) - 1));
  EXPECT_FLOAT_EQ(run({Activation::kSoftsign, 0, 0}, -3), -0.75f);
  EXPECT_FLOAT_EQ(run({Activation::kSoftplus, 0, 0}, 1),
                  std::log1p(std::exp(1.0f)));
}

// One unit, weights of the gates in the order z r h.
TEST(ReferenceRecurrentTest, GruResetsBeforeOrBehindTheProduct) {
  ir::Recurrent op = Op(Kind::kGru, 2, Activation::kSigmoid, Activation::kTanh);
  op.has_bias = true;
  op.has_initial_h = true;
  const float x = 0.5f;
  const float h = 0.25f;
  const std::vector<NodeInput> inputs = {
      Floats({1, 1, 1}, {x}), Floats({1, 3, 1}, {1, 2, 3}),
      Floats({1, 3, 1}, {4, 5, 6}),
      Floats({1, 6}, {.1f, .2f, .3f, .4f, .5f, .6f}), Floats({1, 1, 1}, {h})};
  const float z = Sigmoid(x + 4 * h + .1f + .4f);
  const float r = Sigmoid(2 * x + 5 * h + .2f + .5f);
  float candidate = std::tanh(3 * x + 6 * (r * h) + .3f + .6f);
  EXPECT_THAT(RunReference<float>({op, inputs, {}}),
              ElementsAre(FloatEq((1 - z) * candidate + z * h)));
  op.linear_before_reset = true;
  candidate = std::tanh(3 * x + .3f + r * (6 * h + .6f));
  EXPECT_THAT(RunReference<float>({op, inputs, {}}),
              ElementsAre(FloatEq((1 - z) * candidate + z * h)));
}

// One unit, weights of the gates in the order i o f c, peepholes i o f.
TEST(ReferenceRecurrentTest, LstmLooksAtTheCellAndMayCoupleItsGates) {
  ir::Recurrent op = Op(Kind::kLstm, 3, Activation::kSigmoid);
  op.has_initial_h = true;
  op.has_initial_c = true;
  op.has_peepholes = true;
  const float x = 0.5f;
  const float h = 0.25f;
  const float c = -0.75f;
  const std::vector<NodeInput> inputs = {
      Floats({1, 1, 1}, {x}),          Floats({1, 4, 1}, {1, 2, 3, 4}),
      Floats({1, 4, 1}, {5, 6, 7, 8}), Floats({1, 1, 1}, {h}),
      Floats({1, 1, 1}, {c}),          Floats({1, 3}, {.1f, .2f, .3f})};
  const float i = Sigmoid(x + 5 * h + .1f * c);
  float f = Sigmoid(3 * x + 7 * h + .3f * c);
  const auto expect = [&] {
    const float cell = f * c + i * std::tanh(4 * x + 8 * h);
    const float o = Sigmoid(2 * x + 6 * h + .2f * cell);
    EXPECT_THAT(RunReference<float>({op, inputs, {}}),
                ElementsAre(FloatEq(o * std::tanh(cell))));
  };
  expect();
  op.input_forget = true;
  f = 1 - i;
  expect();
}

}  // namespace
}  // namespace octet::reference
