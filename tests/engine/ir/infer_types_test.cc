// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/infer_types.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::ir {
namespace {

using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Dim R(int64_t multiple = 1) { return Dim::Rows(multiple); }

// Fixed dimensions behind an optional leading one.
Dims D(std::vector<int64_t> values) { return FixedDims(values); }
Dims D(Dim leading, std::vector<int64_t> values) {
  Dims dims = {leading};
  for (int64_t value : values) dims.push_back(Dim::Fixed(value));
  return dims;
}

TensorType F(Dims dims) {
  return {DType::kFloat32, std::move(dims), std::nullopt};
}
TensorType Q(Dims dims, DType dtype = DType::kUInt8, int32_t zero_point = 3) {
  return {dtype, std::move(dims), Quantization::PerTensor(0.5f, zero_point)};
}

std::string Infer(const Op& op, std::vector<TensorType> inputs) {
  const auto type = InferType(op, inputs);
  if (type.ok()) return TypeToString(*type);
  EXPECT_EQ(type.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(type.status().message());
}

std::string Text(const TensorType& type) { return TypeToString(type); }

Window Square(int64_t kernel, int64_t stride, int64_t pad) {
  return {{kernel, kernel}, {stride, stride}, {pad, pad}, {pad, pad}, {1, 1}};
}

TEST(InferTypeTest, ConvSlidesAndReplacesChannels) {
  Conv op;
  op.window = Square(3, 2, 1);
  op.groups = 2;
  op.has_bias = true;
  EXPECT_EQ(Infer(op, {F(D(R(), {4, 9, 8})), F(D({6, 2, 3, 3})), F(D({6}))}),
            Text(F(D(R(), {6, 5, 4}))));
  op.layout = Layout::kChannelsLast;
  EXPECT_EQ(Infer(op, {F(D(R(), {9, 8, 4})), F(D({6, 3, 3, 2})), F(D({6}))}),
            Text(F(D(R(), {5, 4, 6}))));
}

TEST(InferTypeTest, ConvOnIntegersWantsIntegerWeightsAndBias) {
  Conv op;
  op.window = Square(1, 1, 0);
  op.has_bias = true;
  const TensorType x = Q(D(R(), {2, 4, 4}));
  const TensorType w = Q(D({3, 2, 1, 1}), DType::kInt8, 0);
  TensorType bias = Q(D({3}), DType::kInt32, 0);
  EXPECT_EQ(Infer(op, {x, w, bias}), Text(F(D(R(), {3, 4, 4}))));
  EXPECT_THAT(Infer(op, {x, F(D({3, 2, 1, 1})), bias}),
              HasSubstr("quantized int8"));
  EXPECT_THAT(Infer(op, {x, Q(D({3, 2, 1, 1}), DType::kInt8, 1), bias}),
              HasSubstr("expected 0"));
  EXPECT_THAT(Infer(op, {x, w, F(D({3}))}), HasSubstr("quantized int32"));
}

TEST(InferTypeTest, ConvRefusesWhatDoesNotFit) {
  Conv op;
  op.window = Square(3, 1, 0);
  const TensorType x = F(D(R(), {4, 8, 8}));
  EXPECT_THAT(Infer(op, {x, F(D({6, 3, 3, 3}))}), HasSubstr("4 input"));
  EXPECT_THAT(Infer(op, {x, F(D({6, 4, 3, 1}))}), HasSubstr("kernel"));
  EXPECT_THAT(Infer(op, {F(D(R(), {4, 2, 8})), F(D({6, 4, 3, 3}))}),
              HasSubstr("does not fit"));
  EXPECT_THAT(Infer(op, {x}), HasSubstr("got 1 inputs"));
  op.has_residual = true;
  EXPECT_THAT(Infer(op, {x, F(D({6, 4, 3, 3})), F(D(R(), {6, 5, 5}))}),
              HasSubstr("residual"));
  op.activation = {1, -1};
  EXPECT_THAT(Infer(op, {x, x, x}), HasSubstr("lower <= upper"));
}

TEST(InferTypeTest, MatMulBroadcastsLeadingAxes) {
  EXPECT_EQ(Infer(MatMul{}, {F(D(R(), {3, 4})), F(D({4, 5}))}),
            Text(F(D(R(), {3, 5}))));
  EXPECT_EQ(Infer(MatMul{}, {F(D(R(), {4})), F(D({4, 5}))}),
            Text(F(D(R(), {5}))));
  MatMul transposed;
  transposed.transpose_b = true;
  EXPECT_EQ(Infer(transposed, {F(D(R(), {1, 3, 4})), F(D({2, 5, 4}))}),
            Text(F(D(R(), {2, 3, 5}))));
  EXPECT_THAT(Infer(MatMul{}, {F(D(R(), {4})), F(D({5, 4}))}),
              HasSubstr("inner dimension"));
  EXPECT_THAT(Infer(MatMul{}, {F(D({4})), F(D({4, 5}))}),
              HasSubstr("at least two"));
}

TEST(InferTypeTest, PoolKeepsQuantizationOnlyForMax) {
  Pool op;
  op.window = Square(2, 2, 0);
  const TensorType x = Q(D(R(), {3, 5, 5}));
  EXPECT_EQ(Infer(op, {x}), Text(Q(D(R(), {3, 2, 2}))));
  op.ceil_mode = true;
  EXPECT_EQ(Infer(op, {x}), Text(Q(D(R(), {3, 3, 3}))));
  op.kind = PoolKind::kAverage;
  EXPECT_EQ(Infer(op, {x}), Text(F(D(R(), {3, 3, 3}))));
  EXPECT_EQ(Infer(GlobalPool{}, {F(D(R(), {3, 5, 5}))}),
            Text(F(D(R(), {3, 1, 1}))));
  EXPECT_THAT(Infer(op, {F(D(R(), {5, 5}))}),
              HasSubstr("kernel has 2 entries"));
}

TEST(InferTypeTest, BinaryBroadcastsRowsAgainstOne) {
  EXPECT_EQ(Infer(Binary{}, {F(D(R(), {1, 4})), F(D({1, 3, 1}))}),
            Text(F(D(R(), {3, 4}))));
  EXPECT_THAT(Infer(Binary{}, {F(D(R(), {4})), F(D({2, 4}))}),
              HasSubstr("do not broadcast"));
  EXPECT_THAT(Infer(Binary{}, {F(D(R(), {4})), Q(D(R(), {4}))}),
              HasSubstr("one element type"));
}

TEST(InferTypeTest, ElementwiseKeepsDimensions) {
  const TensorType x = F(D(R(), {4, 2}));
  EXPECT_EQ(Infer(Unary{UnaryKind::kTanh}, {x}), Text(x));
  EXPECT_EQ(Infer(Clamp{{0, 6}}, {Q(D({4}))}), Text(Q(D({4}))));
  EXPECT_EQ(Infer(Softmax{1}, {x}), Text(x));
  EXPECT_THAT(Infer(Softmax{3}, {x}), HasSubstr("axis is 3"));
  EXPECT_EQ(Infer(BatchNorm{}, {x, F(D({4})), F(D({4})), F(D({4})), F(D({4}))}),
            Text(x));
  EXPECT_THAT(
      Infer(BatchNorm{}, {x, F(D({4})), F(D({2})), F(D({4})), F(D({4}))}),
      HasSubstr("input 2"));
  EXPECT_THAT(Infer(Clamp{{kInfinity, 0}}, {x}), HasSubstr("lower <= upper"));
}

TEST(InferTypeTest, ConversionsChangeTheElementType) {
  const TensorType x = F(D(R(), {4}));
  EXPECT_EQ(InferType(Quantize{}, {&x, 1})->dtype, DType::kUInt8);
  EXPECT_EQ(Infer(Dequantize{}, {Q(D(R(), {4}))}), Text(x));
  EXPECT_THAT(Infer(Dequantize{}, {x}), HasSubstr("expected a quantization"));
  EXPECT_THAT(Infer(Requantize{}, {x}), HasSubstr("expected a quantization"));
  EXPECT_EQ(InferType(Cast{DType::kInt64}, {&x, 1})->dtype, DType::kInt64);
}

TEST(InferTypeTest, ConcatAddsUpItsAxis) {
  EXPECT_EQ(Infer(Concat{1}, {F(D(R(), {2, 5})), F(D(R(), {3, 5}))}),
            Text(F(D(R(), {5, 5}))));
  EXPECT_THAT(Infer(Concat{1}, {F(D(R(), {2, 5})), F(D({1, 3, 5}))}),
              HasSubstr("equal types but for axis"));
  EXPECT_THAT(
      Infer(Concat{1}, {Q(D(R(), {2})), Q(D(R(), {2}), DType::kUInt8, 4)}),
      HasSubstr("equal types"));
}

TEST(InferTypeTest, SliceAndPadLeaveRowsAlone) {
  EXPECT_EQ(Infer(Slice{{0, 4}, {1, -2}, {0, 3}}, {F(D(R(), {5}))}),
            Text(F(D(R(), {3}))));
  EXPECT_THAT(Infer(Slice{{0, 4}, {1, -2}, {0, 4}}, {F(D(R(), {5}))}),
              HasSubstr("takes 4 entries"));
  EXPECT_THAT(Infer(Slice{{0, 0}, {1, 1}, {1, 5}}, {F(D(R(), {5}))}),
              HasSubstr("carries rows"));
  EXPECT_EQ(Infer(Pad{{0, 1}, {0, 2}, 0}, {F(D(R(), {5}))}),
            Text(F(D(R(), {8}))));
  EXPECT_THAT(Infer(Pad{{1, 0}, {0, 0}, 0}, {F(D(R(), {5}))}),
              HasSubstr("axis 0"));
}

TEST(InferTypeTest, ReshapeCountsElementsOfARow) {
  EXPECT_EQ(Infer(Reshape{D(R(2), {6})}, {F(D(R(), {3, 4}))}),
            Text(F(D(R(2), {6}))));
  EXPECT_THAT(Infer(Reshape{D({12})}, {F(D(R(), {3, 4}))}),
              HasSubstr("cannot become"));
  EXPECT_THAT(Infer(Reshape{D(R(), {3, 5})}, {F(D(R(), {3, 4}))}),
              HasSubstr("cannot become"));
}

TEST(InferTypeTest, TransposeMovesTheChannelAxis) {
  TensorType x = F(D({2, 3}));
  x.dtype = DType::kInt8;
  x.quantization = Quantization{{1, 2}, {0, 0}, 0};
  const auto type = InferType(Transpose{{1, 0}}, {&x, 1});
  ASSERT_TRUE(type.ok()) << type.status();
  EXPECT_EQ(type->dims, D({3, 2}));
  EXPECT_EQ(type->quantization->axis, 1);
  EXPECT_THAT(Infer(Transpose{{0, 0}}, {x}), HasSubstr("each axis once"));
}

TEST(InferTypeTest, ReduceDropsOrKeepsAxes) {
  const TensorType x = F(D(R(), {3, 4}));
  EXPECT_EQ(Infer(Reduce{ReduceKind::kMean, {2}, true}, {x}),
            Text(F(D(R(), {3, 1}))));
  EXPECT_EQ(Infer(Reduce{ReduceKind::kMean, {0, 2}, false}, {x}),
            Text(F(D({3}))));
  EXPECT_THAT(Infer(Reduce{ReduceKind::kMean, {1, 1}, false}, {x}),
              HasSubstr("at most once"));
}

TEST(InferTypesTest, RecurrentGivesAllStepsAndTheLastState) {
  Recurrent op;
  op.hidden = 5;
  op.functions.resize(3);
  op.has_bias = true;
  op.has_initial_c = true;
  std::vector<TensorType> inputs = {F(D({7, 2, 3})), F(D({1, 20, 3})),
                                    F(D({1, 20, 5})), F(D({1, 40})),
                                    F(D({1, 2, 5}))};
  const auto types = InferTypes(op, inputs);
  ASSERT_TRUE(types.ok()) << types.status();
  EXPECT_THAT(*types, testing::ElementsAre(F(D({7, 1, 2, 5})), F(D({1, 2, 5})),
                                           F(D({1, 2, 5}))));
  inputs[4] = F(D({1, 3, 5}));
  EXPECT_THAT(Infer(op, inputs),
              HasSubstr("initial_c is float32[1, 3, 5]; expected"));
  inputs[4] = F(D({1, 2, 5}));
  inputs[1] = F(D({1, 15, 3}));
  EXPECT_THAT(Infer(op, inputs), HasSubstr("W is float32[1, 15, 3]; expected"));
  op.functions.pop_back();
  EXPECT_THAT(Infer(op, inputs), HasSubstr("got 2 activation functions"));
  op.functions.resize(3);
  op.hidden = int64_t{1} << 40;
  EXPECT_THAT(Infer(op, inputs), HasSubstr("hidden_size is 1099511627776"));
}

TEST(InferTypesTest, OnlyLstmsHaveACell) {
  Recurrent op;
  op.kind = RecurrentKind::kGru;
  op.functions.resize(2);
  op.has_peepholes = true;
  EXPECT_THAT(Infer(op, {}), HasSubstr("GRU has no cell"));
}

}  // namespace
}  // namespace octet::ir
