// SPDX-License-Identifier: Apache-2.0
// The types of what slides a window over images or samples them.
#include <limits>
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

Dims D(std::vector<int64_t> values) { return FixedDims(values); }
Dims WithRows(std::vector<int64_t> values) {
  Dims dims = FixedDims(values);
  dims.insert(dims.begin(), Dim::Rows());
  return dims;
}
TensorType T(Dims dims, DType dtype = DType::kFloat32) {
  return {dtype, std::move(dims), std::nullopt};
}

// The type's text, or the message of the refusal.
std::string Infer(const Op& op, const std::vector<TensorType>& inputs) {
  const auto type = InferType(op, inputs);
  return type.ok() ? TypeToString(*type) : std::string(type.status().message());
}

ConvTranspose Spreading() {
  ConvTranspose op;
  op.window = {{3, 4}, {2, 3}, {1, 0}, {0, 2}, {1, 2}};
  op.output_pads = {1, 0};
  op.groups = 2;
  op.has_bias = true;
  return op;
}

TEST(WindowTypesTest, ConvTransposeSpreadsInBothLayouts) {
  ConvTranspose op = Spreading();
  // (5 - 1) * 2 + 3 - 1 - 0 + 1 and (6 - 1) * 3 + 7 - 0 - 2.
  EXPECT_EQ(Infer(op, {T(WithRows({4, 5, 6})), T(D({4, 3, 3, 4})), T(D({6}))}),
            TypeToString(T(WithRows({6, 11, 20}))));
  op.layout = Layout::kChannelsLast;
  EXPECT_EQ(Infer(op, {T(WithRows({5, 6, 4})), T(D({4, 3, 4, 3})), T(D({6}))}),
            TypeToString(T(WithRows({11, 20, 6}))));
}

TEST(WindowTypesTest, ConvTransposeRefusesWhatDoesNotFit) {
  const ConvTranspose op = Spreading();
  const TensorType x = T(WithRows({4, 5, 6}));
  const TensorType w = T(D({4, 3, 3, 4}));
  const TensorType bias = T(D({6}));
  EXPECT_THAT(Infer(op, {x, T(D({3, 3, 3, 4})), bias}),
              HasSubstr("the groups"));
  EXPECT_THAT(Infer(op, {x, T(D({4, 3, 3, 3})), bias}),
              HasSubstr("spatial axis 1"));
  EXPECT_THAT(Infer(op, {x, w, T(D({5}))}), HasSubstr("the bias"));
  EXPECT_THAT(Infer(op, {T(WithRows({4, 5, 6}), DType::kFloat64), w, bias}),
              HasSubstr("expected float32"));
  ConvTranspose gone = op;
  gone.window.pads_begin = {40, 0};
  EXPECT_THAT(Infer(gone, {x, w, bias}), HasSubstr("at least one"));
  ConvTranspose huge = op;
  huge.window.strides = {int64_t{1} << 40, 1};
  EXPECT_THAT(Infer(huge, {x, w, bias}), HasSubstr("strides"));
}

TEST(WindowTypesTest, MaxPoolTakesPlainIntegersAndGivesIndices) {
  Pool pool;
  pool.window = {{2}, {2}, {0}, {0}, {1}};
  const TensorType x = T(WithRows({3, 8}), DType::kInt8);
  EXPECT_EQ(Infer(pool, {x}), TypeToString(T(WithRows({3, 4}), DType::kInt8)));
  EXPECT_EQ(Infer(MaxPoolIndices{pool.window, false, false}, {x}),
            TypeToString(T(WithRows({3, 4}), DType::kInt64)));
  EXPECT_TRUE(MixesRows(MaxPoolIndices{pool.window, false, false}, {}));
  pool.kind = PoolKind::kAverage;
  EXPECT_THAT(Infer(pool, {x}), HasSubstr("octet pools"));
}

Resize Doubling(size_t rank) {
  Resize op;
  op.sizes.assign(rank, 0);
  op.scales.assign(rank, 1);
  return op;
}

TEST(WindowTypesTest, ResizeKeepsRowsAndSetsTheOthers) {
  Resize op = Doubling(3);
  op.sizes = {0, 3, 8};
  op.scales = {1, 1, 2};
  EXPECT_EQ(Infer(op, {T(WithRows({3, 4}))}),
            TypeToString(T(WithRows({3, 8}))));
  EXPECT_FALSE(MixesRows(op, {}));
  op.sizes[0] = 2;
  EXPECT_THAT(Infer(op, {T(WithRows({3, 4}))}), HasSubstr("carries the rows"));
  EXPECT_TRUE(MixesRows(op, {}));
}

TEST(WindowTypesTest, ResizeRefusesScalesThatAreNoNumbers) {
  Resize op = Doubling(2);
  op.sizes = {2, 4};
  for (float scale : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN(),
                      std::numeric_limits<float>::infinity()}) {
    op.scales = {1, scale};
    EXPECT_THAT(Infer(op, {T(D({2, 2}))}), HasSubstr("the scale of axis 1"));
  }
  op.scales = {1, 2};
  op.sizes = {2, 0};
  EXPECT_THAT(Infer(op, {T(D({2, 2}))}), HasSubstr("becomes 0"));
  op.sizes = {2, 4};
  op.coordinates = ResizeCoordinates::kTfCropAndResize;
  EXPECT_THAT(Infer(op, {T(D({2, 2}))}), HasSubstr("regions"));
}

TEST(WindowTypesTest, GridSampleWantsAPlaceForEachImage) {
  const GridSample op;
  EXPECT_EQ(Infer(op, {T(WithRows({3, 4, 5})), T(WithRows({6, 7, 2}))}),
            TypeToString(T(WithRows({3, 6, 7}))));
  EXPECT_THAT(Infer(op, {T(WithRows({3, 4, 5})), T(WithRows({6, 7, 3}))}),
              HasSubstr("the grid"));
  EXPECT_THAT(Infer(op, {T(WithRows({3, 4, 5})), T(D({1, 6, 7, 2}))}),
              HasSubstr("the grid"));
  EXPECT_THAT(Infer(op, {T(D({1, 3, 0, 5})), T(D({1, 6, 7, 2}))}),
              HasSubstr("the grid"));
}

TEST(WindowTypesTest, RoiAlignGivesAnImageForEachRegion) {
  RoiAlign op;
  op.output_height = 2;
  op.output_width = 3;
  const TensorType x = T(D({1, 5, 8, 8}));
  const TensorType rois = T(D({7, 4}));
  EXPECT_EQ(Infer(op, {x, rois, T(D({7}), DType::kInt64)}),
            TypeToString(T(D({7, 5, 2, 3}))));
  EXPECT_THAT(Infer(op, {x, rois, T(D({6}), DType::kInt64)}),
              HasSubstr("[R, 4], [R]"));
  op.sampling_ratio = int64_t{1} << 40;
  EXPECT_THAT(Infer(op, {x, rois, T(D({7}), DType::kInt64)}),
              HasSubstr("sampling_ratio"));
}

TEST(WindowTypesTest, LrnKeepsItsInput) {
  Lrn op;
  op.size = 3;
  EXPECT_EQ(Infer(op, {T(WithRows({3, 4}))}),
            TypeToString(T(WithRows({3, 4}))));
  op.size = 0;
  EXPECT_THAT(Infer(op, {T(WithRows({3, 4}))}), HasSubstr("a size from 1"));
  op.size = 3;
  for (int axis : {0, 3}) {
    op.axis = axis;
    EXPECT_THAT(Infer(op, {T(WithRows({3, 4}))}), HasSubstr("axis"));
  }
}

TEST(WindowTypesTest, ProductsOfPlainNumbersKeepTheirType) {
  MatMul op;
  for (DType dtype : {DType::kInt32, DType::kInt64, DType::kFloat64}) {
    EXPECT_EQ(Infer(op, {T(D({2, 3}), dtype), T(D({3, 4}), dtype)}),
              TypeToString(T(D({2, 4}), dtype)));
  }
  EXPECT_THAT(
      Infer(op, {T(D({2, 3}), DType::kInt32), T(D({3, 4}), DType::kInt64)}),
      HasSubstr("one element type"));
  EXPECT_THAT(
      Infer(op, {T(D({2, 3}), DType::kBool), T(D({3, 4}), DType::kBool)}),
      HasSubstr("octet multiplies"));
}

}  // namespace
}  // namespace octet::ir
