// SPDX-License-Identifier: Apache-2.0
// Loading with ModelOptions::keep_faster_float. CMakeLists.txt runs it with the
// kernels of this machine and with the portable ones, whose integers lose.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using testing::Contains;
using testing::IsEmpty;

std::string SamplePath(const std::string& file) {
  return OCTET_SOURCE_DIR "/deploy/sample/" + file;
}

// uint8 [n, 32, 32] -> float32 [n, 1, 32, 32], grey value / 255.
Tensor Pictures() {
  const auto bytes = io::ReadNpy(SamplePath("calibration_images.npy"));
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  const Tensor some = bytes->Rows(0, 32);
  Tensor reals(DType::kFloat32, {32, 1, 32, 32});
  std::transform(some.data<uint8_t>().begin(), some.data<uint8_t>().end(),
                 reals.mutable_data<float>().begin(),
                 [](uint8_t byte) { return static_cast<float>(byte) / 255; });
  return reals;
}

std::string FloatModel() {
  auto bytes = io::ReadFile(SamplePath("printed_characters.onnx"));
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return *std::move(bytes);
}

std::string Int8Model() {
  const NamedTensor calibration{"image", Pictures()};
  const auto result = Quantize(FloatModel(), {&calibration, 1}, {}, nullptr);
  EXPECT_TRUE(result.ok()) << result.status();
  return result->model;
}

std::shared_ptr<const Model> Load(const std::string& bytes, bool keep) {
  ModelOptions options;
  options.keep_faster_float = keep;
  auto model = Model::FromBytes(bytes, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

std::vector<float> Answers(const std::shared_ptr<const Model>& model) {
  const Tensor rows = Pictures();
  auto executor = Executor::Create(model);
  EXPECT_TRUE(executor.ok()) << executor.status();
  Tensor output(DType::kFloat32, {32, model->outputs()[0].row_shape[0]});
  const void* input = rows.bytes();
  void* to = output.mutable_bytes();
  const RowBlock block{32, {&input, 1}, {&to, 1}};
  EXPECT_TRUE((*executor)->Run({&block, 1}, nullptr).ok());
  return {output.data<float>().begin(), output.data<float>().end()};
}

TEST(KeepFasterFloatTest, WhatIsKeptFloatComputesInFloatAndAnswersAlike) {
  const std::string bytes = Int8Model();
  const auto plain = Load(bytes, false);
  const auto chosen = Load(bytes, true);
  EXPECT_THAT(plain->slower_layers(), IsEmpty());
  for (const SlowerLayers& layers : chosen->slower_layers()) {
    EXPECT_GT(layers.int8_ms, layers.float_ms);
    // What a busy machine makes look like more than the layers take is no gain.
    const bool plausible =
        layers.network_int8_ms - layers.network_float_ms <= layers.int8_ms;
    EXPECT_EQ(
        layers.kept_float,
        plausible && layers.network_int8_ms >= 1.02 * layers.network_float_ms);
    for (const std::string& node : layers.nodes) {
      for (const StepDescription& step : chosen->Steps()) {
        if (step.name != node) continue;
        EXPECT_EQ(absl::StartsWith(step.types, "float32"), layers.kept_float)
            << node << ": " << step.types;
      }
    }
  }
  const std::vector<float> a = Answers(plain);
  const std::vector<float> b = Answers(chosen);
  double signal = 0;
  double noise = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    signal += double{a[i]} * a[i];
    noise += std::pow(double{a[i]} - b[i], 2);
  }
  EXPECT_GE(signal, 100 * noise);
}

TEST(KeepFasterFloatTest, FloatModelsAndExactOnesStayAsTheyAre) {
  EXPECT_THAT(Load(FloatModel(), true)->slower_layers(), IsEmpty());
  ModelOptions options;
  options.keep_faster_float = true;
  options.exact_qdq = true;
  const auto model = Model::FromBytes(Int8Model(), options);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT((*model)->slower_layers(), IsEmpty());
}

}  // namespace
}  // namespace octet
