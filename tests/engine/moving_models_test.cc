// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

// Operators that move elements, from the file to the answer, with either
// backend.
namespace octet {
namespace {

using onnx::ModelBuilder;
using onnx::NodeHandle;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;

Tensor Floats(Shape shape, std::vector<float> values) {
  return Tensor::Of<float>(std::move(shape), values);
}
Tensor Ints(Shape shape, std::vector<int64_t> values) {
  return Tensor::Of<int64_t>(std::move(shape), values);
}
// 0, 1, 2, ...
Tensor Counting(Shape shape) {
  Tensor tensor(DType::kFloat32, std::move(shape));
  float next = 0;
  for (float& value : tensor.mutable_data<float>()) value = next++;
  return tensor;
}

struct Answer {
  bool batches = false;
  std::vector<Tensor> outputs;
};

// What both backends answer; they must agree to the bit.
Answer Ask(const ModelBuilder& builder, const std::vector<Tensor>& inputs) {
  Answer answer;
  for (const BackendChoice backend :
       {BackendChoice::kDefault, BackendChoice::kReference}) {
    ModelOptions options;
    options.backend = backend;
    const auto model = Model::FromBytes(builder.Bytes(), options);
    EXPECT_TRUE(model.ok()) << model.status();
    if (!model.ok()) return answer;
    const auto executor = Executor::Create(*model);
    EXPECT_TRUE(executor.ok()) << executor.status();
    if (!executor.ok()) return answer;
    auto outputs = (*executor)->RunTensors(inputs, nullptr);
    EXPECT_TRUE(outputs.ok()) << outputs.status();
    if (!outputs.ok()) return answer;
    for (size_t i = 0; i < answer.outputs.size(); ++i) {
      EXPECT_EQ(answer.outputs[i].shape(), (*outputs)[i].shape());
      EXPECT_THAT(answer.outputs[i].data<float>(),
                  ElementsAreArray((*outputs)[i].data<float>()));
    }
    answer.batches = (*model)->batches();
    answer.outputs = *std::move(outputs);
  }
  return answer;
}

// One operator on "x" and what the caller adds.
class OneNode {
 public:
  OneNode(int64_t opset, std::vector<int64_t> dims) : builder_(opset) {
    builder_.Input("x", std::move(dims)).Output("y");
  }
  ModelBuilder& builder() { return builder_; }
  NodeHandle Node(const std::string& op_type, std::vector<std::string> more) {
    more.insert(more.begin(), "x");
    return builder_.Node(op_type, std::move(more), {"y"});
  }
  Answer On(Tensor x) { return Ask(builder_, {std::move(x)}); }

 private:
  ModelBuilder builder_;
};

TEST(MovingModelsTest, GatherOfColumnsKeepsRowsAndOfRowsMixesThem) {
  OneNode columns(13, {-1, 3});
  columns.builder().Ints("i", {2, -3});
  columns.Node("Gather", {"i"}).Int("axis", 1);
  const Answer kept = columns.On(Counting({2, 3}));
  EXPECT_TRUE(kept.batches);
  ASSERT_EQ(kept.outputs.size(), 1u);
  EXPECT_THAT(kept.outputs[0].data<float>(), ElementsAre(2, 0, 5, 3));

  OneNode rows(13, {3, 2});
  rows.builder().Ints("i", {2, 0});
  rows.Node("Gather", {"i"});
  const Answer mixed = rows.On(Counting({3, 2}));
  EXPECT_FALSE(mixed.batches);
  ASSERT_EQ(mixed.outputs.size(), 1u);
  EXPECT_THAT(mixed.outputs[0].data<float>(), ElementsAre(4, 5, 0, 1));
}

TEST(MovingModelsTest, RowsLookUpATable) {
  ModelBuilder builder(13);
  builder.Input("x", {-1, 2}, ::onnx::TensorProto::INT64).Output("y");
  builder.Floats("table", {3, 2}, {0, 1, 10, 11, 20, 21});
  builder.Node("Gather", {"table", "x"}, {"y"});
  const Answer answer = Ask(builder, {Ints({2, 2}, {2, 0, 1, 1})});
  EXPECT_TRUE(answer.batches);
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].shape(), ElementsAre(2, 2, 2));
  EXPECT_THAT(answer.outputs[0].data<float>(),
              ElementsAre(20, 21, 0, 1, 10, 11, 10, 11));
}

TEST(MovingModelsTest, AClassTokenIsJoinedToEveryRow) {
  OneNode model(13, {1, 2, 2});
  model.builder().Floats("token", {1, 1, 2}, {7, 8});
  model.Node("Concat", {"token"}).Int("axis", 1);
  const Answer answer = model.On(Counting({3, 2, 2}));
  EXPECT_TRUE(answer.batches);
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(
      answer.outputs[0].data<float>(),
      ElementsAre(0, 1, 2, 3, 7, 8, 4, 5, 6, 7, 7, 8, 8, 9, 10, 11, 7, 8));
}

TEST(MovingModelsTest, SplitCutsAsTheFileSays) {
  ModelBuilder builder(18);
  builder.Input("x", {-1, 5}).Output("a").Output("b").Output("c");
  builder.Node("Split", {"x"}, {"a", "b", "c"})
      .Int("axis", -1)
      .Int("num_outputs", 3);
  const Answer answer = Ask(builder, {Counting({2, 5})});
  EXPECT_TRUE(answer.batches);
  ASSERT_EQ(answer.outputs.size(), 3u);
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(0, 1, 5, 6));
  EXPECT_THAT(answer.outputs[1].data<float>(), ElementsAre(2, 3, 7, 8));
  EXPECT_THAT(answer.outputs[2].data<float>(), ElementsAre(4, 9));
}

TEST(MovingModelsTest, TileRepeatsColumnsOfRows) {
  OneNode model(13, {-1, 2});
  model.builder().Ints("r", {1, 2});
  model.Node("Tile", {"r"});
  const Answer answer = model.On(Counting({2, 2}));
  EXPECT_TRUE(answer.batches);
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(),
              ElementsAre(0, 1, 0, 1, 2, 3, 2, 3));
}

TEST(MovingModelsTest, TileOfRowsMixesThem) {
  OneNode model(13, {2, 2});
  model.builder().Ints("r", {2, 1});
  model.Node("Tile", {"r"});
  const Answer answer = model.On(Counting({2, 2}));
  EXPECT_FALSE(answer.batches);
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(),
              ElementsAre(0, 1, 2, 3, 0, 1, 2, 3));
}

TEST(MovingModelsTest, PadCutsBeforeItReflects) {
  OneNode model(13, {-1, 5});
  model.builder().Ints("p", {0, 2, 0, -1});
  model.Node("Pad", {"p"}).String("mode", "reflect");
  const Answer answer = model.On(Counting({1, 5}));
  EXPECT_TRUE(answer.batches);
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(2, 1, 0, 1, 2, 3));
}

TEST(MovingModelsTest, PadTakesItsValueFromTheCaller) {
  ModelBuilder builder(13);
  builder.Input("x", {2, 2}).Input("v", {}).Output("y");
  builder.Ints("p", {0, 1, 1, 0});
  builder.Node("Pad", {"x", "p", "v"}, {"y"});
  const Answer answer = Ask(builder, {Counting({2, 2}), Floats({}, {9})});
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(),
              ElementsAre(9, 0, 1, 9, 2, 3, 9, 9, 9));
}

TEST(MovingModelsTest, DepthToSpaceAndBack) {
  for (const std::string mode : {"DCR", "CRD"}) {
    OneNode model(13, {-1, 8, 1, 2});
    model.Node("DepthToSpace", {}).Int("blocksize", 2).String("mode", mode);
    const Answer answer = model.On(Counting({1, 8, 1, 2}));
    EXPECT_TRUE(answer.batches);
    ASSERT_EQ(answer.outputs.size(), 1u);
    EXPECT_THAT(answer.outputs[0].shape(), ElementsAre(1, 2, 2, 4));
    if (mode == "DCR") {
      EXPECT_THAT(
          answer.outputs[0].data<float>(),
          ElementsAre(0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15));
    } else {
      EXPECT_THAT(
          answer.outputs[0].data<float>(),
          ElementsAre(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15));
    }
  }
  OneNode back(13, {-1, 1, 2, 4});
  back.Node("SpaceToDepth", {}).Int("blocksize", 2);
  const Answer answer = back.On(Counting({1, 1, 2, 4}));
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(),
              ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
}

TEST(MovingModelsTest, ScatterOfColumnsKeepsRows) {
  OneNode model(18, {1, 3});
  model.builder().Ints("flat", {2, 0}).Floats("u", {1, 2}, {7, 8});
  model.builder().Ints("shape", {1, 2});
  model.builder().Node("Reshape", {"flat", "shape"}, {"i"});
  model.Node("ScatterElements", {"i", "u"})
      .Int("axis", 1)
      .String("reduction", "add");
  const Answer answer = model.On(Counting({2, 3}));
  EXPECT_TRUE(answer.batches);
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(8, 1, 9, 11, 4, 12));
}

TEST(MovingModelsTest, ConditionsCompressAndFindWhatHolds) {
  OneNode model(13, {2, 3});
  model.builder().Constant("c", Tensor::Of<bool>({2}, {false, true}));
  model.Node("Compress", {"c"}).Int("axis", 1);
  const Answer answer = model.On(Counting({2, 3}));
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].shape(), ElementsAre(2, 1));
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(1, 4));

  ModelBuilder nonzero(13);
  nonzero.Input("x", {2, 2}).Output("y");
  nonzero.Node("NonZero", {"x"}, {"at"});
  nonzero.Node("Transpose", {"at"}, {"positions"}).Ints("perm", {1, 0});
  nonzero.Node("GatherND", {"x", "positions"}, {"y"});
  const Answer found = Ask(nonzero, {Floats({2, 2}, {5, 0, 0, 6})});
  ASSERT_EQ(found.outputs.size(), 1u);
  EXPECT_THAT(found.outputs[0].data<float>(), ElementsAre(5, 6));
}

TEST(MovingModelsTest, ReverseSequenceReversesEachToItsLength) {
  OneNode model(10, {2, 3});
  model.builder().Ints("lens", {3, 2});
  model.Node("ReverseSequence", {"lens"})
      .Int("batch_axis", 0)
      .Int("time_axis", 1);
  const Answer answer = model.On(Counting({2, 3}));
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(2, 1, 0, 4, 3, 5));
}

TEST(MovingModelsTest, EinsumMultipliesPerRow) {
  OneNode model(13, {-1, 2, 2});
  model.builder().Floats("w", {2, 3}, {1, 2, 3, 4, 5, 6});
  model.Node("Einsum", {"w"}).String("equation", "bij,jk->bki");
  const Answer answer = model.On(Counting({2, 2, 2}));
  EXPECT_TRUE(answer.batches);
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(),
              ElementsAre(4, 14, 5, 19, 6, 24, 24, 34, 33, 47, 42, 60));
}

TEST(MovingModelsTest, EinsumTakesDiagonalsEllipsesAndManyOperands) {
  OneNode diagonal(13, {3, 3});
  diagonal.Node("Einsum", {}).String("equation", "ii->i");
  Answer answer = diagonal.On(Counting({3, 3}));
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(0, 4, 8));

  OneNode trace(13, {2, 2, 2});
  trace.Node("Einsum", {}).String("equation", "...ii");
  answer = trace.On(Counting({2, 2, 2}));
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(3, 11));

  OneNode three(13, {2, 2});
  three.builder().Floats("w", {2}, {1, 10}).Floats("v", {2}, {1, 2});
  three.Node("Einsum", {"w", "v"}).String("equation", "ij,j,i->i");
  answer = three.On(Counting({2, 2}));
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(10, 64));

  OneNode broadcast(13, {2, 1, 2});
  broadcast.builder().Floats("w", {3, 2}, {1, 2, 3, 4, 5, 6});
  broadcast.Node("Einsum", {"w"}).String("equation", "...i,...i->...");
  answer = broadcast.On(Counting({2, 1, 2}));
  ASSERT_EQ(answer.outputs.size(), 1u);
  EXPECT_THAT(answer.outputs[0].shape(), ElementsAre(2, 3));
  EXPECT_THAT(answer.outputs[0].data<float>(), ElementsAre(2, 4, 6, 8, 18, 28));
}

// The message of a model that is refused.
std::string Refusal(OneNode& model) {
  const auto loaded = Model::FromBytes(model.builder().Bytes(), ModelOptions());
  return std::string(loaded.status().message());
}

TEST(MovingModelsTest, RefusesWhatDoesNotFit) {
  OneNode gather(13, {2, 3});
  gather.builder().Ints("i", {3});
  gather.Node("Gather", {"i"}).Int("axis", 1);
  EXPECT_THAT(Refusal(gather), HasSubstr("index 3 into 3 entries"));
  OneNode split(13, {2, 3});
  split.builder().Ints("s", {1, 9223372036854775807});
  split.builder().Output("z");
  split.builder().Node("Split", {"x", "s"}, {"y", "z"}).Int("axis", 1);
  EXPECT_THAT(Refusal(split), HasSubstr("parts that add up"));
  OneNode pad(13, {2, 3});
  pad.builder().Ints("p", {0, -2, 0, -2});
  pad.Node("Pad", {"p"});
  EXPECT_THAT(Refusal(pad), HasSubstr("cuts 2 and 2"));
  OneNode slice(13, {2, 3});
  slice.builder().Ints("s", {0, 0}).Ints("e", {1, 1}).Ints("a", {1, -1});
  slice.Node("Slice", {"s", "e", "a"});
  EXPECT_THAT(Refusal(slice), HasSubstr("given twice"));
  OneNode blocks(13, {1, 6, 2, 2});
  blocks.Node("DepthToSpace", {}).Int("blocksize", 2);
  EXPECT_THAT(Refusal(blocks), HasSubstr("do not divide"));
  OneNode tile(13, {2, 3});
  tile.builder().Ints("r", {1 << 30, 1 << 30});
  tile.Node("Tile", {"r"});
  EXPECT_THAT(Refusal(tile), HasSubstr("more than"));
}

}  // namespace
}  // namespace octet
