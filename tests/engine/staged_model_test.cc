// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

// Models whose shapes, or whose course, are known only when they run.
namespace octet {
namespace {

using onnx::ModelBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

std::shared_ptr<const Model> Load(const ModelBuilder& builder) {
  auto model = Model::FromBytes(builder.Bytes(), ModelOptions());
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *model : nullptr;
}

absl::StatusOr<std::vector<Tensor>> RunOn(Executor& executor,
                                          std::vector<Tensor> inputs) {
  return executor.RunTensors(inputs, nullptr);
}

std::unique_ptr<Executor> MakeExecutor(std::shared_ptr<const Model> model) {
  auto executor = Executor::Create(std::move(model));
  EXPECT_TRUE(executor.ok()) << executor.status();
  return executor.ok() ? *std::move(executor) : nullptr;
}

Tensor Floats(Shape shape, std::vector<float> values) {
  return Tensor::Of<float>(std::move(shape), values);
}
Tensor Ints(Shape shape, std::vector<int64_t> values) {
  return Tensor::Of<int64_t>(std::move(shape), values);
}

TEST(StagedModelTest, OpenDimensionsTakeAnyExtent) {
  ModelBuilder builder(13);
  builder.Input("x", {2, -1}).Output("y");
  builder.Node("ReduceMax", {"x"}, {"y"}).Ints("axes", {1}).Int("keepdims", 0);
  const auto model = Load(builder);
  ASSERT_NE(model, nullptr);
  EXPECT_TRUE(model->has_dynamic_shapes());
  EXPECT_FALSE(model->batches());
  EXPECT_THAT(model->why_dynamic(), HasSubstr("dimension 1 of input 'x'"));
  EXPECT_THAT(model->inputs()[0].row_shape, ElementsAre(2, -1));
  const auto executor = MakeExecutor(model);
  ASSERT_NE(executor, nullptr);
  for (const int64_t width : {1, 3, 2, 3}) {
    std::vector<float> values(2 * width, 0);
    values[width - 1] = 5;
    values[2 * width - 1] = 7;
    const auto outputs = RunOn(*executor, {Floats({2, width}, values)});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    EXPECT_THAT((*outputs)[0].shape(), ElementsAre(2));
    EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(5, 7));
  }
}

TEST(StagedModelTest, ShapesOfOneRunFitEachOther) {
  ModelBuilder builder(13);
  builder.Input("x", {2, -1}).Input("z", {2, -1}).Output("y");
  builder.Node("Add", {"x", "z"}, {"y"}).Name("sum");
  const auto executor = MakeExecutor(Load(builder));
  ASSERT_NE(executor, nullptr);
  const auto misfit = RunOn(*executor, {Floats({2, 2}, {1, 2, 3, 4}),
                                        Floats({2, 3}, {1, 2, 3, 4, 5, 6})});
  EXPECT_EQ(misfit.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(misfit.status().message()), HasSubstr("'sum'"));
  const auto wrong_rank =
      RunOn(*executor, {Floats({2}, {1, 2}), Floats({2, 1}, {1, 2})});
  EXPECT_THAT(
      std::string(wrong_rank.status().message()),
      HasSubstr("input 'x': got float32 [2]; expected float32 [2, -1]"));
}

TEST(StagedModelTest, ReshapesToATargetThatCallersGive) {
  ModelBuilder builder(13);
  builder.Input("x", {2, 3}).Input("target", {2}, ::onnx::TensorProto::INT64);
  builder.Output("y").Node("Reshape", {"x", "target"}, {"y"});
  const auto executor = MakeExecutor(Load(builder));
  ASSERT_NE(executor, nullptr);
  const Tensor x = Floats({2, 3}, {1, 2, 3, 4, 5, 6});
  auto outputs = RunOn(*executor, {x, Ints({2}, {3, 2})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].shape(), ElementsAre(3, 2));
  outputs = RunOn(*executor, {x, Ints({2}, {-1, 1})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].shape(), ElementsAre(6, 1));
  EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  outputs = RunOn(*executor, {x, Ints({2}, {4, 2})});
  EXPECT_EQ(outputs.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(StagedModelTest, ReshapesToATargetThatIsComputed) {
  ModelBuilder builder(13);
  builder.Input("x", {2, 3}).Output("y");
  builder.Node("ReduceMax", {"x"}, {"top"}).Ints("axes", {0, 1});
  builder.Ints("one", {1}).Node("Reshape", {"top", "one"}, {"top1"});
  builder.Node("Cast", {"top1"}, {"target"}).Int("to", 7);
  builder.Node("Reshape", {"x", "target"}, {"flat"});
  builder.Node("Neg", {"flat"}, {"y"});
  const auto executor = MakeExecutor(Load(builder));
  ASSERT_NE(executor, nullptr);
  auto outputs = RunOn(*executor, {Floats({2, 3}, {1, 2, 3, 4, 5, 6})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(-1, -2, -3, -4, -5, -6));
  outputs = RunOn(*executor, {Floats({2, 3}, {1, 2, 3, 4, 5, 7})});
  EXPECT_THAT(std::string(outputs.status().message()), HasSubstr("[7]"));
}

// y = condition ? x + x : -x
ModelBuilder Branches() {
  ModelBuilder builder(13);
  builder.Input("x", {2}).Input("condition", {}, ::onnx::TensorProto::BOOL);
  builder.Output("y").Node("If", {"condition"}, {"y"});
  ::onnx::NodeProto* node = builder.proto().mutable_graph()->mutable_node(0);
  const auto add_branch = [&](const char* name, const char* op, int inputs) {
    ::onnx::AttributeProto* attribute = node->add_attribute();
    attribute->set_name(name);
    attribute->set_type(::onnx::AttributeProto::GRAPH);
    ::onnx::NodeProto* inner = attribute->mutable_g()->add_node();
    inner->set_op_type(op);
    for (int i = 0; i < inputs; ++i) inner->add_input("x");
    inner->add_output("inner");
    attribute->mutable_g()->add_output()->set_name("inner");
  };
  add_branch("then_branch", "Add", 2);
  add_branch("else_branch", "Neg", 1);
  return builder;
}

TEST(StagedModelTest, TakesTheBranchOfTheCondition) {
  const auto executor = MakeExecutor(Load(Branches()));
  ASSERT_NE(executor, nullptr);
  const Tensor x = Floats({2}, {1, 2});
  for (const bool condition : {true, false, true}) {
    const auto outputs =
        RunOn(*executor, {x, Tensor::Of<bool>({}, {condition})});
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    if (condition) {
      EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(2, 4));
    } else {
      EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(-1, -2));
    }
  }
}

// Adds x to a sum until the sum's least element is over 10 or the trips are
// done; y is the sum, all is every sum on the way.
ModelBuilder SumUntilTen() {
  ModelBuilder builder(13);
  builder.Input("x", {2}).Input("trips", {}, ::onnx::TensorProto::INT64);
  builder.Output("y").Output("all");
  builder.Constant("go", Tensor::Of<bool>({}, {true}));
  builder.Constant("ten", Tensor::Of<int64_t>({}, {10}));
  builder.Node("Loop", {"trips", "go", "x"}, {"y", "all"});
  ::onnx::AttributeProto* attribute =
      builder.proto().mutable_graph()->mutable_node(0)->add_attribute();
  attribute->set_name("body");
  attribute->set_type(::onnx::AttributeProto::GRAPH);
  ::onnx::GraphProto* body = attribute->mutable_g();
  for (const char* name : {"i", "going", "sum"}) {
    body->add_input()->set_name(name);
  }
  const auto add = [&](const char* op, std::vector<std::string> inputs,
                       const char* output) {
    ::onnx::NodeProto* node = body->add_node();
    node->set_op_type(op);
    for (const std::string& input : inputs) node->add_input(input);
    node->add_output(output);
    return node;
  };
  add("Add", {"sum", "x"}, "next");
  ::onnx::AttributeProto* keep =
      add("ReduceMin", {"next"}, "least")->add_attribute();
  keep->set_name("keepdims");
  keep->set_type(::onnx::AttributeProto::INT);
  keep->set_i(0);
  ::onnx::AttributeProto* to = add("Cast", {"least"}, "whole")->add_attribute();
  to->set_name("to");
  to->set_type(::onnx::AttributeProto::INT);
  to->set_i(7);
  // 10 / least, as a bool: whether the least is at most 10.
  add("Div", {"ten", "whole"}, "left");
  ::onnx::AttributeProto* to_bool =
      add("Cast", {"left"}, "again")->add_attribute();
  to_bool->set_name("to");
  to_bool->set_type(::onnx::AttributeProto::INT);
  to_bool->set_i(9);
  add("Identity", {"next"}, "seen");
  for (const char* name : {"again", "next", "seen"}) {
    body->add_output()->set_name(name);
  }
  auto* seen = body->mutable_output(2)->mutable_type()->mutable_tensor_type();
  seen->set_elem_type(::onnx::TensorProto::FLOAT);
  seen->mutable_shape()->add_dim()->set_dim_value(2);
  return builder;
}

TEST(StagedModelTest, LoopsUntilTheDataSaysSo) {
  const auto executor = MakeExecutor(Load(SumUntilTen()));
  ASSERT_NE(executor, nullptr);
  auto outputs = RunOn(*executor, {Floats({2}, {4, 5}), Ints({}, {100})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(12, 15));
  EXPECT_THAT((*outputs)[1].shape(), ElementsAre(2, 2));
  EXPECT_THAT((*outputs)[1].data<float>(), ElementsAre(8, 10, 12, 15));
  outputs = RunOn(*executor, {Floats({2}, {1, 2}), Ints({}, {3})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(4, 8));
  EXPECT_THAT((*outputs)[1].shape(), ElementsAre(3, 2));
  outputs = RunOn(*executor, {Floats({2}, {1, 2}), Ints({}, {0})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(1, 2));
}

TEST(StagedModelTest, LoopsWithoutAnEndAreCut) {
  ModelBuilder builder(13);
  builder.Input("x", {2}).Output("y");
  builder.Constant("trips", Tensor::Of<int64_t>({}, {1'000'000'000}));
  builder.Node("Loop", {"trips", "", "x"}, {"y"}).Name("forever");
  ::onnx::AttributeProto* attribute =
      builder.proto().mutable_graph()->mutable_node(0)->add_attribute();
  attribute->set_name("body");
  attribute->set_type(::onnx::AttributeProto::GRAPH);
  ::onnx::GraphProto* body = attribute->mutable_g();
  for (const char* name : {"i", "going", "sum"}) {
    body->add_input()->set_name(name);
  }
  body->add_output()->set_name("going");
  body->add_output()->set_name("sum");
  const auto model = Model::FromBytes(builder.Bytes(), ModelOptions());
  EXPECT_EQ(model.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("'forever'"));
}

TEST(StagedModelTest, UnknownOperatorsAreRefusedAtLoad) {
  ModelBuilder builder(13);
  builder.Input("x", {2, -1}).Output("y");
  builder.Node("Mystery", {"x"}, {"y"}).Name("m");
  const auto model = Model::FromBytes(builder.Bytes(), ModelOptions());
  EXPECT_EQ(model.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("'m'"));
}

TEST(StagedModelTest, RowBlocksAreRefused) {
  ModelBuilder builder(13);
  builder.Input("x", {2, -1}).Output("y");
  builder.Node("Neg", {"x"}, {"y"});
  const auto executor = MakeExecutor(Load(builder));
  ASSERT_NE(executor, nullptr);
  EXPECT_EQ(executor->Run({}, nullptr).code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(RunTensorsTest, TakesWholeTensorsOfBatchingModelsToo) {
  ModelBuilder builder(13);
  builder.Input("x", {-1, 2}).Output("y").Node("Neg", {"x"}, {"y"});
  const auto model = Load(builder);
  ASSERT_NE(model, nullptr);
  EXPECT_TRUE(model->batches());
  const auto executor = MakeExecutor(model);
  ASSERT_NE(executor, nullptr);
  const auto outputs = RunOn(*executor, {Floats({3, 2}, {1, 2, 3, 4, 5, 6})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].shape(), ElementsAre(3, 2));
  EXPECT_THAT((*outputs)[0].data<float>(), ElementsAre(-1, -2, -3, -4, -5, -6));
}

}  // namespace
}  // namespace octet
