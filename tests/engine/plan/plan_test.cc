// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/plan.h"

#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/base/status_macros.h"
#include "engine/plan/input_conversion.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::plan {
namespace {

using ir::Quantization;
using ir::ValueId;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// Refuses every node with one status and counts how often it is asked.
class RefusingBackend : public Backend {
 public:
  explicit RefusingBackend(absl::Status status) : status_(std::move(status)) {}

  absl::string_view name() const override { return "refusing"; }
  absl::StatusOr<std::unique_ptr<Step>> CreateStep(
      const StepRequest&) const override {
    ++asked_;
    return status_;
  }
  int asked() const { return asked_; }

 private:
  const absl::Status status_;
  mutable int asked_ = 0;
};

// The reference, told apart by what it is called.
const Backend& Reference() {
  static const Backend* const backend =
      reference::CreateReferenceBackend().release();
  return *backend;
}

absl::StatusOr<std::shared_ptr<const Plan>> Build(
    const ir::Graph& graph, std::vector<const Backend*> backends,
    WeightCache* weights) {
  return Plan::Build(graph, backends, /*threads=*/1, weights);
}

// Runs a plan whose inputs need no conversion.
std::vector<Tensor> RunPlan(const Plan& plan,
                            const std::vector<Tensor>& inputs) {
  Tensor arena(DType::kUInt8, {static_cast<int64_t>(plan.arena_bytes())});
  std::memset(arena.mutable_bytes(), 0xC5, arena.byte_size());
  ThreadPool pool(1);
  auto bound = plan.Bind(arena.mutable_bytes(), &pool);
  EXPECT_TRUE(bound.ok()) << bound.status();
  if (!bound.ok()) return {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_TRUE(plan.inputs()[i].conversion.none());
    std::memcpy(arena.mutable_bytes() + plan.inputs()[i].offset,
                inputs[i].bytes(), inputs[i].byte_size());
  }
  EXPECT_TRUE((*bound)->Run().ok());
  std::vector<Tensor> outputs;
  for (size_t i = 0; i < plan.outputs().size(); ++i) {
    const PlanTensor& output = plan.outputs()[i];
    Tensor tensor(output.type.dtype, ir::ConcreteShape(output.type.dims));
    std::memcpy(tensor.mutable_bytes(), arena.bytes() + output.offset,
                tensor.byte_size());
    outputs.push_back(std::move(tensor));
  }
  return outputs;
}

ValueId Unary(GraphBuilder& b, const std::string& name, ValueId x,
              ir::UnaryKind kind = ir::UnaryKind::kNeg) {
  return b.Node(name, ir::Unary{kind, 0, 0}, {x});
}

TEST(PlanTest, RunsStepsInOrderAndReusesMemory) {
  GraphBuilder b;
  ValueId x = b.Input("x", ir::FixedDims({1000}));
  for (int i = 0; i < 10; ++i) {
    x = Unary(b, "n" + std::to_string(i), x);
  }
  b.Output(x);
  WeightCache weights;
  const auto plan = Build(b.Build(), {&Reference()}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ((*plan)->steps().size(), 10u);
  // Two of the eleven values are alive at a time.
  EXPECT_EQ((*plan)->arena_bytes(), 2u * 4032);
  const Tensor input = RandomFloats({1000}, 1);
  EXPECT_EQ(RunPlan(**plan, {input})[0].data<float>(), input.data<float>());
}

TEST(PlanTest, ValuesThatAreReadLateKeepTheirMemory) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({64}));
  const ValueId early = Unary(b, "early", x);
  ValueId chain = Unary(b, "c0", early);
  for (int i = 1; i < 6; ++i) chain = Unary(b, "c" + std::to_string(i), chain);
  b.Output(b.Node("y", ir::Binary{}, {chain, early}));
  b.Output(early);
  WeightCache weights;
  const auto plan = Build(b.Build(), {&Reference()}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const Tensor input = RandomFloats({64}, 1);
  const auto outputs = RunPlan(**plan, {input});
  const auto expected = Interpret(b.graph(), Reference(), {input});
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ(outputs[0].data<float>(), (*expected)[0].data<float>());
  EXPECT_EQ(outputs[1].data<float>(), (*expected)[1].data<float>());
}

TEST(PlanTest, ReshapeMakesNoStepAndSharesTheBuffer) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({4, 6}));
  const ValueId n = Unary(b, "n", x);
  const ValueId r = b.Node("r", ir::Reshape{ir::FixedDims({24})}, {n});
  const ValueId again = b.Node("rr", ir::Reshape{ir::FixedDims({2, 12})}, {r});
  b.Output(again);
  b.Output(Unary(b, "y", r));
  WeightCache weights;
  const auto plan = Build(b.Build(), {&Reference()}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ((*plan)->steps().size(), 2u);
  const Tensor input = RandomFloats({4, 6}, 1);
  const auto outputs = RunPlan(**plan, {input});
  for (int64_t i = 0; i < 24; ++i) {
    EXPECT_EQ(outputs[0].data<float>()[i], -input.data<float>()[i]);
    EXPECT_EQ(outputs[1].data<float>()[i], input.data<float>()[i]);
  }
}

TEST(PlanTest, ReshapedInputCanBeAnOutput) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({4, 6}));
  b.Output(b.Node("y", ir::Reshape{ir::FixedDims({24})}, {x}));
  WeightCache weights;
  const auto plan = Build(b.Build(), {&Reference()}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE((*plan)->steps().empty());
  const Tensor input = RandomFloats({4, 6}, 1);
  EXPECT_EQ(RunPlan(**plan, {input})[0].data<float>(), input.data<float>());
}

// The reference's steps, which say of themselves what the test wants: all that
// their output may take the place of input 0, those of the nodes in `weights`
// that they read these first. Notes what each node is bound to.
class TellingBackend : public Backend {
 public:
  explicit TellingBackend(
      absl::flat_hash_map<std::string, std::vector<std::byte>> weights = {})
      : weights_(std::move(weights)) {}

  absl::string_view name() const override { return "telling"; }
  absl::StatusOr<std::unique_ptr<Step>> CreateStep(
      const StepRequest& request) const override {
    OCTET_ASSIGN_OR_RETURN(std::unique_ptr<Step> step,
                           Reference().CreateStep(request));
    return std::make_unique<Telling>(*this, request.node.name, std::move(step));
  }
  const Bindings& bindings(const std::string& node) const {
    return bindings_.at(node);
  }

 private:
  class Telling : public Step {
   public:
    Telling(const TellingBackend& backend, std::string node,
            std::unique_ptr<Step> step)
        : backend_(backend), node_(std::move(node)), step_(std::move(step)) {}

    std::string kernel() const override { return "telling"; }
    std::optional<size_t> overwritable_input() const override { return 0; }
    absl::Span<const std::byte> first_weights() const override {
      const auto found = backend_.weights_.find(node_);
      if (found == backend_.weights_.end()) return {};
      return found->second;
    }
    absl::StatusOr<std::unique_ptr<BoundStep>> Bind(
        const Bindings& bindings) const override {
      backend_.bindings_[node_] = bindings;
      return step_->Bind(bindings);
    }

   private:
    const TellingBackend& backend_;
    const std::string node_;
    const std::unique_ptr<Step> step_;
  };

  const absl::flat_hash_map<std::string, std::vector<std::byte>> weights_;
  mutable absl::flat_hash_map<std::string, Bindings> bindings_;
};

TEST(PlanTest, AnOutputTakesThePlaceOfAnInputThatNothingReadsLater) {
  GraphBuilder b;
  ValueId x = b.Input("x", ir::FixedDims({10, 100}));
  for (int i = 0; i < 5; ++i) x = Unary(b, "n" + std::to_string(i), x);
  x = b.Node("r", ir::Reshape{ir::FixedDims({1000})}, {x});
  for (int i = 5; i < 10; ++i) x = Unary(b, "n" + std::to_string(i), x);
  b.Output(x);
  const TellingBackend telling;
  WeightCache weights;
  const auto plan = Build(b.Build(), {&telling}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ((*plan)->arena_bytes(), 4032u);
  const Tensor input = RandomFloats({10, 100}, 1);
  EXPECT_EQ(RunPlan(**plan, {input})[0].data<float>(), input.data<float>());
}

TEST(PlanTest, AnInputThatIsReadLaterKeepsItsPlace) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({4, 16}));
  const ValueId read_by_the_end = Unary(b, "n0", x);
  const ValueId read_reshaped = Unary(b, "n1", read_by_the_end);
  const ValueId an_output = Unary(b, "n2", read_reshaped);
  const ValueId read_twice = Unary(b, "n3", an_output);
  const ValueId sum = b.Node("s", ir::Binary{}, {read_twice, read_twice});
  const ValueId flat =
      b.Node("r", ir::Reshape{ir::FixedDims({64})}, {read_reshaped});
  const ValueId again =
      b.Node("rr", ir::Reshape{ir::FixedDims({4, 16})}, {flat});
  const ValueId total = b.Node("t", ir::Binary{}, {again, sum});
  b.Output(an_output);
  b.Output(b.Node("y", ir::Binary{}, {total, read_by_the_end}));
  const TellingBackend telling;
  WeightCache weights;
  const auto plan = Build(b.Build(), {&telling}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  const Tensor input = RandomFloats({4, 16}, 1);
  const auto outputs = RunPlan(**plan, {input});
  const auto expected = Interpret(b.graph(), Reference(), {input});
  ASSERT_TRUE(expected.ok()) << expected.status();
  EXPECT_EQ(outputs[0].data<float>(), (*expected)[0].data<float>());
  EXPECT_EQ(outputs[1].data<float>(), (*expected)[1].data<float>());
}

TEST(PlanTest, StepsAreToldWhichWeightsAreReadNext) {
  GraphBuilder b;
  ValueId x = b.Input("x", ir::FixedDims({8}));
  for (int i = 0; i < 5; ++i) x = Unary(b, "n" + std::to_string(i), x);
  b.Output(x);
  const TellingBackend telling({{"n1_node", std::vector<std::byte>(100)},
                                {"n3_node", std::vector<std::byte>(200)}});
  WeightCache weights;
  const auto plan = Build(b.Build(), {&telling}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  RunPlan(**plan, {RandomFloats({8}, 1)});
  std::vector<size_t> sizes;
  for (int i = 0; i < 5; ++i) {
    const std::string node = "n" + std::to_string(i) + "_node";
    sizes.push_back(telling.bindings(node).next_weights.size());
  }
  EXPECT_THAT(sizes, ElementsAre(100, 200, 200, 0, 0));
}

TEST(PlanTest, ConstantOutputsStayConstants) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({4}));
  b.Output(Unary(b, "y", x));
  b.Output(b.Constant("k", RandomFloats({7}, 1)));
  WeightCache weights;
  const auto plan = Build(b.Build(), {&Reference()}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ((*plan)->outputs().size(), 2u);
  const ir::Graph& graph = (*plan)->graph();
  EXPECT_TRUE(graph.value(graph.outputs()[1]).is_constant());
  EXPECT_EQ((*plan)->outputs()[1].type.dims, ir::FixedDims({7}));
}

TEST(PlanTest, BackendThatRefusesIsFollowedByTheNext) {
  GraphBuilder b;
  b.Output(Unary(b, "y", b.Input("x", ir::FixedDims({4}))));
  const RefusingBackend refusing(absl::UnimplementedError("too small"));
  WeightCache weights;
  const auto plan = Build(b.Build(), {&refusing, &Reference()}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(refusing.asked(), 1);
  EXPECT_EQ((*plan)->steps()[0].step->kernel(), "reference");

  const auto first = Build(b.Build(), {&Reference(), &refusing}, &weights);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(refusing.asked(), 1);
}

TEST(PlanTest, NoBackendNamesTheNodeAndEveryRefusal) {
  GraphBuilder b;
  b.Output(
      Unary(b, "y", b.Input("x", ir::FixedDims({4})), ir::UnaryKind::kTanh));
  const RefusingBackend small(absl::UnimplementedError("too small"));
  const RefusingBackend odd(absl::UnimplementedError("too odd"));
  WeightCache weights;
  const auto plan = Build(b.Build(), {&small, &odd}, &weights);
  EXPECT_TRUE(absl::IsUnimplemented(plan.status()));
  EXPECT_THAT(
      plan.status().message(),
      AllOf(HasSubstr("node y_node"), HasSubstr("Tanh"),
            HasSubstr("refusing: too small"), HasSubstr("refusing: too odd")));
}

TEST(PlanTest, ErrorOfABackendEndsThePlanning) {
  GraphBuilder b;
  b.Output(Unary(b, "y", b.Input("x", ir::FixedDims({4}))));
  const RefusingBackend broken(absl::InvalidArgumentError("bad scale"));
  const RefusingBackend second(absl::UnimplementedError("no"));
  WeightCache weights;
  const auto plan = Build(b.Build(), {&broken, &second}, &weights);
  EXPECT_TRUE(absl::IsInvalidArgument(plan.status()));
  EXPECT_THAT(plan.status().message(),
              AllOf(HasSubstr("node y_node"), HasSubstr("bad scale")));
  EXPECT_EQ(second.asked(), 0);
}

TEST(PlanTest, DumpNamesKernelsTypesAndInputs) {
  GraphBuilder b;
  b.Output(Unary(b, "y", b.Input("x", ir::FixedDims({4}))));
  WeightCache weights;
  const auto plan = Build(b.Build(), {&Reference()}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_THAT((*plan)->Dump(),
              AllOf(HasSubstr("arena 128 bytes\n"),
                    HasSubstr("Neg [reference] float32[4] -> float32[4] at")));
}

// The conversions that are taken from `b`'s graph; `left` is what stays.
std::vector<InputConversion> Take(const GraphBuilder& b, ir::Graph* left) {
  *left = b.Build();
  std::vector<PlanTensor> inputs;
  for (ValueId id : left->inputs()) inputs.push_back({left->type(id), 0, {}});
  TakeInputConversions(*left, inputs);
  std::vector<InputConversion> conversions;
  for (const PlanTensor& input : inputs) {
    conversions.push_back(input.conversion);
  }
  return conversions;
}

TEST(InputConversionTest, TakesQuantizeThenTranspose) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({1, 3, 4, 5}));
  const ValueId q = b.Node("q", ir::Quantize{}, {x}, DType::kUInt8,
                           Quantization::PerTensor(0.5f, 3));
  const ValueId t = b.Node("t", ir::Transpose{{0, 2, 3, 1}}, {q});
  b.Output(b.Node("y", ir::Dequantize{}, {t}));
  ir::Graph left;
  const auto conversions = Take(b, &left);
  ASSERT_TRUE(conversions[0].quantized.has_value());
  EXPECT_EQ(conversions[0].quantized->quantization,
            Quantization::PerTensor(0.5f, 3));
  EXPECT_TRUE(conversions[0].to_channels_last);
  EXPECT_EQ(left.nodes().size(), 1u);
}

TEST(InputConversionTest, TakesTheTransposeAloneAndLeavesAQuantizeBehindIt) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({1, 3, 4, 5}));
  const ValueId t = b.Node("t", ir::Transpose{{0, 2, 3, 1}}, {x});
  b.Output(b.Node("q", ir::Quantize{}, {t}, DType::kUInt8,
                  Quantization::PerTensor(0.5f, 3)));
  ir::Graph left;
  const auto conversions = Take(b, &left);
  EXPECT_FALSE(conversions[0].quantized.has_value());
  EXPECT_TRUE(conversions[0].to_channels_last);
  EXPECT_EQ(left.nodes().size(), 1u);
}

// [Pad,] BatchNorm, Quantize and Transpose behind an input of three channels.
struct Undone {
  bool padded = true;
  float beta = 0;
  int64_t channel_pad = 0;
  std::vector<int> perm = {0, 2, 3, 1};
  Shape shape = {1, 3, 4, 5};

  GraphBuilder Build() const {
    GraphBuilder b;
    ValueId x = b.Input("x", ir::FixedDims(shape));
    if (padded) {
      x = b.Node(
          "p",
          ir::Pad{
              {0, channel_pad, 1, 2}, {0, 0, 3, 4}, 0, ir::PadMode::kConstant},
          {x});
    }
    const int64_t channels = shape[1] + channel_pad;
    const auto numbers = [&](const std::string& name, float first, float step) {
      Tensor tensor(DType::kFloat32, {channels});
      for (int64_t c = 0; c < channels; ++c) {
        tensor.mutable_data<float>()[c] = first + step * static_cast<float>(c);
      }
      return b.Constant(name, std::move(tensor));
    };
    x = b.Node("n", ir::BatchNorm{0},
               {x, numbers("gamma", 50, 1), numbers("beta", beta, 0),
                numbers("mean", -2, 0.25f), numbers("variance", 1, 0)});
    x = b.Node("q", ir::Quantize{}, {x}, DType::kUInt8,
               Quantization::PerTensor(1, 0));
    x = b.Node("t", ir::Transpose{perm}, {x});
    b.Output(b.Node("y", ir::Dequantize{}, {x}));
    return b;
  }
};

TEST(InputConversionTest, TakesWhatUndoesANormalization) {
  for (bool padded : {false, true}) {
    ir::Graph left;
    const auto conversions = Take(Undone{padded}.Build(), &left);
    const InputConversion& conversion = conversions[0];
    EXPECT_THAT(conversion.mean, testing::ElementsAre(-2, -1.75f, -1.5f));
    EXPECT_THAT(conversion.scale, testing::ElementsAre(50, 51, 52));
    EXPECT_TRUE(conversion.quantized.has_value());
    EXPECT_TRUE(conversion.to_channels_last);
    ASSERT_EQ(conversion.padding.has_value(), padded);
    if (padded) {
      EXPECT_EQ(conversion.padding->top, 1);
      EXPECT_EQ(conversion.padding->left, 2);
      EXPECT_EQ(conversion.padding->bottom, 3);
      EXPECT_EQ(conversion.padding->right, 4);
    }
    EXPECT_EQ(left.nodes().size(), 1u);
  }
}

TEST(InputConversionTest, TakesAllOfThatOrNothing) {
  for (const Undone& other :
       {Undone{true, 0.5f}, Undone{true, 0, 1},
        Undone{true, 0, 0, {0, 3, 2, 1}}, Undone{false, 0, 0, {0, 3, 2, 1}}}) {
    const GraphBuilder b = other.Build();
    ir::Graph left;
    EXPECT_TRUE(Take(b, &left)[0].none());
    EXPECT_EQ(left.nodes().size(), b.graph().nodes().size());
  }
}

TEST(InputConversionTest, LeavesWhatOthersReadToo) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({1, 3, 4, 5}));
  b.Output(b.Node("t", ir::Transpose{{0, 2, 3, 1}}, {x}));
  b.Output(Unary(b, "y", x));
  ir::Graph left;
  EXPECT_TRUE(Take(b, &left)[0].none());
  EXPECT_EQ(left.nodes().size(), 2u);
}

TEST(InputConversionTest, LeavesOtherTransposesAndPerChannelScales) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({1, 3, 4, 5}));
  const ValueId z = b.Input("z", ir::FixedDims({1, 2}));
  b.Output(b.Node("t", ir::Transpose{{0, 3, 2, 1}}, {x}));
  b.Output(b.Node("q", ir::Quantize{}, {z}, DType::kUInt8,
                  Quantization{{1, 2}, {0, 0}, 1}));
  ir::Graph left;
  const auto conversions = Take(b, &left);
  EXPECT_TRUE(conversions[0].none());
  EXPECT_TRUE(conversions[1].none());
  EXPECT_EQ(left.nodes().size(), 2u);
}

TEST(InputConversionTest, PlanKeepsTheModelsTypeAndLandsTheConvertedOne) {
  GraphBuilder b;
  const ValueId x = b.Input("x", ir::FixedDims({1, 3, 4, 5}));
  const ValueId q = b.Node("q", ir::Quantize{}, {x}, DType::kUInt8,
                           Quantization::PerTensor(0.5f, 3));
  b.Output(b.Node("t", ir::Transpose{{0, 2, 3, 1}}, {q}));
  WeightCache weights;
  const auto plan = Build(b.Build(), {&Reference()}, &weights);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE((*plan)->steps().empty());
  EXPECT_EQ((*plan)->inputs()[0].type.dtype, DType::kFloat32);
  EXPECT_EQ((*plan)->inputs()[0].offset, (*plan)->outputs()[0].offset);
  EXPECT_EQ((*plan)->arena_bytes(), 64u);
  EXPECT_THAT((*plan)->Dump(), HasSubstr(", quantized, channels last"));
}

TEST(WeightCacheTest, MakesAnEntryOnceAndCountsItsBytes) {
  WeightCache cache;
  int made = 0;
  const auto make = [&]() -> absl::StatusOr<std::shared_ptr<const int>> {
    return std::make_shared<const int>(++made);
  };
  const auto bytes = [](const int&) { return 100; };
  EXPECT_EQ(cache.Find<int>("a"), nullptr);
  EXPECT_EQ(**cache.GetOrMake<int>("a", make, bytes), 1);
  EXPECT_EQ(**cache.GetOrMake<int>("a", make, bytes), 1);
  EXPECT_EQ(**cache.GetOrMake<int>("b", make, bytes), 2);
  EXPECT_EQ(*cache.Find<int>("b"), 2);
  EXPECT_EQ(cache.bytes(), 200);
}

TEST(WeightCacheTest, AFailureIsNotKept) {
  WeightCache cache;
  const auto bytes = [](const int&) { return 100; };
  const auto fail = []() -> absl::StatusOr<std::shared_ptr<const int>> {
    return absl::InternalError("no memory");
  };
  EXPECT_FALSE(cache.GetOrMake<int>("a", fail, bytes).ok());
  EXPECT_EQ(cache.Find<int>("a"), nullptr);
  EXPECT_EQ(cache.bytes(), 0);
}

}  // namespace
}  // namespace octet::plan
