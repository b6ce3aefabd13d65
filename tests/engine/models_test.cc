// SPDX-License-Identifier: Apache-2.0
// Real float models against the answers of another runtime, on both backends
// and at several batch sizes.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "engine/tools/run_model.h"
#include "engine/tools/tolerance.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using tools::CheckClose;
using tools::Tolerance;

// How close two runtimes are that add the same numbers in another order.
constexpr double kRelative = 1e-3;
// Of the largest magnitude of the output.
constexpr double kAbsoluteShare = 1e-4;

constexpr const char* kModels[] = {"resnet20_cifar10",
                                   "resnet56_cifar10",
                                   "mobilenetv2_imagenet_fp32",
                                   "squeezenet_imagenet_fp32",
                                   "mobilenetv1_025_imagenet_fp32",
                                   "kws_dscnn_fp32",
                                   "ad01_autoencoder_fp32"};

std::string SharedFolder() {
  const char* shared = std::getenv("OCTET_SHARED");
  return shared != nullptr ? shared
                           : absl::StrCat(OCTET_SOURCE_DIR, "/../shared");
}

// One row of a model's input and the answer expected for it.
struct KnownRow {
  Tensor input;   // [1, row_shape...]
  Tensor output;  // [1, row_shape...]
  Tolerance tolerance;
};

double LargestMagnitude(const Tensor& tensor) {
  double largest = 0;
  for (float value : tensor.data<float>()) {
    largest = std::max<double>(largest, std::abs(value));
  }
  return largest;
}

absl::StatusOr<Tensor> ReadTensorProto(const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path));
  OCTET_ASSIGN_OR_RETURN(NamedTensor named, ParseTensorProto(bytes));
  return std::move(named.tensor);
}

// The rows of the two data sets of a model, in turn.
absl::StatusOr<std::vector<KnownRow>> ReadKnownRows(const std::string& model) {
  std::vector<KnownRow> rows;
  for (int set = 0; set < 2; ++set) {
    const std::string folder = absl::StrCat(SharedFolder(), "/data/reference/",
                                            model, "/test_data_set_", set);
    OCTET_ASSIGN_OR_RETURN(const Tensor input,
                           ReadTensorProto(folder + "/input_0.pb"));
    OCTET_ASSIGN_OR_RETURN(const Tensor output,
                           ReadTensorProto(folder + "/output_0.pb"));
    const Tolerance tolerance{kRelative,
                              kAbsoluteShare * LargestMagnitude(output)};
    for (int64_t row = 0; row < input.shape()[0]; ++row) {
      rows.push_back(
          {input.Rows(row, row + 1), output.Rows(row, row + 1), tolerance});
    }
  }
  return rows;
}

// Single rows, one under the other. REQUIRES: at least one, of equal shape.
Tensor Stacked(const std::vector<Tensor>& rows) {
  Shape shape = rows[0].shape();
  shape[0] = static_cast<int64_t>(rows.size());
  Tensor stacked(rows[0].dtype(), shape);
  std::byte* to = stacked.mutable_bytes();
  for (const Tensor& row : rows) {
    std::memcpy(to, row.bytes(), row.byte_size());
    to += row.byte_size();
  }
  return stacked;
}

// The first output of the model for `input`, computed `batch` rows at a time.
absl::StatusOr<Tensor> RunInBatches(const std::string& path,
                                    BackendChoice backend, int batch,
                                    const Tensor& input) {
  ModelOptions options;
  options.backend = backend;
  options.max_batch = batch;
  OCTET_ASSIGN_OR_RETURN(auto model, Model::FromFile(path, options));
  if (!model->batches()) {
    return absl::FailedPreconditionError(
        absl::StrCat("does not batch: ", model->why_not_batched()));
  }
  const NamedTensor named{model->inputs()[0].name, input};
  OCTET_ASSIGN_OR_RETURN(const tools::ModelAnswer answer,
                         tools::RunModel(model, {&named, 1}));
  return answer.outputs[0].tensor;
}

std::string BackendName(BackendChoice backend) {
  return backend == BackendChoice::kReference ? "reference" : "default";
}

class ModelsTest : public ::testing::TestWithParam<
                       std::tuple<const char*, BackendChoice, int>> {};

TEST_P(ModelsTest, FloatAnswersAreThoseOfAnotherRuntime) {
  const auto [name, backend, batch] = GetParam();
  const std::string path =
      absl::StrCat(SharedFolder(), "/data/models/", name, ".onnx");
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << path << " is not there; OCTET_SHARED names its folder";
  }
  const auto known = ReadKnownRows(name);
  ASSERT_TRUE(known.ok()) << known.status();

  // Full batches that hold every known row at least once.
  const size_t count = (known->size() + batch - 1) / batch * batch;
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < count; ++i) {
    inputs.push_back((*known)[i % known->size()].input);
  }
  const auto output = RunInBatches(path, backend, batch, Stacked(inputs));
  ASSERT_TRUE(output.ok()) << output.status();
  for (size_t i = 0; i < count; ++i) {
    const KnownRow& row = (*known)[i % known->size()];
    const absl::Status close =
        CheckClose(output->Rows(i, i + 1), row.output, row.tolerance);
    EXPECT_TRUE(close.ok()) << "row " << i << ": " << close;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, ModelsTest,
    ::testing::Combine(::testing::ValuesIn(kModels),
                       ::testing::Values(BackendChoice::kDefault,
                                         BackendChoice::kReference),
                       ::testing::Values(1, 3, 8)),
    [](const auto& info) {
      return absl::StrCat(std::get<0>(info.param), "_",
                          BackendName(std::get<1>(info.param)), "_",
                          std::get<2>(info.param));
    });

// The sample has no answers of another runtime; the reference backend has the
// say.
TEST(SampleModelTest, BothBackendsGiveTheSameAnswersAtEveryBatch) {
  const std::string folder = absl::StrCat(OCTET_SOURCE_DIR, "/deploy/sample");
  const std::string path = folder + "/printed_characters.onnx";
  const auto images = io::ReadNpy(folder + "/evaluation_images.npy");
  ASSERT_TRUE(images.ok()) << images.status();
  constexpr int64_t kPictures = 24;  // full batches of 1, 3 and 8
  const Tensor some = images->Rows(0, kPictures);
  Tensor input(DType::kFloat32, {kPictures, 1, 32, 32});
  std::transform(some.data<uint8_t>().begin(), some.data<uint8_t>().end(),
                 input.mutable_data<float>().begin(),
                 [](uint8_t pixel) { return pixel / 255.0f; });
  const auto expected = RunInBatches(path, BackendChoice::kReference, 1, input);
  ASSERT_TRUE(expected.ok()) << expected.status();
  const Tolerance tolerance{kRelative,
                            kAbsoluteShare * LargestMagnitude(*expected)};
  for (BackendChoice backend :
       {BackendChoice::kDefault, BackendChoice::kReference}) {
    for (int batch : {1, 3, 8}) {
      const auto output = RunInBatches(path, backend, batch, input);
      ASSERT_TRUE(output.ok()) << output.status();
      const absl::Status close = CheckClose(*output, *expected, tolerance);
      EXPECT_TRUE(close.ok())
          << BackendName(backend) << " " << batch << ": " << close;
    }
  }
}

}  // namespace
}  // namespace octet
