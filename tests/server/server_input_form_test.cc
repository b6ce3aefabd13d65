// SPDX-License-Identifier: Apache-2.0
//
// Models whose config.pbtxt declares how callers send their pictures, in the
// server with the real engine, against callers who do that work themselves.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/half_types.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/inference.grpc.pb.h"
#include "server/server.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kPixels = 32 * 32;
constexpr float kMean = 12.5f;
constexpr float kScale = 0.00390625f;
// Longer than anything takes on a loaded machine; only a hang runs into it.
constexpr absl::Duration kHang = absl::Minutes(5);

std::string SamplePath(const std::string& file) {
  return absl::StrCat(OCTET_SOURCE_DIR, "/deploy/sample/", file);
}

std::string Parameter(const std::string& key, const std::string& value) {
  return absl::StrCat("parameters { key: \"input.image.", key,
                      "\" value { string_value: \"", value, "\" } }\n");
}

// The sample model, float and int8.
struct SampleModels {
  SampleModels() {
    auto bytes = io::ReadFile(SamplePath("printed_characters.onnx"));
    auto pictures = io::ReadNpy(SamplePath("calibration_images.npy"));
    EXPECT_TRUE(bytes.ok() && pictures.ok());
    if (!bytes.ok() || !pictures.ok()) return;
    Tensor reals(DType::kFloat32, {pictures->shape()[0], 1, 32, 32});
    for (int64_t i = 0; i < reals.size(); ++i) {
      reals.mutable_data<float>()[i] =
          (static_cast<float>(pictures->data<uint8_t>()[i]) - kMean) * kScale;
    }
    const NamedTensor calibration = {"image", std::move(reals)};
    auto quantized = Quantize(*bytes, {&calibration, 1}, {}, nullptr);
    EXPECT_TRUE(quantized.ok()) << quantized.status();
    if (!quantized.ok()) return;
    float_model = *std::move(bytes);
    int8_model = std::move(quantized->model);
  }

  std::string float_model;
  std::string int8_model;
};

const SampleModels& TheSampleModels() {
  static const SampleModels* const models = new SampleModels();
  return *models;
}

class ServerInputFormTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_FALSE(TheSampleModels().int8_model.empty());
    auto pictures = io::ReadNpy(SamplePath("evaluation_images.npy"));
    ASSERT_TRUE(pictures.ok()) << pictures.status();
    pictures_ = *std::move(pictures);
  }

  void AddModel(const std::string& name, const std::string& bytes,
                const std::string& configuration) {
    folder_.Write(absl::StrCat(name, "/1/model.onnx"), bytes);
    if (!configuration.empty()) {
      folder_.Write(absl::StrCat(name, "/config.pbtxt"), configuration);
    }
  }

  void Start() {
    EngineFunctions engine;
    engine.load = [](const std::string& path, const ModelOptions& options) {
      return Model::FromFile(path, options);
    };
    engine.make_executor = [](std::shared_ptr<const Model> model) {
      return Executor::Create(std::move(model));
    };
    engine.load_bytes = [](absl::string_view bytes,
                           const ModelOptions& options) {
      return Model::FromBytes(bytes, options);
    };
    engine.quantize = Quantize;
    engine.make_synthetic_samples = MakeSyntheticSamples;
    engine.evaluate = Evaluate;
    ServerConfig config;
    config.model_repository = folder_.path();
    config.bind_address = "127.0.0.1";
    config.grpc_port = 0;
    config.http_port = 0;
    auto server = Server::Start(config, engine, {"test", "test"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    ASSERT_TRUE(server_->Load().ok());
    inference_ = inference::GRPCInferenceService::NewStub(
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->grpc_port()),
                            grpc::InsecureChannelCredentials()));
  }

  static std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(absl::ToChronoTime(absl::Now() + kHang));
    context->set_wait_for_ready(true);
    return context;
  }

  // A request of the first `rows` pictures as `raw`, [rows, `row`...].
  static inference::ModelInferRequest Request(const std::string& model,
                                              const std::string& datatype,
                                              const Shape& row, int64_t rows,
                                              std::string raw) {
    inference::ModelInferRequest request;
    request.set_model_name(model);
    auto* const input = request.add_inputs();
    input->set_name("image");
    input->set_datatype(datatype);
    input->add_shape(rows);
    for (const int64_t dim : row) input->add_shape(dim);
    request.add_raw_input_contents(std::move(raw));
    return request;
  }

  // The bytes of the logits.
  std::string Answer(const inference::ModelInferRequest& request) {
    inference::ModelInferResponse response;
    const grpc::Status status =
        inference_->ModelInfer(Context().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.raw_output_contents_size() == 1
               ? response.raw_output_contents(0)
               : std::string();
  }

  // The pictures as they are, 8-bit grey, and as the model wants them.
  std::string Bytes(int64_t rows) const {
    return std::string(reinterpret_cast<const char*>(pictures_.bytes()),
                       rows * kPixels);
  }
  std::string Floats(int64_t rows) const {
    std::vector<float> values;
    for (const uint8_t grey :
         pictures_.data<uint8_t>().subspan(0, rows * kPixels)) {
      values.push_back((static_cast<float>(grey) - kMean) * kScale);
    }
    return std::string(reinterpret_cast<const char*>(values.data()),
                       values.size() * sizeof(float));
  }
  std::string Halves(int64_t rows) const {
    std::vector<uint16_t> values;  // every grey value is one exactly
    for (const uint8_t grey :
         pictures_.data<uint8_t>().subspan(0, rows * kPixels)) {
      values.push_back(HalfFromFloat(grey));
    }
    return std::string(reinterpret_cast<const char*>(values.data()),
                       values.size() * sizeof(uint16_t));
  }

  ScratchFolder folder_;
  Tensor pictures_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> inference_;
};

TEST_F(ServerInputFormTest, BytesAndHalvesAreAnsweredAsFloatsAre) {
  const std::string numbers = Parameter("mean", absl::StrCat(kMean)) +
                              Parameter("scale", absl::StrCat(kScale));
  const std::string bytes_last =
      Parameter("datatype", "UINT8") + Parameter("layout", "NHWC") + numbers;
  const std::string halves = Parameter("datatype", "FP16") + numbers;
  const SampleModels& sample = TheSampleModels();
  for (const auto& [kind, model] :
       {std::pair<std::string, const std::string&>{"float", sample.float_model},
        {"int8", sample.int8_model}}) {
    AddModel(kind, model, "");
    AddModel(absl::StrCat(kind, "_bytes"), model, bytes_last);
    AddModel(absl::StrCat(kind, "_halves"), model, halves);
  }
  ASSERT_NO_FATAL_FAILURE(Start());
  for (const std::string kind : {"float", "int8"}) {
    for (const int64_t rows : {1, 3, 8, 20}) {
      const std::string expected =
          Answer(Request(kind, "FP32", {1, 32, 32}, rows, Floats(rows)));
      ASSERT_EQ(expected.size(), rows * 36 * sizeof(float));
      EXPECT_EQ(Answer(Request(absl::StrCat(kind, "_bytes"), "UINT8",
                               {32, 32, 1}, rows, Bytes(rows))),
                expected)
          << kind << ", " << rows << " rows of bytes";
      EXPECT_EQ(Answer(Request(absl::StrCat(kind, "_halves"), "FP16",
                               {1, 32, 32}, rows, Halves(rows))),
                expected)
          << kind << ", " << rows << " rows of halves";
    }
  }
}

TEST_F(ServerInputFormTest, TypedContentsAndMetadataAreInTheCallersForm) {
  AddModel("pictures", TheSampleModels().int8_model,
           Parameter("datatype", "UINT8") + Parameter("layout", "NHWC"));
  ASSERT_NO_FATAL_FAILURE(Start());
  inference::ModelMetadataRequest ask;
  ask.set_name("pictures");
  inference::ModelMetadataResponse metadata;
  ASSERT_TRUE(inference_->ModelMetadata(Context().get(), ask, &metadata).ok());
  ASSERT_EQ(metadata.inputs_size(), 1);
  EXPECT_EQ(metadata.inputs(0).datatype(), "UINT8");
  EXPECT_THAT(metadata.inputs(0).shape(), ElementsAre(-1, 32, 32, 1));

  const auto raw = Request("pictures", "UINT8", {32, 32, 1}, 2, Bytes(2));
  inference::ModelInferRequest typed = raw;
  typed.clear_raw_input_contents();
  for (const char byte : Bytes(2)) {
    typed.mutable_inputs(0)->mutable_contents()->add_uint_contents(
        static_cast<uint8_t>(byte));
  }
  EXPECT_EQ(Answer(typed), Answer(raw));

  inference::ModelInferResponse response;
  const grpc::Status status = inference_->ModelInfer(
      Context().get(), Request("pictures", "FP32", {1, 32, 32}, 2, Floats(2)),
      &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("UINT8"));
}

TEST_F(ServerInputFormTest, FormThatDoesNotFitIsToldInTheIndex) {
  AddModel("pictures", TheSampleModels().int8_model,
           Parameter("datatype", "UINT8") + Parameter("mean", "1,2,3"));
  ASSERT_NO_FATAL_FAILURE(Start());
  inference::RepositoryIndexResponse index;
  ASSERT_TRUE(inference_->RepositoryIndex(Context().get(), {}, &index).ok());
  ASSERT_EQ(index.models_size(), 1);
  EXPECT_EQ(index.models(0).state(), "UNAVAILABLE");
  EXPECT_THAT(index.models(0).reason(),
              HasSubstr("got 3 numbers for its mean; the model has 1 channel"));
}

}  // namespace
}  // namespace octet
