// SPDX-License-Identifier: Apache-2.0
// Models of half precision and weights of 4 bits: what callers send and get
// keeps its type, what is computed is float32.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/half_types.h"
#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ::onnx::TensorProto;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int32_t kUInt4 = 21;
constexpr int32_t kInt4 = 22;

Tensor Halves(Shape shape, const std::vector<float>& values,
              DType dtype = DType::kFloat16) {
  Tensor tensor(dtype, std::move(shape));
  auto* bits = reinterpret_cast<uint16_t*>(tensor.mutable_bytes());
  for (size_t i = 0; i < values.size(); ++i) {
    bits[i] = dtype == DType::kFloat16 ? HalfFromFloat(values[i])
                                       : BFloat16FromFloat(values[i]);
  }
  return tensor;
}

std::vector<float> Floats(const Tensor& tensor) {
  std::vector<float> values(tensor.size());
  const auto* bits = reinterpret_cast<const uint16_t*>(tensor.bytes());
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = tensor.dtype() == DType::kFloat16 ? FloatFromHalf(bits[i])
                                                  : FloatFromBFloat16(bits[i]);
  }
  return values;
}

void DeclareOutput(ModelBuilder& model, const std::string& name, int32_t type,
                   const std::vector<int64_t>& dims) {
  auto* output = model.proto().mutable_graph()->add_output();
  output->set_name(name);
  auto* tensor = output->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  for (int64_t dim : dims) {
    auto* entry = tensor->mutable_shape()->add_dim();
    if (dim < 0) {
      entry->set_dim_param("N");
    } else {
      entry->set_dim_value(dim);
    }
  }
}

absl::StatusOr<std::vector<Tensor>> Answers(const ModelBuilder& model,
                                            const std::vector<Tensor>& inputs) {
  auto loaded = Model::FromBytes(model.Bytes(), {});
  if (!loaded.ok()) return loaded.status();
  auto executor = Executor::Create(*loaded);
  if (!executor.ok()) return executor.status();
  return (*executor)->RunTensors(inputs, nullptr);
}

class HalfTypesTest : public testing::TestWithParam<DType> {
 protected:
  int32_t onnx_type() const {
    return GetParam() == DType::kFloat16 ? TensorProto::FLOAT16
                                         : TensorProto::BFLOAT16;
  }
};

INSTANTIATE_TEST_SUITE_P(Types, HalfTypesTest,
                         testing::Values(DType::kFloat16, DType::kBFloat16));

TEST_P(HalfTypesTest, InputsAndOutputsKeepTheirType) {
  ModelBuilder model(13);
  model.Input("x", {-1, 2}, onnx_type());
  DeclareOutput(model, "y", onnx_type(), {-1, 2});
  model.Constant("w", Halves({2, 2}, {1, 2, 3, 4}, GetParam()));
  model.Node("MatMul", {"x", "w"}, {"y"});
  const auto loaded = Model::FromBytes(model.Bytes(), {});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE((*loaded)->batches()) << (*loaded)->why_not_batched();
  EXPECT_EQ((*loaded)->inputs()[0].dtype, GetParam());
  EXPECT_EQ((*loaded)->outputs()[0].dtype, GetParam());
  const auto y = Answers(model, {Halves({2, 2}, {1, 0, 0.5f, -1}, GetParam())});
  ASSERT_TRUE(y.ok()) << y.status();
  ASSERT_EQ((*y)[0].dtype(), GetParam());
  EXPECT_THAT(Floats((*y)[0]), ElementsAre(1, 2, -2.5f, -3));
}

TEST_P(HalfTypesTest, AnInputMayBeAnOutput) {
  ModelBuilder model(13);
  model.Input("x", {2}, onnx_type());
  DeclareOutput(model, "y", onnx_type(), {2});
  model.Node("Identity", {"x"}, {"y"});
  const auto y = Answers(model, {Halves({2}, {1.5f, -2}, GetParam())});
  ASSERT_TRUE(y.ok()) << y.status();
  ASSERT_EQ((*y)[0].dtype(), GetParam());
  EXPECT_THAT(Floats((*y)[0]), ElementsAre(1.5f, -2));
}

TEST_P(HalfTypesTest, AnInputMayBeTheOutputOfItsOwnName) {
  ModelBuilder model(13);
  model.Input("x", {2}, onnx_type());
  DeclareOutput(model, "x", onnx_type(), {2});
  const auto x = Answers(model, {Halves({2}, {1.5f, -2}, GetParam())});
  ASSERT_TRUE(x.ok()) << x.status();
  ASSERT_EQ((*x)[0].dtype(), GetParam());
  EXPECT_THAT(Floats((*x)[0]), ElementsAre(1.5f, -2));
}

TEST_P(HalfTypesTest, DynamicShapesKeepTheirType) {
  ModelBuilder model(13);
  model.Input("x", {2, -1}, onnx_type());
  DeclareOutput(model, "y", onnx_type(), {2, -1});
  model.Node("Relu", {"x"}, {"y"});
  const auto y =
      Answers(model, {Halves({2, 2}, {1, -1, 0.5f, -1}, GetParam())});
  ASSERT_TRUE(y.ok()) << y.status();
  ASSERT_EQ((*y)[0].dtype(), GetParam());
  EXPECT_THAT(Floats((*y)[0]), ElementsAre(1, 0, 0.5f, 0));
}

TEST_P(HalfTypesTest, CastsRoundThroughTheHalfType) {
  ModelBuilder model(13);
  model.Input("x", {2}).Output("y");
  model.Node("Cast", {"x"}, {"h"}).Int("to", onnx_type());
  model.Node("Cast", {"h"}, {"y"}).Int("to", TensorProto::FLOAT);
  const Tensor x = Tensor::Of<float>({2}, {1.00390625f / 3, 70000.0f});
  const auto y = Answers(model, {x});
  ASSERT_TRUE(y.ok()) << y.status();
  const Tensor rounded =
      Halves({2}, {x.data<float>()[0], x.data<float>()[1]}, GetParam());
  EXPECT_THAT((*y)[0].data<float>(),
              testing::ElementsAreArray(Floats(rounded)));
  EXPECT_NE((*y)[0].data<float>()[0], x.data<float>()[0]);
}

TEST_P(HalfTypesTest, CastLikeTakesTheTypeOfAHalf) {
  ModelBuilder model(15);
  model.Input("x", {1}).Output("y");
  model.Constant("like", Halves({1}, {0}, GetParam()));
  model.Node("CastLike", {"x", "like"}, {"h"});
  model.Node("Cast", {"h"}, {"y"}).Int("to", TensorProto::FLOAT);
  const float third = 1.0f / 3;
  const auto y = Answers(model, {Tensor::Of<float>({1}, {third})});
  ASSERT_TRUE(y.ok()) << y.status();
  EXPECT_EQ((*y)[0].data<float>()[0],
            Floats(Halves({1}, {third}, GetParam()))[0]);
}

// ---------------------------------------------------------------------------
// 4 bits

// w = 0.5 * (q - 1) for q of 4 bits, two to a byte; y = x w.
ModelBuilder FourBits(int32_t type, const std::string& raw, bool typed) {
  ModelBuilder model(21);
  model.Input("x", {1, 5}).Output("y");
  TensorProto* q = model.proto().mutable_graph()->add_initializer();
  q->set_name("q");
  q->set_data_type(type);
  q->add_dims(5);
  q->add_dims(1);
  if (typed) {
    for (char byte : raw) q->add_int32_data(static_cast<uint8_t>(byte));
  } else {
    q->set_raw_data(raw);
  }
  TensorProto* z = model.proto().mutable_graph()->add_initializer();
  z->set_name("z");
  z->set_data_type(type);
  z->set_raw_data(std::string(1, '\1'));
  model.Floats("s", {}, {0.5f});
  model.Node("DequantizeLinear", {"q", "s", "z"}, {"w"});
  model.Node("MatMul", {"x", "w"}, {"y"});
  return model;
}

// The weight of each entry.
std::vector<float> WeightsOf(const ModelBuilder& model) {
  std::vector<float> weights;
  for (int i = 0; i < 5; ++i) {
    Tensor x(DType::kFloat32, {1, 5});
    x.mutable_data<float>()[i] = 1;
    const auto y = Answers(model, {x});
    EXPECT_TRUE(y.ok()) << y.status();
    if (!y.ok()) return {};
    weights.push_back((*y)[0].data<float>()[0]);
  }
  return weights;
}

TEST(FourBitTest, SignedOnesReachFromMinus8To7) {
  // 1, -8, 7, -1, 0: the first of a pair is the low half of its byte.
  const std::string raw = {'\x81', '\xf7', '\x00'};
  for (const bool typed : {false, true}) {
    EXPECT_THAT(WeightsOf(FourBits(kInt4, raw, typed)),
                ElementsAre(0, -4.5f, 3, -1, -0.5f));
  }
}

TEST(FourBitTest, UnsignedOnesReachFrom0To15) {
  const std::string raw = {'\x81', '\xf7', '\x00'};
  for (const bool typed : {false, true}) {
    EXPECT_THAT(WeightsOf(FourBits(kUInt4, raw, typed)),
                ElementsAre(0, 3.5f, 3, 7, -0.5f));
  }
}

TEST(FourBitTest, MissingBytesAreDataLoss) {
  const auto model = Model::FromBytes(
      FourBits(kInt4, std::string(2, '\0'), false).Bytes(), {});
  EXPECT_TRUE(absl::IsDataLoss(model.status())) << model.status();
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("asks for 3"));
}

TEST(FourBitTest, QuantizingToFourBitsIsRefused) {
  ModelBuilder model(21);
  model.Input("x", {1, 2}).Output("y").Floats("s", {}, {0.5f});
  TensorProto* z = model.proto().mutable_graph()->add_initializer();
  z->set_name("z");
  z->set_data_type(kUInt4);
  z->set_raw_data(std::string(1, '\1'));
  model.Node("QuantizeLinear", {"x", "s", "z"}, {"y"});
  const auto loaded = Model::FromBytes(model.Bytes(), {});
  EXPECT_TRUE(absl::IsUnimplemented(loaded.status())) << loaded.status();
}

}  // namespace
}  // namespace octet::onnx
