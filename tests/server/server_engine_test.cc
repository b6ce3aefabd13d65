// SPDX-License-Identifier: Apache-2.0
//
// The server with the real engine and the sample model.
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/inference.grpc.pb.h"
#include "proto/octet/v1/quantization.grpc.pb.h"
#include "server/server.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

constexpr char kModel[] = "printed_characters";
constexpr int64_t kPixels = 32 * 32;
constexpr int64_t kClasses = 36;
// Longer than anything takes on a loaded machine; only a hang runs into it.
constexpr absl::Duration kHang = absl::Minutes(5);

std::string SamplePath(const std::string& file) {
  return absl::StrCat(OCTET_SOURCE_DIR, "/deploy/sample/", file);
}

// Pictures as the model wants them: [pictures, 1, 32, 32], 0 to 1.
std::vector<float> ReadPictures(const std::string& file) {
  const auto tensor = io::ReadNpy(SamplePath(file));
  EXPECT_TRUE(tensor.ok()) << tensor.status();
  std::vector<float> pixels;
  if (!tensor.ok()) return pixels;
  for (const uint8_t grey : tensor->data<uint8_t>()) {
    pixels.push_back(static_cast<float>(grey) / 255.0f);
  }
  return pixels;
}

class ServerEngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream file(SamplePath("printed_characters.onnx"), std::ios::binary);
    std::ostringstream bytes;
    bytes << file.rdbuf();
    ASSERT_FALSE(bytes.str().empty());
    folder_.Write(absl::StrCat(kModel, "/1/model.onnx"), bytes.str());

    EngineFunctions engine;
    engine.load = [](const std::string& path, const ModelOptions& options) {
      return Model::FromFile(path, options);
    };
    engine.load_bytes = [](absl::string_view bytes,
                           const ModelOptions& options) {
      return Model::FromBytes(bytes, options);
    };
    engine.make_executor = [](std::shared_ptr<const Model> model) {
      return Executor::Create(std::move(model));
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
    channel_ =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->grpc_port()),
                            grpc::InsecureChannelCredentials());
    inference_ = inference::GRPCInferenceService::NewStub(channel_);
    pictures_ = ReadPictures("evaluation_images.npy");
  }

  static std::unique_ptr<grpc::ClientContext> Context() {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(absl::ToChronoTime(absl::Now() + kHang));
    context->set_wait_for_ready(true);
    return context;
  }

  // The logits of evaluation pictures [first, first + rows).
  std::vector<float> Infer(int64_t first, int64_t rows) {
    inference::ModelInferRequest request;
    request.set_model_name(kModel);
    auto* const input = request.add_inputs();
    input->set_name("image");
    input->set_datatype("FP32");
    for (const int64_t dim : {rows, int64_t{1}, int64_t{32}, int64_t{32}}) {
      input->add_shape(dim);
    }
    request.add_raw_input_contents(
        std::string(reinterpret_cast<const char*>(&pictures_[first * kPixels]),
                    rows * kPixels * sizeof(float)));
    inference::ModelInferResponse response;
    const grpc::Status status =
        inference_->ModelInfer(Context().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<float> logits(rows * kClasses);
    if (response.raw_output_contents_size() == 1 &&
        response.raw_output_contents(0).size() ==
            logits.size() * sizeof(float)) {
      std::memcpy(logits.data(), response.raw_output_contents(0).data(),
                  logits.size() * sizeof(float));
    } else {
      ADD_FAILURE() << "not the bytes of " << rows << " rows";
    }
    return logits;
  }

  // Quantizes the sample over the wire and loads the result.
  void QuantizeSample(v1::QuantizeResult* result) {
    const std::vector<float> samples = ReadPictures("calibration_images.npy");
    const int64_t count = static_cast<int64_t>(samples.size()) / kPixels;

    const auto stub = v1::QuantizationService::NewStub(channel_);
    const auto context = Context();
    const auto stream = stub->Quantize(context.get());
    v1::QuantizeRequest request;
    request.mutable_settings()->set_model_name(kModel);
    request.mutable_settings()->set_method(v1::METHOD_LINEAR);
    request.mutable_settings()->set_activation_scheme(
        v1::ACTIVATION_SCHEME_ASYMMETRIC);
    request.mutable_settings()->set_load_when_done(true);
    ASSERT_TRUE(stream->Write(request));
    constexpr int64_t kChunk = 50;
    for (int64_t first = 0; first < count; first += kChunk) {
      const int64_t rows = std::min(kChunk, count - first);
      request.Clear();
      auto* const input = request.mutable_calibration()->add_inputs();
      input->set_name("image");
      input->set_datatype("FP32");
      for (const int64_t dim : {rows, int64_t{1}, int64_t{32}, int64_t{32}}) {
        input->add_shape(dim);
      }
      input->set_raw_contents(
          std::string(reinterpret_cast<const char*>(&samples[first * kPixels]),
                      rows * kPixels * sizeof(float)));
      ASSERT_TRUE(stream->Write(request));
    }
    stream->WritesDone();
    v1::QuantizeResponse response;
    int told = 0;
    while (stream->Read(&response)) {
      if (response.has_progress()) ++told;
      if (response.has_result()) *result = response.result();
    }
    const grpc::Status status = stream->Finish();
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_GT(told, 0);
    EXPECT_EQ(result->samples(), count);
  }

  int64_t pictures() const {
    return static_cast<int64_t>(pictures_.size()) / kPixels;
  }

  // How many of the evaluation pictures are read rightly.
  int64_t CountRight() {
    const auto labels = io::ReadNpy(SamplePath("evaluation_labels.npy"));
    EXPECT_TRUE(labels.ok()) << labels.status();
    if (!labels.ok()) return 0;
    constexpr int64_t kRows = 12;  // more than a batch
    int64_t right = 0;
    for (int64_t first = 0; first < pictures(); first += kRows) {
      const int64_t rows = std::min(kRows, pictures() - first);
      const std::vector<float> logits = Infer(first, rows);
      for (int64_t row = 0; row < rows; ++row) {
        const auto begin = logits.begin() + row * kClasses;
        const int64_t best = std::max_element(begin, begin + kClasses) - begin;
        if (best == labels->data<int64_t>()[first + row]) ++right;
      }
    }
    return right;
  }

  ScratchFolder folder_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> inference_;
  std::vector<float> pictures_;
};

TEST_F(ServerEngineTest, AnswersAreThoseOfTheEngineInProcess) {
  auto model =
      Model::FromFile(SamplePath("printed_characters.onnx"), ModelOptions{});
  ASSERT_TRUE(model.ok()) << model.status();
  auto executor = Executor::Create(*model);
  ASSERT_TRUE(executor.ok()) << executor.status();
  for (const int64_t rows : {1, 3, 8, 20}) {
    std::vector<float> expected(rows * kClasses);
    const void* inputs[] = {pictures_.data()};
    void* outputs[] = {expected.data()};
    const RowBlock block = {rows, inputs, outputs};
    ASSERT_TRUE((*executor)->Run({&block, 1}, nullptr).ok());
    // Bit by bit: the wire changes nothing.
    EXPECT_EQ(Infer(0, rows), expected) << rows << " rows";
  }
}

TEST_F(ServerEngineTest, Int8AnswersDoNotDependOnNeighbours) {
  v1::QuantizeResult result;
  ASSERT_NO_FATAL_FAILURE(QuantizeSample(&result));
  constexpr int kThreads = 4;
  constexpr int kRequests = 12;
  const std::vector<float> expected = Infer(0, kThreads * kRequests);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRequests; ++i) {
        const int64_t picture = t * kRequests + i;
        const auto begin = expected.begin() + picture * kClasses;
        EXPECT_EQ(Infer(picture, 1),
                  std::vector<float>(begin, begin + kClasses));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ServerEngineTest, QuantizesTheSampleOverTheWireAndServesTheResult) {
  const int64_t right_float = CountRight();
  v1::QuantizeResult result;
  ASSERT_NO_FATAL_FAILURE(QuantizeSample(&result));
  EXPECT_EQ(result.model_version(), "2");
  EXPECT_GT(result.integer_steps(), result.float_steps());
  // A quarter, and the scales on top.
  EXPECT_LT(result.quantized_bytes(), result.float_bytes() / 2);

  const int64_t right_int8 = CountRight();
  RecordProperty("right_float", static_cast<int>(right_float));
  RecordProperty("right_int8", static_cast<int>(right_int8));
  // The sample is chosen to be easy: neither may be wrong often, and 8 bits
  // may cost one picture in a hundred.
  EXPECT_GE(right_float, pictures() * 9 / 10);
  EXPECT_GE(right_int8, right_float - pictures() / 100);
}

}  // namespace
}  // namespace octet
