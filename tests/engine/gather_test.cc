// SPDX-License-Identifier: Apache-2.0
#include "engine/gather.h"

#include <cstring>
#include <optional>
#include <vector>

#include "engine/plan/input_conversion.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::internal {
namespace {

using ir::ValueId;

constexpr int64_t kChannels = 3;
constexpr int64_t kHeight = 4;
constexpr int64_t kWidth = 5;

// What a file does that undoes a normalization, before the first layer.
ir::Graph Undoing(int64_t pictures, const ir::Pad& pad, DType dtype) {
  GraphBuilder b;
  ValueId x =
      b.Input("x", ir::FixedDims({pictures, kChannels, kHeight, kWidth}));
  if (!pad.begin.empty()) x = b.Node("p", pad, {x});
  x = b.Node("n", ir::BatchNorm{0},
             {x, b.Constant("scale", Tensor::Of<float>({3}, {58, 57, 55})),
              b.Constant("zeros", Tensor::Of<float>({3}, {0, 0, 0})),
              b.Constant("mean", Tensor::Of<float>({3}, {-2.1f, -2, -1.8f})),
              b.Constant("ones", Tensor::Of<float>({3}, {1, 1, 1}))});
  x = b.Node("q", ir::Quantize{}, {x}, dtype,
             ir::Quantization::PerTensor(1.5f, 7));
  b.Output(b.Node("t", ir::Transpose{{0, 2, 3, 1}}, {x}));
  return b.Build();
}

ir::Pad PadOf(int64_t top, int64_t left, int64_t bottom, int64_t right) {
  return {{0, 0, top, left}, {0, 0, bottom, right}, 0, ir::PadMode::kConstant};
}

// The rows of `pictures`, gathered in two blocks, the second one first.
std::vector<std::byte> Gathered(const ir::Graph& graph, bool batches,
                                const Tensor& pictures) {
  ir::Graph left = graph;
  std::vector<plan::PlanTensor> inputs = {
      {graph.type(graph.inputs()[0]), 0, {}}};
  const ValueId landing = plan::TakeInputConversions(left, inputs)[0];
  EXPECT_TRUE(left.nodes().empty());
  std::vector<std::byte> result(
      ElementCount(ir::ConcreteShape(left.type(landing).dims)),
      std::byte{0x5A});
  const auto gatherer = RowGatherer::Create(inputs[0], batches, std::nullopt);
  EXPECT_TRUE(gatherer.ok()) << gatherer.status();
  const int64_t rows = batches ? pictures.shape()[0] : 1;
  const int64_t first = batches ? 1 : 0;
  const size_t row_bytes = pictures.byte_size() / rows;
  gatherer->Gather(pictures.bytes() + first * row_bytes, first, rows - first,
                   result.data());
  gatherer->Gather(pictures.bytes(), 0, first, result.data());
  return result;
}

TEST(RowGathererTest, PadsAndNormalizesAsTheGraphDoes) {
  const Tensor pictures =
      RandomFloats({3, kChannels, kHeight, kWidth}, 5, -2.5f, 2.7f);
  const auto reference = reference::CreateReferenceBackend();
  for (DType dtype : {DType::kUInt8, DType::kInt8}) {
    for (const ir::Pad& pad :
         {ir::Pad{}, PadOf(1, 1, 1, 1), PadOf(1, 2, 3, 4), PadOf(0, 3, 0, 0),
          PadOf(0, 0, 2, 0), PadOf(4, 0, 0, 1)}) {
      for (bool batches : {true, false}) {
        const ir::Graph graph = Undoing(3, pad, dtype);
        const auto want = Interpret(graph, *reference, {pictures});
        ASSERT_TRUE(want.ok()) << want.status();
        const std::vector<std::byte> got = Gathered(graph, batches, pictures);
        ASSERT_EQ(got.size(), (*want)[0].byte_size());
        EXPECT_EQ(std::memcmp(got.data(), (*want)[0].bytes(), got.size()), 0)
            << ir::DumpGraph(graph);
      }
    }
  }
}

}  // namespace
}  // namespace octet::internal
