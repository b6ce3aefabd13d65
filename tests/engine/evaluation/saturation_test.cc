// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/saturation.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/evaluation/pair_sums.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet {
namespace {

using internal::PairSums;
using ir::Quantization;
using ir::ValueId;

// A graph of one integer node, `op`, on data of `dims` and the scale 0.5.
ir::Graph OneNode(ir::Op op, ir::Dims dims, DType dtype, int32_t zero_point,
                  Tensor weights) {
  GraphBuilder b;
  const ValueId x = b.Input(
      "x", {dtype, std::move(dims), Quantization::PerTensor(0.5f, zero_point)});
  const ValueId w =
      b.Constant("w", std::move(weights), Quantization::PerTensor(0.5f, 0));
  b.Output(b.Node("y", std::move(op), {x, w}, DType::kFloat32, std::nullopt));
  return b.Build();
}

// The reals of integers, as OneNode() has them.
std::vector<float> Reals(const std::vector<int>& integers, int zero_point) {
  std::vector<float> reals;
  for (int q : integers) {
    reals.push_back(0.5f * static_cast<float>(q - zero_point));
  }
  return reals;
}

TEST(PairSumsTest, NeighboursOfTheDepthAreAddedAndNoOthers) {
  // Two output channels of depth 4. Largest products: 255 * 127 = 32385, two of
  // them leave 16 bits; 255 * -128 = -32640.
  const ir::Graph graph = OneNode(
      ir::MatMul{}, RowsAnd({4}), DType::kUInt8, 0,
      Tensor::Of<int8_t>({4, 2}, {127, -128, 127, -128, 0, 127, 127, -128}));
  const PairSums sums(graph, graph.nodes()[0]);
  EXPECT_EQ(sums.sums(), 4);
  EXPECT_EQ(sums.Saturated(Reals({255, 255, 255, 255}, 0)), 2);
  EXPECT_EQ(sums.Saturated(Reals({255, 0, 255, 255}, 0)), 0);
  EXPECT_EQ(sums.Saturated(Reals({0, 255, 255, 255}, 0)), 0);
}

TEST(PairSumsTest, TheLimitsOf16BitsAreInside) {
  const ir::Graph graph =
      OneNode(ir::MatMul{}, RowsAnd({2}), DType::kUInt8, 0,
              Tensor::Of<int8_t>({2, 2}, {127, -128, 127, -128}));
  const PairSums sums(graph, graph.nodes()[0]);
  EXPECT_EQ(sums.Saturated(Reals({129, 129}, 0)), 1);  // 32766 and -33024
  EXPECT_EQ(sums.Saturated(Reals({128, 128}, 0)), 0);  // 32512 and -32768
  EXPECT_EQ(sums.Saturated(Reals({130, 129}, 0)), 2);  // 32893 and -33152
}

TEST(PairSumsTest, SignedDataIsCountedWith128Added) {
  const ir::Graph graph = OneNode(ir::MatMul{}, RowsAnd({2}), DType::kInt8, 0,
                                  Tensor::Of<int8_t>({2, 1}, {127, 127}));
  const PairSums sums(graph, graph.nodes()[0]);
  EXPECT_EQ(sums.Saturated(Reals({127, 127}, 0)), 1);  // 255 and 255
  EXPECT_EQ(sums.Saturated(Reals({0, 0}, 0)), 0);      // 128 and 128
  EXPECT_EQ(sums.Saturated(Reals({1, 2}, 0)), 1);      // 129 and 130
}

TEST(PairSumsTest, ConvTakesChannelsInsideOfTheKernelAndPadsWithTheZeroPoint) {
  // One row of three pixels with two channels; a kernel of two pixels, one of
  // padding before: columns (pad, 0), (0, 1), (1, 2).
  ir::Conv conv;
  conv.window = {{1, 2}, {1, 1}, {0, 1}, {0, 0}, {1, 1}};
  // Channel 0 of both kernel positions is 127, channel 1 of the first: the only
  // pair that can saturate is that of the first position.
  const ir::Graph graph =
      OneNode(conv, RowsAnd({2, 1, 3}), DType::kUInt8, 200,
              Tensor::Of<int8_t>({1, 2, 1, 2}, {127, 127, 127, 0}));
  const PairSums sums(graph, graph.nodes()[0]);
  EXPECT_EQ(sums.sums(), 6);
  // Padding: 200 and 200. Pixel 0: 255 and 255. Pixel 1: 100 and 100.
  EXPECT_EQ(sums.Saturated(Reals({255, 100, 255, 255, 100, 255}, 200)), 2);
}

TEST(PairSumsTest, DepthwiseAndFloatAreNotCounted) {
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  conv.groups = 2;
  const ir::Graph depthwise = OneNode(conv, RowsAnd({2, 2, 2}), DType::kUInt8,
                                      0, Tensor(DType::kInt8, {2, 1, 1, 1}));
  EXPECT_FALSE(PairSums::Counts(depthwise, depthwise.nodes()[0]));
  GraphBuilder b;
  b.Output(b.Node(
      "y", ir::MatMul{},
      {b.Input("x", RowsAnd({2})), b.Constant("w", RandomFloats({2, 2}, 1))}));
  const ir::Graph graph = b.Build();
  EXPECT_FALSE(PairSums::Counts(graph, graph.nodes()[0]));
}

TEST(PairSumsTest, GroupsHaveWeightsOfTheirOwn) {
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  conv.groups = 2;
  const ir::Graph graph =
      OneNode(conv, RowsAnd({4, 1, 1}), DType::kUInt8, 0,
              Tensor::Of<int8_t>({2, 2, 1, 1}, {127, 127, 1, 1}));
  const PairSums sums(graph, graph.nodes()[0]);
  EXPECT_EQ(sums.sums(), 2);
  EXPECT_EQ(sums.Saturated(Reals({255, 255, 0, 0}, 0)), 1);
  EXPECT_EQ(sums.Saturated(Reals({0, 0, 255, 255}, 0)), 0);
}

std::string SampleFile(const std::string& name) {
  return absl::StrCat(OCTET_SOURCE_DIR, "/deploy/sample/", name);
}

NamedTensor SampleImages(int64_t count) {
  const auto images = io::ReadNpy(SampleFile("calibration_images.npy"));
  EXPECT_TRUE(images.ok()) << images.status();
  const Tensor bytes = images->Rows(0, count);
  Tensor reals(DType::kFloat32, {count, 1, 32, 32});
  std::transform(bytes.data<uint8_t>().begin(), bytes.data<uint8_t>().end(),
                 reals.mutable_data<float>().begin(),
                 [](uint8_t byte) { return static_cast<float>(byte) / 255; });
  return {"image", std::move(reals)};
}

TEST(CountSaturationTest, CountsEveryLayerOfAModelOnTheFirstSamples) {
  const auto model = io::ReadFile(SampleFile("printed_characters.onnx"));
  ASSERT_TRUE(model.ok()) << model.status();
  const NamedTensor images = SampleImages(20);
  const auto quantized =
      Quantize(*model, {&images, 1}, QuantizationOptions(), nullptr);
  ASSERT_TRUE(quantized.ok()) << quantized.status();
  const auto two = CountSaturation(quantized->model, {&images, 1}, 2, nullptr);
  ASSERT_TRUE(two.ok()) << two.status();
  EXPECT_EQ(two->samples, 2);
  ASSERT_THAT(two->layers, testing::Not(testing::IsEmpty()));
  for (const LayerSaturation& layer : two->layers) {
    EXPECT_GT(layer.sums, 0) << layer.name;
    EXPECT_LE(layer.saturated, layer.sums) << layer.name;
  }
  const auto all = CountSaturation(quantized->model, {&images, 1}, 99, nullptr);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->samples, 20);
  EXPECT_EQ(all->sums(), 10 * two->sums());
  EXPECT_GT(all->saturated(), two->saturated());
}

TEST(CountSaturationTest, FloatModelsAreRefused) {
  const auto model = io::ReadFile(SampleFile("printed_characters.onnx"));
  ASSERT_TRUE(model.ok()) << model.status();
  const NamedTensor images = SampleImages(1);
  EXPECT_EQ(CountSaturation(*model, {&images, 1}, 1, nullptr).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octet
