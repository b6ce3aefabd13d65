// SPDX-License-Identifier: Apache-2.0
// Quantizing models whose inputs and outputs are halves: what is measured of
// them counts as it does of float32.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/base/half_tensors.h"
#include "engine/engine.h"
#include "engine/evaluation/evaluation.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

namespace octet {
namespace {

using ::onnx::TensorProto;
using testing::HasSubstr;

constexpr int64_t kWidth = 16;
constexpr int64_t kSamples = 32;

class QuantizeHalvesTest : public testing::TestWithParam<DType> {
 protected:
  int32_t onnx_type() const {
    return GetParam() == DType::kFloat16 ? TensorProto::FLOAT16
                                         : TensorProto::BFLOAT16;
  }

  // x [N, 16] -> relu(x w) w, all of it in halves.
  std::string HalfModel() const {
    onnx::ModelBuilder model(13);
    model.Input("x", {-1, kWidth}, onnx_type()).Output("y");
    model.proto()
        .mutable_graph()
        ->mutable_output(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->set_elem_type(onnx_type());
    model.Constant("w",
                   RoundedToHalf(Wave({kWidth, kWidth}, 0.7f), GetParam()));
    model.Node("MatMul", {"x", "w"}, {"a"});
    model.Node("Relu", {"a"}, {"r"});
    model.Node("MatMul", {"r", "w"}, {"y"});
    return model.Bytes();
  }

  static Tensor Wave(const Shape& shape, float step) {
    Tensor tensor(DType::kFloat32, shape);
    float at = 0;
    for (float& value : tensor.mutable_data<float>()) {
      value = std::sin(at);
      at += step;
    }
    return tensor;
  }

  static NamedTensor Samples() {
    return {"x", Wave({kSamples, kWidth}, 0.37f)};
  }
};

INSTANTIATE_TEST_SUITE_P(Types, QuantizeHalvesTest,
                         testing::Values(DType::kFloat16, DType::kBFloat16));

TEST_P(QuantizeHalvesTest, DecibelsAreOfTheHalvesThatCallersGet) {
  const NamedTensor samples = {"x",
                               RoundedToHalf(Samples().tensor, GetParam())};
  const auto result =
      Quantize(HalfModel(), {&samples, 1}, QuantizationOptions(), nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->sqnr_db, 20);
  EXPECT_LT(result->sqnr_db, 60);
}

TEST_P(QuantizeHalvesTest, Float32SamplesAreRounded) {
  const NamedTensor halves = {"x", RoundedToHalf(Samples().tensor, GetParam())};
  const NamedTensor floats = Samples();
  const auto expected =
      Quantize(HalfModel(), {&halves, 1}, QuantizationOptions(), nullptr);
  const auto result =
      Quantize(HalfModel(), {&floats, 1}, QuantizationOptions(), nullptr);
  ASSERT_TRUE(expected.ok() && result.ok()) << result.status();
  EXPECT_EQ(result->sqnr_db, expected->sqnr_db);
  EXPECT_EQ(result->tensors[0].scales, expected->tensors[0].scales);
}

TEST_P(QuantizeHalvesTest, HistogramFindsRemediesThatHelp) {
  const NamedTensor samples = Samples();
  QuantizationOptions options;
  options.method = QuantizationMethod::kHistogram;
  const auto result = Quantize(HalfModel(), {&samples, 1}, options, nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_FALSE(result->remedies.empty());
  for (const RemedyEffect& remedy : result->remedies) {
    EXPECT_LT(remedy.before_db, 60) << remedy.name;
  }
}

TEST_P(QuantizeHalvesTest, SamplesAreMadeUpOfHalves) {
  const InputRange range{"x", {-2}, {3}};
  const auto samples = MakeSyntheticSamples(HalfModel(), {&range, 1});
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->tensors.size(), 1u);
  EXPECT_EQ(samples->tensors[0].tensor.dtype(), GetParam());
  const Tensor floats = WithoutHalves(samples->tensors[0].tensor);
  const auto [low, high] = std::minmax_element(floats.data<float>().begin(),
                                               floats.data<float>().end());
  EXPECT_THAT(*low, ::testing::AllOf(::testing::Ge(-2), ::testing::Le(-1.9)));
  EXPECT_THAT(*high, ::testing::AllOf(::testing::Ge(2.9), ::testing::Le(3)));
  QuantizationOptions options;
  options.synthetic = samples->inputs;
  const auto result = Quantize(HalfModel(), samples->tensors, options, nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->sqnr_db, 25);

  const InputRange wide{"x", {-1e5f}, {1e5f}};
  const auto refused = MakeSyntheticSamples(HalfModel(), {&wide, 1});
  EXPECT_EQ(refused.ok(), GetParam() == DType::kBFloat16) << refused.status();
}

TEST_P(QuantizeHalvesTest, SamplesThatAreNotFiniteAreRefused) {
  NamedTensor samples = Samples();
  samples.tensor.mutable_data<float>()[5] =
      std::numeric_limits<float>::infinity();
  samples.tensor = RoundedToHalf(samples.tensor, GetParam());
  const auto result =
      Quantize(HalfModel(), {&samples, 1}, QuantizationOptions(), nullptr);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("holds inf at element 5"));
}

TEST_P(QuantizeHalvesTest, EvaluationCountsHalves) {
  const NamedTensor samples = Samples();
  const auto result =
      Quantize(HalfModel(), {&samples, 1}, QuantizationOptions(), nullptr);
  ASSERT_TRUE(result.ok()) << result.status();
  EvaluationOptions options;
  options.layer_samples = 0;
  options.timing = absl::ZeroDuration();
  const auto evaluation =
      Evaluate(HalfModel(), result->model, {&samples, 1}, options, nullptr);
  ASSERT_TRUE(evaluation.ok()) << evaluation.status();
  EXPECT_FALSE(evaluation->identical);
  EXPECT_LT(evaluation->sqnr_db.value, 60);
  EXPECT_TRUE(evaluation->agreement.has_value());
}

}  // namespace
}  // namespace octet
