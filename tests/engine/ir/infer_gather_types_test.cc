// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ir/infer_types.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::ir {
namespace {

using testing::HasSubstr;

// Fixed dimensions, behind the rows where the first is -1.
Dims D(std::vector<int64_t> values) {
  Dims dims;
  for (int64_t value : values) {
    dims.push_back(value < 0 ? Dim::Rows(-value) : Dim::Fixed(value));
  }
  return dims;
}

TensorType F(std::vector<int64_t> values) {
  return {DType::kFloat32, D(std::move(values)), std::nullopt};
}
TensorType I(std::vector<int64_t> values) {
  return {DType::kInt64, D(std::move(values)), std::nullopt};
}
TensorType Q(std::vector<int64_t> values) {
  return {DType::kUInt8, D(std::move(values)),
          Quantization::PerTensor(0.5f, 3)};
}

std::string Infer(const Op& op, std::vector<TensorType> inputs) {
  const auto type = InferType(op, inputs);
  if (type.ok()) return TypeToString(*type);
  EXPECT_EQ(type.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(type.status().message());
}

bool Mixes(const Op& op, std::vector<TensorType> inputs) {
  return MixesRows(op, inputs);
}

TEST(InferGatherTypesTest, ExpandBroadcastsToItsTarget) {
  EXPECT_EQ(Infer(Expand{D({-1, 4, 3})}, {F({-1, 1, 3})}),
            TypeToString(F({-1, 4, 3})));
  EXPECT_EQ(Infer(Expand{D({-1, 2})}, {Q({1, 2})}), TypeToString(Q({-1, 2})));
  EXPECT_THAT(Infer(Expand{D({2, 3})}, {F({4, 2, 3})}), HasSubstr("expected"));
  EXPECT_THAT(Infer(Expand{D({5, 3})}, {F({-1, 3})}),
              HasSubstr("do not broadcast"));
}

TEST(InferGatherTypesTest, GatherPutsTheIndicesInPlaceOfTheAxis) {
  EXPECT_EQ(Infer(Gather{1}, {F({-1, 5, 2}), I({3, 4})}),
            TypeToString(F({-1, 3, 4, 2})));
  EXPECT_EQ(Infer(Gather{0}, {Q({9, 2}), I({-1, 4})}),
            TypeToString(Q({-1, 4, 2})));
  EXPECT_THAT(Infer(Gather{2}, {F({2, 2}), I({1})}), HasSubstr("axis is 2"));
  EXPECT_THAT(Infer(Gather{0}, {F({2, 2}), F({1})}), HasSubstr("int32 or int"));
  EXPECT_THAT(Infer(Gather{0}, {F({0, 2}), I({1})}), HasSubstr("have none"));
  EXPECT_EQ(Infer(Gather{0}, {F({0, 2}), I({0})}), TypeToString(F({0, 2})));
}

TEST(InferGatherTypesTest, GatherMixesRowsWhereItPicksThem) {
  EXPECT_FALSE(Mixes(Gather{1}, {F({-1, 5}), I({3})}));
  EXPECT_FALSE(Mixes(Gather{0}, {F({9, 5}), I({-1})}));
  EXPECT_TRUE(Mixes(Gather{0}, {F({-1, 5}), I({3})}));
}

TEST(InferGatherTypesTest, GatherElementsWantsTheRowsOfBoth) {
  EXPECT_EQ(Infer(GatherElements{1}, {F({-1, 5}), I({-1, 9})}),
            TypeToString(F({-1, 9})));
  EXPECT_THAT(Infer(GatherElements{1}, {F({-1, 5}), I({1, 9})}),
              HasSubstr("none larger"));
  EXPECT_THAT(Infer(GatherElements{1}, {F({4, 5}), I({-1, 9})}),
              HasSubstr("none larger"));
  EXPECT_THAT(Infer(GatherElements{1}, {F({4, 5}), I({5, 9})}),
              HasSubstr("none larger"));
}

TEST(InferGatherTypesTest, GatherNdTakesCoordinatesBehindTheBatch) {
  EXPECT_EQ(Infer(GatherNd{1}, {F({-1, 5, 7, 2}), I({-1, 3, 2})}),
            TypeToString(F({-1, 3, 2})));
  EXPECT_EQ(Infer(GatherNd{0}, {F({5, 7}), I({4, 1})}),
            TypeToString(F({4, 7})));
  EXPECT_THAT(Infer(GatherNd{1}, {F({-1, 5}), I({-1, 2})}),
              HasSubstr("coordinates"));
  EXPECT_THAT(Infer(GatherNd{1}, {F({-1, 5}), I({3, 1})}),
              HasSubstr("to be equal"));
  EXPECT_THAT(Infer(GatherNd{0}, {F({5}), I({3, 0})}),
              HasSubstr("coordinates"));
}

TEST(InferGatherTypesTest, ScattersWantUpdatesOfTheirIndices) {
  EXPECT_EQ(Infer(ScatterElements{1}, {F({-1, 5}), I({-1, 2}), F({-1, 2})}),
            TypeToString(F({-1, 5})));
  // One row's indices would reach the first row alone.
  EXPECT_THAT(Infer(ScatterElements{1}, {F({-1, 5}), I({1, 2}), F({1, 2})}),
              HasSubstr("none larger"));
  EXPECT_THAT(Infer(ScatterElements{1}, {F({3, 5}), I({3, 2}), F({3, 3})}),
              HasSubstr("the updates are"));
  EXPECT_EQ(Infer(ScatterNd{}, {F({4, 5}), I({3, 1}), F({3, 5})}),
            TypeToString(F({4, 5})));
  EXPECT_THAT(Infer(ScatterNd{}, {F({4, 5}), I({3, 3}), F({3})}),
              HasSubstr("coordinates"));
  EXPECT_THAT(
      Infer(ScatterNd{ScatterReduction::kAdd}, {Q({4}), I({3, 1}), Q({3})}),
      HasSubstr("plain numbers"));
}

TEST(InferGatherTypesTest, PadRepeatsOnlyWhatIsThere) {
  EXPECT_EQ(Infer(Pad{{0, 9}, {0, 1}, 0, PadMode::kEdge}, {F({-1, 2})}),
            TypeToString(F({-1, 12})));
  EXPECT_THAT(Infer(Pad{{1}, {0}, 0, PadMode::kWrap}, {F({0})}),
              HasSubstr("has none"));
  EXPECT_EQ(Infer(Pad{{1}, {0}}, {F({0})}), TypeToString(F({1})));
}

TEST(InferGatherTypesTest, SliceMayTakeNothing) {
  EXPECT_EQ(Infer(Slice{{2}, {1}, {0}}, {F({2})}), TypeToString(F({0})));
  EXPECT_THAT(Infer(Slice{{3}, {1}, {0}}, {F({2})}), HasSubstr("takes 0"));
}

}  // namespace
}  // namespace octet::ir
