// SPDX-License-Identifier: Apache-2.0
// Files in every spelling that quantizers have, from ONNX bytes to answers: the
// expected numbers are worked out from the operators' formulas.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/tools/run_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

namespace octet {
namespace {

using onnx::ModelBuilder;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename T>
Tensor Of(Shape shape, std::vector<T> values) {
  return Tensor::Of<T>(std::move(shape), values);
}

absl::StatusOr<std::vector<NamedTensor>> RunOn(
    const ModelBuilder& model, std::vector<Tensor> inputs,
    BackendChoice backend = BackendChoice::kReference) {
  ModelOptions options;
  options.backend = backend;
  OCTET_ASSIGN_OR_RETURN(auto loaded, Model::FromBytes(model.Bytes(), options));
  std::vector<NamedTensor> named;
  for (size_t i = 0; i < inputs.size(); ++i) {
    named.push_back({loaded->inputs()[i].name, std::move(inputs[i])});
  }
  OCTET_ASSIGN_OR_RETURN(tools::ModelAnswer answer,
                         tools::RunModel(loaded, named));
  return std::move(answer.outputs);
}

// The first output, which both backends agree on byte by byte.
template <typename T>
std::vector<T> Answer(const ModelBuilder& model,
                      const std::vector<Tensor>& inputs) {
  std::vector<std::vector<T>> answers;
  for (BackendChoice backend :
       {BackendChoice::kReference, BackendChoice::kDefault}) {
    const auto outputs = RunOn(model, inputs, backend);
    if (!outputs.ok()) {
      ADD_FAILURE() << outputs.status();
      return {};
    }
    const auto data = (*outputs)[0].tensor.data<T>();
    answers.emplace_back(data.begin(), data.end());
  }
  EXPECT_EQ(answers[0], answers[1]) << "the backends differ";
  return answers[0];
}

constexpr int32_t kU8 = ::onnx::TensorProto::UINT8;
constexpr int32_t kS8 = ::onnx::TensorProto::INT8;

TEST(QuantizedOperatorsTest, ScalesMayComeFromTheGraph) {
  ModelBuilder model(13);
  model.Input("x", {2, 3}, kU8).Input("s", {2}).Input("z", {2}, kU8);
  model.Output("y");
  model.Node("DequantizeLinear", {"x", "s", "z"}, {"y"}).Int("axis", 0);
  EXPECT_THAT(Answer<float>(model, {Of<uint8_t>({2, 3}, {0, 10, 255, 1, 2, 3}),
                                    Of<float>({2}, {0.5f, 2}),
                                    Of<uint8_t>({2}, {10, 2})}),
              ElementsAre(-5, 0, 122.5f, -2, 0, 2));
}

TEST(QuantizedOperatorsTest, QuantizesToSixteenBits) {
  ModelBuilder model(21);
  model.Input("x", {4}).Output("y");
  model.Floats("s", {}, {2});
  model.Constant("z", Of<int16_t>({}, {256}));
  model.Node("QuantizeLinear", {"x", "s", "z"}, {"y"});
  EXPECT_THAT(Answer<int16_t>(model, {Of<float>({4}, {1, 3, 1e9f, -70000})}),
              ElementsAre(256, 258, 32767, -32768));
}

ModelBuilder DequantizesInBlocks(int64_t block_size) {
  ModelBuilder model(21);
  model.Input("x", {1, 5}, kS8).Output("y");
  model.Floats("s", {1, 3}, {1, 10, 100});
  model.Constant("z", Of<int8_t>({1, 3}, {0, 1, 2}));
  model.Node("DequantizeLinear", {"x", "s", "z"}, {"y"})
      .Int("axis", 1)
      .Int("block_size", block_size);
  return model;
}

TEST(QuantizedOperatorsTest, BlocksShareAScaleAndTheLastMayBeShort) {
  EXPECT_THAT(Answer<float>(DequantizesInBlocks(2),
                            {Of<int8_t>({1, 5}, {1, 2, 3, 4, 5})}),
              ElementsAre(1, 2, 20, 30, 300));
  EXPECT_THAT(std::string(RunOn(DequantizesInBlocks(4), {}).status().message()),
              HasSubstr("the scale has dimensions [1, 3]; expected [1, 2]"));
  EXPECT_THAT(
      std::string(RunOn(DequantizesInBlocks(-1), {}).status().message()),
      HasSubstr("attribute 'block_size' is -1"));
}

// 2 x 2 pixels, 1 x 1 kernel of one channel: y = (x - 10) * 0.5 * w.
ModelBuilder OnePixelConv(std::vector<Tensor> weights, float y_scale) {
  ModelBuilder model(13);
  model.Input("x", {1, 1, 2, 2}, kU8).Output("y");
  model.Floats("xs", {}, {0.5f}).Constant("xz", Of<uint8_t>({}, {10}));
  model.Constant("w", weights[0]).Floats("ws", {}, {2});
  model.Constant("wz", weights[1]);
  model.Floats("ys", {}, {y_scale}).Constant("yz", Of<uint8_t>({}, {128}));
  model.Constant("b", Of<int32_t>({1}, {6}));
  model.Node("QLinearConv", {"x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"},
             {"y"});
  return model;
}

TEST(QuantizedOperatorsTest, QLinearConvTakesWeightsOfBothSigns) {
  const Tensor x = Of<uint8_t>({1, 1, 2, 2}, {10, 11, 0, 255});
  // acc = (x - 10) * 3 + 6, y = acc * 0.5 * 2 / 4 + 128
  const auto expected = ElementsAre(130, 130, 122, 255);
  EXPECT_THAT(
      Answer<uint8_t>(
          OnePixelConv({Of<int8_t>({1, 1, 1, 1}, {3}), Of<int8_t>({}, {0})}, 4),
          {x}),
      expected);
  EXPECT_THAT(Answer<uint8_t>(OnePixelConv({Of<uint8_t>({1, 1, 1, 1}, {131}),
                                            Of<uint8_t>({}, {128})},
                                           4),
                              {x}),
              expected);
}

TEST(QuantizedOperatorsTest, WeightsWiderThanInt8StayRight) {
  // w - zero point = 255, which int8 does not hold.
  EXPECT_THAT(Answer<uint8_t>(OnePixelConv({Of<uint8_t>({1, 1, 1, 1}, {255}),
                                            Of<uint8_t>({}, {0})},
                                           255),
                              {Of<uint8_t>({1, 1, 2, 2}, {10, 11, 0, 110})}),
              ElementsAre(128, 129, 118, 228));
}

TEST(QuantizedOperatorsTest, QLinearMatMulHasAScaleForEachColumn) {
  ModelBuilder model(21);
  model.Input("a", {2, 2}, kS8).Output("y");
  model.Floats("as", {}, {0.5f}).Constant("az", Of<int8_t>({}, {1}));
  model.Constant("b", Of<int8_t>({2, 2}, {1, 2, 3, 4}));
  model.Floats("bs", {2}, {2, 4}).Constant("bz", Of<int8_t>({2}, {0, 0}));
  model.Floats("ys", {}, {1}).Constant("yz", Of<int8_t>({}, {-3}));
  model.Node("QLinearMatMul", {"a", "as", "az", "b", "bs", "bz", "ys", "yz"},
             {"y"});
  // [[1, 2], [3, 4]] - 1 times b: [[3, 4], [11, 16]]
  EXPECT_THAT(Answer<int8_t>(model, {Of<int8_t>({2, 2}, {1, 2, 3, 4})}),
              ElementsAre(0, 5, 8, 29));
}

TEST(QuantizedOperatorsTest, IntegerProductsAreExactBeyondFloat) {
  // 300 * 255 * 255 needs 25 bits, and is odd.
  constexpr int64_t kDepth = 301;
  ModelBuilder model(10);
  model.Input("a", {1, kDepth}, kU8).Input("az", {}, kU8);
  model.Input("b", {kDepth, 1}, kU8).Output("y");
  model.Node("MatMulInteger", {"a", "b", "az"}, {"y"});
  const std::vector<uint8_t> full(kDepth, 255);
  EXPECT_THAT(Answer<int32_t>(
                  model, {Of<uint8_t>({1, kDepth}, full), Of<uint8_t>({}, {0}),
                          Of<uint8_t>({kDepth, 1}, full)}),
              ElementsAre(301 * 255 * 255));
}

TEST(QuantizedOperatorsTest, ConvIntegerPadsWithTheZeroPoint) {
  ModelBuilder model(10);
  model.Input("x", {1, 1, 3}, kU8).Output("y");
  model.Constant("w", Of<uint8_t>({2, 1, 2}, {1, 2, 3, 4}));
  model.Constant("xz", Of<uint8_t>({}, {1}));
  model.Constant("wz", Of<uint8_t>({2}, {0, 3}));
  model.Node("ConvInteger", {"x", "w", "xz", "wz"}, {"y"}).Ints("pads", {1, 0});
  // x - 1 = 1 2 3 behind a 0; weights 1 2, and 0 1.
  EXPECT_THAT(Answer<int32_t>(model, {Of<uint8_t>({1, 1, 3}, {2, 3, 4})}),
              ElementsAre(2, 5, 8, 1, 2, 3));
}

TEST(QuantizedOperatorsTest, DynamicQuantizationCoversTheRangeAndZero) {
  ModelBuilder model(11);
  model.Input("x", {2, 3}).Output("y").Output("s").Output("z");
  model.Node("DynamicQuantizeLinear", {"x"}, {"y", "s", "z"});
  const auto outputs =
      RunOn(model, {Of<float>({2, 3}, {-51, 0, 1, 1.5f, 2.5f, 204})});
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  EXPECT_THAT((*outputs)[0].tensor.data<uint8_t>(),
              ElementsAre(0, 51, 52, 53, 53, 255));
  EXPECT_EQ((*outputs)[1].tensor.data<float>()[0], 1);
  EXPECT_EQ((*outputs)[2].tensor.data<uint8_t>()[0], 51);
  const auto zeros = RunOn(model, {Of<float>({2, 3}, {0, 0, 0, 0, 0, 0})});
  ASSERT_TRUE(zeros.ok()) << zeros.status();
  EXPECT_THAT((*zeros)[0].tensor.data<uint8_t>(),
              ElementsAre(0, 0, 0, 0, 0, 0));
}

// y = op(x, ...) of com.microsoft; x has scale 0.5 and zero point 128.
ModelBuilder Microsoft(const std::string& op_type,
                       std::vector<std::string> inputs) {
  ModelBuilder model(13);
  model.Input("x", {1, 4}, kU8).Output("y");
  model.Floats("s", {}, {0.5f}).Constant("z", Of<uint8_t>({}, {128}));
  model.Floats("ys", {}, {1}).Constant("yz", Of<uint8_t>({}, {100}));
  model.Constant("c", Of<uint8_t>({1, 4}, {128, 130, 0, 255}));
  model.Node(op_type, std::move(inputs), {"y"}).Domain("com.microsoft");
  return model;
}

TEST(QuantizedOperatorsTest, RunsTheElementwiseOperatorsOfOnnxRuntime) {
  const Tensor x = Of<uint8_t>({1, 4}, {128, 132, 130, 126});  // 0 2 1 -1
  const auto run = [&](const std::string& op_type) {
    return Answer<uint8_t>(
        Microsoft(op_type, {"x", "s", "z", "c", "s", "z", "ys", "yz"}), {x});
  };
  // c is 0 1 -64 63.5.
  EXPECT_THAT(run("QLinearAdd"), ElementsAre(100, 103, 37, 162));
  EXPECT_THAT(run("QLinearMul"), ElementsAre(100, 102, 36, 36));
  EXPECT_THAT(Answer<uint8_t>(
                  Microsoft("QLinearLeakyRelu", {"x", "s", "z", "ys", "yz"}),
                  {Of<uint8_t>({1, 4}, {128, 132, 130, 28})}),
              ElementsAre(100, 102, 101, 100));
}

TEST(QuantizedOperatorsTest, QGemmGivesFloatWithoutAScale) {
  ModelBuilder model(13);
  model.Input("a", {-1, 2}, kU8).Output("y");
  model.Floats("as", {}, {0.5f}).Constant("az", Of<uint8_t>({}, {1}));
  model.Constant("b", Of<int8_t>({2, 2}, {1, 2, 3, 4}));
  model.Floats("bs", {}, {2}).Constant("bz", Of<int8_t>({}, {0}));
  model.Constant("c", Of<int32_t>({2}, {10, 20}));
  model.Node("QGemm", {"a", "as", "az", "b", "bs", "bz", "c"}, {"y"})
      .Domain("com.microsoft")
      .Int("transB", 1);
  EXPECT_THAT(Answer<float>(model, {Of<uint8_t>({1, 2}, {2, 3})}),
              ElementsAre(1 + 4 + 10, 3 + 8 + 20));
}

// An LSTM of 2 units on 3 features, 8 rows of gates, `directions` of them; W
// and R as DynamicQuantizeLSTM has them.
struct DynamicLstm {
  int64_t directions = 1;
  Tensor w = Of<int8_t>({1, 3, 8}, Bytes<int8_t>(24));
  Tensor r = Of<int8_t>({1, 2, 8}, Bytes<int8_t>(16));
  std::vector<float> scales = {0.01f};
  Tensor zero_points = Of<int8_t>({1}, {0});

  template <typename T>
  static std::vector<T> Bytes(int count) {
    std::vector<T> bytes;
    for (int i = 0; i < count; ++i) {
      bytes.push_back(static_cast<T>(i * 37 % 251 - (T(-1) < T(0) ? 125 : 0)));
    }
    return bytes;
  }

  ModelBuilder Start() const {
    ModelBuilder model(14);
    model.Input("x", {4, 1, 3}).Output("y");
    return model;
  }
  ModelBuilder Integers() const {
    ModelBuilder model = Start();
    model.Constant("w", w).Constant("r", r).Constant("z", zero_points);
    const auto count = static_cast<int64_t>(scales.size());
    model.Floats("s", {count}, scales);
    onnx::NodeHandle node = model.Node(
        "DynamicQuantizeLSTM",
        {"x", "w", "r", "", "", "", "", "", "s", "z", "s", "z"}, {"", "y"});
    node.Domain("com.microsoft").Int("hidden_size", 2);
    if (directions == 2) node.String("direction", "bidirectional");
    return model;
  }
  // The LSTM of the floats that the integers stand for.
  ModelBuilder Floats() const {
    ModelBuilder model = Start();
    model.Floats("w", {directions, 8, 3}, Real(w, 3));
    model.Floats("r", {directions, 8, 2}, Real(r, 2));
    onnx::NodeHandle node = model.Node("LSTM", {"x", "w", "r"}, {"", "y"});
    node.Int("hidden_size", 2);
    if (directions == 2) node.String("direction", "bidirectional");
    return model;
  }

 private:
  static int At(const Tensor& tensor, int64_t i) {
    return tensor.dtype() == DType::kInt8 ? tensor.data<int8_t>()[i]
                                          : tensor.data<uint8_t>()[i];
  }
  std::vector<float> Real(const Tensor& integers, int64_t depth) const {
    std::vector<float> real;
    for (int64_t d = 0; d < directions; ++d) {
      for (int64_t row = 0; row < 8; ++row) {
        const int64_t all = static_cast<int64_t>(scales.size());
        const int64_t i = all == 1 ? 0 : all == directions ? d : d * 8 + row;
        for (int64_t k = 0; k < depth; ++k) {
          const int q = At(integers, (d * depth + k) * 8 + row);
          real.push_back(scales[i] *
                         static_cast<float>(q - At(zero_points, i)));
        }
      }
    }
    return real;
  }
};

void ExpectSameAsFloats(const DynamicLstm& lstm) {
  const Tensor x = Of<float>(
      {4, 1, 3}, {1, -2, 0.5, 0, 1.5, 3, -1, -1, 2, 0.25, 0.75, -0.5});
  const auto real = RunOn(lstm.Floats(), {x});
  ASSERT_TRUE(real.ok()) << real.status();
  const auto expected = (*real)[0].tensor.data<float>();
  ASSERT_EQ(expected.size(), static_cast<size_t>(2 * lstm.directions));
  for (BackendChoice backend :
       {BackendChoice::kReference, BackendChoice::kDefault}) {
    const auto outputs = RunOn(lstm.Integers(), {x}, backend);
    ASSERT_TRUE(outputs.ok()) << outputs.status();
    const auto got = (*outputs)[0].tensor.data<float>();
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], expected[i], 1e-5);
    }
  }
}

TEST(QuantizedOperatorsTest, DynamicLstmIsThatOfItsReals) {
  DynamicLstm lstm;
  ExpectSameAsFloats(lstm);
  // A scale for each row of gates.
  lstm.scales = {0.01f, 0.02f, 0.005f, 0.01f, 0.03f, 0.01f, 0.02f, 0.015f};
  lstm.zero_points = Of<int8_t>({1, 8}, {0, 1, -1, 0, 0, 2, 0, 0});
  ExpectSameAsFloats(lstm);
  // uint8, whose difference to its zero point fits int8, or not.
  lstm.w = Of<uint8_t>({1, 3, 8}, DynamicLstm::Bytes<uint8_t>(24));
  lstm.r = Of<uint8_t>({1, 2, 8}, DynamicLstm::Bytes<uint8_t>(16));
  lstm.scales = {0.01f};
  lstm.zero_points = Of<uint8_t>({1}, {125});
  ExpectSameAsFloats(lstm);
  lstm.zero_points = Of<uint8_t>({1}, {3});
  ExpectSameAsFloats(lstm);
}

TEST(QuantizedOperatorsTest, DynamicLstmOfBothDirectionsIsThatOfItsReals) {
  DynamicLstm lstm;
  lstm.directions = 2;
  lstm.w = Of<int8_t>({2, 3, 8}, DynamicLstm::Bytes<int8_t>(48));
  lstm.r = Of<int8_t>({2, 2, 8}, DynamicLstm::Bytes<int8_t>(32));
  ExpectSameAsFloats(lstm);
  lstm.scales = {0.01f, 0.02f};
  lstm.zero_points = Of<int8_t>({2}, {0, 3});
  ExpectSameAsFloats(lstm);
}

TEST(QuantizedOperatorsTest, DynamicLstmOfOtherFormsIsRefused) {
  const auto message_of = [](const DynamicLstm& lstm) {
    const absl::Status status = RunOn(lstm.Integers(), {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  DynamicLstm lstm;
  lstm.scales = {0.1f, 0.2f, 0.3f};
  EXPECT_THAT(message_of(lstm),
              HasSubstr("W_scale has 3 elements; expected 1, 1 or 8"));
  lstm = {};
  lstm.zero_points = Of<uint8_t>({1}, {0});
  EXPECT_THAT(message_of(lstm), HasSubstr("W_zero_point is uint8"));
  lstm = {};
  ModelBuilder none = lstm.Integers();
  none.proto().mutable_graph()->mutable_node(0)->set_input(8, "");
  EXPECT_THAT(std::string(RunOn(none, {}).status().message()),
              HasSubstr("input 8 is missing; expected W_scale"));
  lstm.w = Of<int8_t>({3, 8}, DynamicLstm::Bytes<int8_t>(24));
  EXPECT_THAT(message_of(lstm), HasSubstr("W is int8[3, 8]"));
  lstm = {};
  lstm.r = Of<int8_t>({1, 0, 8}, {});
  EXPECT_THAT(message_of(lstm), HasSubstr("R is int8[1, 0, 8]"));
}

TEST(QuantizedOperatorsTest, OnePlainReadingAndOneOfReals) {
  ModelBuilder model(13);
  model.Input("x", {1, 2}).Output("y");
  model.Floats("s", {}, {0.5f}).Floats("t", {}, {2});
  model.Constant("z", Of<uint8_t>({}, {3}));
  model.Node("QuantizeLinear", {"x", "s", "z"}, {"q"});
  // The same integers under another scale.
  model.Node("DequantizeLinear", {"q", "t", "z"}, {"y"});
  EXPECT_THAT(Answer<float>(model, {Of<float>({1, 2}, {1, -1})}),
              ElementsAre(4, -4));
}

TEST(QuantizedOperatorsTest, RefusesWhatItDoesNotRun) {
  ModelBuilder model(19);
  model.Input("x", {1, 4}).Output("y");
  model.Floats("s", {}, {1});
  model.Node("QuantizeLinear", {"x", "s"}, {"y"}).Int("output_dtype", 17);
  EXPECT_EQ(RunOn(model, {}).status().code(), absl::StatusCode::kUnimplemented);
  ModelBuilder other(13);
  other.Input("x", {1, 4}).Output("y");
  other.Node("QMoE", {"x"}, {"y"}).Domain("com.microsoft");
  EXPECT_THAT(std::string(RunOn(other, {}).status().message()),
              HasSubstr("octet does not run this operator"));
}

}  // namespace
}  // namespace octet
