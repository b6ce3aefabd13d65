// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/spread_conv_transpose.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/passes/pass.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/reference_run.h"

namespace octet::passes {
namespace {

using ir::ValueId;

constexpr int64_t kInputs = 6;
constexpr int64_t kGroupOutputs = 5;
// Of doubles, rounded once.
constexpr double kSumOrder = 1e-6;

// A transposed convolution of images of `spatial` elements.
ir::ConvTranspose Spreading(const std::vector<int64_t>& spatial,
                            const ir::Window& window, int64_t groups) {
  ir::ConvTranspose op;
  op.window = window;
  op.layout = ir::Layout::kChannelsLast;
  op.groups = groups;
  op.has_bias = true;
  op.activation = {-1, 1.5f};
  op.output_pads.assign(spatial.size(), 0);
  op.output_pads.back() = 1;
  return op;
}

Shape WeightShape(const ir::Window& window) {
  Shape shape = {kInputs};
  shape.insert(shape.end(), window.kernel.begin(), window.kernel.end());
  shape.push_back(kGroupOutputs);
  return shape;
}

Shape RowShape(std::vector<int64_t> spatial) {
  spatial.push_back(kInputs);
  return spatial;
}

ir::Graph FloatGraph(const std::vector<int64_t>& spatial,
                     const ir::Window& window, int64_t groups) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd(RowShape(spatial)));
  b.Output(
      b.Node("y", Spreading(spatial, window, groups),
             {x, b.Constant("w", RandomFloats(WeightShape(window), 2)),
              b.Constant("b", RandomFloats({groups * kGroupOutputs}, 3))}));
  return b.Build();
}

ir::Graph IntegerGraph(const std::vector<int64_t>& spatial,
                       const ir::Window& window, bool per_channel) {
  GraphBuilder b;
  const ValueId x =
      b.Node("q", ir::Quantize{}, {b.Input("x", RowsAnd(RowShape(spatial)))},
             DType::kUInt8, ir::Quantization::PerTensor(2.0f / 255, 130));
  ir::Quantization weights;
  ir::Quantization biases;
  for (int c = 0; c < (per_channel ? kGroupOutputs : 1); ++c) {
    weights.scales.push_back(0.01f + 0.003f * static_cast<float>(c));
    biases.scales.push_back(weights.scales.back() * 2.0f / 255);
  }
  weights.zero_points.assign(weights.scales.size(), 0);
  biases.zero_points = weights.zero_points;
  weights.axis = static_cast<int>(spatial.size()) + 1;
  const ValueId y = b.Node(
      "y", Spreading(spatial, window, 1),
      {x,
       b.Constant(
           "w", RandomIntegers(DType::kInt8, WeightShape(window), 2, -127, 127),
           weights),
       b.Constant("b",
                  Tensor::Of<int32_t>({kGroupOutputs}, {900, -40, 0, 7, -1000}),
                  biases)},
      DType::kUInt8, ir::Quantization::PerTensor(0.02f, 60));
  b.Output(b.Node("real", ir::Dequantize{}, {y}));
  return b.Build();
}

ir::Graph Spread(const ir::Graph& graph) {
  const Pass passes[] = {{"spread_conv_transpose", SpreadConvTranspose}};
  auto result = RunPasses(graph, passes, ReferenceEvaluation());
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *std::move(result) : graph;
}

void ExpectSpread(const ir::Graph& graph, double tolerance) {
  const ir::Graph spread = Spread(graph);
  EXPECT_EQ(CountOps(spread, "ConvTranspose"), 0);
  EXPECT_EQ(CountOps(spread, "Conv"), 1);
  ExpectSameAnswers(graph, spread, tolerance);
}

// The windows of two axes that a case is run for.
std::vector<ir::Window> Windows() {
  std::vector<ir::Window> windows;
  for (int64_t stride : {1, 2, 3, 5}) {
    for (int64_t kernel : {1, 2, 3, 4}) {
      windows.push_back(WindowOf({kernel, 3}, stride));
      if (kernel < 3) continue;
      windows.push_back(WindowOf({kernel, 3}, stride, 1));
      windows.back().pads_end = {0, 1};
    }
  }
  windows.push_back(WindowOf({3, 3}, 1, 2));
  windows.back().dilations = {2, 3};
  return windows;
}

TEST(SpreadConvTransposeTest, OfFloatsMeansTheSame) {
  for (int64_t groups : {1, 2, 6}) {
    for (const ir::Window& window : Windows()) {
      SCOPED_TRACE(absl::StrCat(groups, " groups, stride ", window.strides[0],
                                ", kernel ", window.kernel[0]));
      ExpectSpread(FloatGraph({5, 7}, window, groups), kSumOrder);
    }
  }
}

TEST(SpreadConvTransposeTest, OfOneAndThreeAxes) {
  ExpectSpread(FloatGraph({9}, WindowOf({4}, 2, 3), 1), kSumOrder);
  ExpectSpread(FloatGraph({3, 4, 5}, WindowOf({3, 2, 2}, 2, 1), 2), kSumOrder);
}

TEST(SpreadConvTransposeTest, OfIntegersIsTheSameToTheLastBit) {
  for (bool per_channel : {false, true}) {
    for (const ir::Window& window : Windows()) {
      SCOPED_TRACE(absl::StrCat("stride ", window.strides[0], ", kernel ",
                                window.kernel[0]));
      ExpectSpread(IntegerGraph({5, 7}, window, per_channel), 0);
    }
  }
}

TEST(SpreadConvTransposeTest, LeavesWhatItCannotSpread) {
  ir::Window dilated = WindowOf({3, 3}, 2);
  dilated.dilations = {2, 2};
  ir::Window many_phases = WindowOf({3, 3}, 17);
  for (const ir::Window& window : {dilated, many_phases}) {
    const ir::Graph graph = FloatGraph({5, 7}, window, 1);
    EXPECT_EQ(CountOps(Spread(graph), "ConvTranspose"), 1);
  }
}

}  // namespace
}  // namespace octet::passes
