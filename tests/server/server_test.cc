// SPDX-License-Identifier: Apache-2.0
//
// The inference protocol over a real channel.
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/inference.grpc.pb.h"
#include "tests/server/pending_infer.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

using ServerTest = ServerFixture;

TEST_F(ServerTest, TellsWhatItIs) {
  Start();
  inference::ServerLiveResponse live;
  ASSERT_TRUE(inference_->ServerLive(Context().get(), {}, &live).ok());
  EXPECT_TRUE(live.live());
  EXPECT_TRUE(Ready());
  inference::ServerMetadataResponse metadata;
  ASSERT_TRUE(inference_->ServerMetadata(Context().get(), {}, &metadata).ok());
  EXPECT_EQ(metadata.name(), "octet");
  EXPECT_EQ(metadata.version(), "9.8.7");
  EXPECT_THAT(metadata.extensions(),
              UnorderedElementsAre(
                  "binary_tensor_data", "classification", "model_configuration",
                  "model_repository", "model_repository(unload_dependents)",
                  "parameters", "schedule_policy", "statistics",
                  "system_shared_memory", "trace", "logging"));
}

TEST_F(ServerTest, DescribesItsModels) {
  folder_.Write("m/3/model.onnx", "scale 2");
  folder_.Write("w/1/model.onnx", "whole");
  Start();
  inference::ModelMetadataRequest request;
  request.set_name("m");
  inference::ModelMetadataResponse metadata;
  ASSERT_TRUE(
      inference_->ModelMetadata(Context().get(), request, &metadata).ok());
  EXPECT_EQ(metadata.name(), "m");
  EXPECT_EQ(metadata.platform(), "octet_onnx");
  EXPECT_THAT(metadata.versions(), ElementsAre("3"));
  ASSERT_EQ(metadata.inputs_size(), 1);
  EXPECT_EQ(metadata.inputs(0).name(), "x");
  EXPECT_EQ(metadata.inputs(0).datatype(), "FP32");
  EXPECT_THAT(metadata.inputs(0).shape(), ElementsAre(-1, 4));
  EXPECT_THAT(metadata.outputs(0).shape(), ElementsAre(-1, 4));

  request.set_name("w");
  inference::ModelMetadataResponse whole;
  ASSERT_TRUE(inference_->ModelMetadata(Context().get(), request, &whole).ok());
  EXPECT_THAT(whole.inputs(0).shape(), ElementsAre(2, 2));
}

TEST_F(ServerTest, ModelReadyIsFalseForWhatIsNotThere) {
  folder_.Write("m/1/model.onnx", "scale 2");
  Start();
  inference::ModelReadyRequest request;
  inference::ModelReadyResponse response;
  request.set_name("m");
  ASSERT_TRUE(inference_->ModelReady(Context().get(), request, &response).ok());
  EXPECT_TRUE(response.ready());
  request.set_name("zebra");
  ASSERT_TRUE(inference_->ModelReady(Context().get(), request, &response).ok());
  EXPECT_FALSE(response.ready());
  request.set_name("../m");
  EXPECT_EQ(
      inference_->ModelReady(Context().get(), request, &response).error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, AnswersRawRequests) {
  folder_.Write("m/1/model.onnx", "scale 3");
  Start();
  inference::ModelInferRequest request =
      FloatRequest("m", {1, 2, 3, 4, 5, 6, 7, 8});
  request.set_id("request-7");
  request.add_outputs()->set_name("y");
  inference::ModelInferResponse response;
  const grpc::Status status = Infer(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.model_name(), "m");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "request-7");
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).name(), "y");
  EXPECT_EQ(response.outputs(0).datatype(), "FP32");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 4));
  EXPECT_THAT(Floats(response.raw_output_contents(0)),
              ElementsAre(3, 6, 9, 12, 15, 18, 21, 24));
}

TEST_F(ServerTest, AnswersTypedRequests) {
  folder_.Write("m/1/model.onnx", "scale 3");
  Start();
  inference::ModelInferRequest request = FloatRequest("m", {0, 0, 0, 0});
  request.clear_raw_input_contents();
  for (const float value : {1.5f, -1.0f, 0.0f, 4.0f}) {
    request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(value);
  }
  EXPECT_THAT(Answer(request), ElementsAre(4.5f, -3, 0, 12));
}

TEST_F(ServerTest, ARequestLargerThanABatchIsOneRequestStill) {
  folder_.Write("m/1/model.onnx", "scale 2");
  Start();
  const std::vector<float> values(4 * 50, 1.0f);
  EXPECT_EQ(Answer(FloatRequest("m", values)),
            std::vector<float>(4 * 50, 2.0f));
}

TEST_F(ServerTest, ErrorsSayWhatAndWhere) {
  folder_.Write("m/2/model.onnx", "scale 1");
  Start();
  inference::ModelInferResponse response;
  grpc::Status status = Infer(FloatRequest("zebra", {1, 2, 3, 4}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("zebra"), HasSubstr("loaded: m")));

  inference::ModelInferRequest request = FloatRequest("m", {1, 2, 3, 4});
  request.set_model_version("5");
  status = Infer(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(status.error_message(), HasSubstr("version 2 is loaded"));

  for (const char* name : {"", "../m", "a/b"}) {
    request.set_model_name(name);
    request.set_model_version("");
    EXPECT_EQ(Infer(request, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << name;
  }

  request = FloatRequest("m", {1, 2, 3, 4});
  request.mutable_inputs(0)->set_datatype("INT8");
  status = Infer(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("model 'm'"), HasSubstr("input 'x'"),
                    HasSubstr("INT8"), HasSubstr("FP32")));
}

TEST_F(ServerTest, RequestParametersAreHonouredOrRefused) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  inference::ModelInferResponse response;
  inference::ModelInferRequest request = FloatRequest("m", {1, 2, 3, 4});
  auto& parameters = *request.mutable_parameters();
  parameters["priority"].set_uint64_param(1);
  parameters["timeout"].set_int64_param(60'000'000);
  parameters["my_own"].set_string_param("ignored");
  EXPECT_TRUE(Infer(request, &response).ok());
  parameters["timeout"].set_string_param("soon");
  EXPECT_EQ(Infer(request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  parameters["timeout"].set_int64_param(-5);
  EXPECT_EQ(Infer(request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  parameters.erase("timeout");
  parameters["sequence_id"].set_int64_param(4);
  EXPECT_EQ(Infer(request, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(ServerTest, AFailingRunIsAnInternalError) {
  folder_.Write("f/1/model.onnx", "fail");
  Start();
  inference::ModelInferResponse response;
  const grpc::Status status = Infer(FloatRequest("f", {1, 2, 3, 4}), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), HasSubstr("the fake model fails"));
}

TEST_F(ServerTest, AFullQueueAnswersAtOnceWithAHint) {
  config_.queue_rows = 1;
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  engine_.Hold();
  PendingInfer running(inference_.get(), Context(),
                       FloatRequest("m", {1, 2, 3, 4}));
  engine_.AwaitWaiting(1);
  // The lane is busy: one row waits, a second one does not fit.
  std::vector<std::unique_ptr<PendingInfer>> two;
  for (int i = 0; i < 2; ++i) {
    two.push_back(std::make_unique<PendingInfer>(
        inference_.get(), Context(), FloatRequest("m", {1, 2, 3, 4})));
  }
  inference::ModelInferRequest third = FloatRequest("m", {1, 2, 3, 4});
  grpc::Status refused;
  std::unique_ptr<grpc::ClientContext> context;
  // Until both of the two have arrived a place may be free.
  do {
    context = Context();
    context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(2)));
    inference::ModelInferResponse response;
    refused = inference_->ModelInfer(context.get(), third, &response);
  } while (refused.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED)
      << refused.error_message();
  const auto& trailers = context->GetServerTrailingMetadata();
  const auto hint = trailers.find("grpc-retry-pushback-ms");
  ASSERT_NE(hint, trailers.end());
  EXPECT_GE(std::stoi(std::string(hint->second.begin(), hint->second.end())),
            1);
  engine_.Release();
  EXPECT_TRUE(running.Await().ok());
}

TEST_F(ServerTest, TheTimeoutParameterEndsTheWait) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  engine_.TakeRuns();
  engine_.Hold();
  PendingInfer running(inference_.get(), Context(),
                       FloatRequest("m", {1, 2, 3, 4}));
  engine_.AwaitWaiting(1);
  inference::ModelInferRequest request = FloatRequest("m", {1, 2, 3, 4});
  (*request.mutable_parameters())["timeout"].set_int64_param(1);
  PendingInfer hurried(inference_.get(), Context(), request);
  // A microsecond is over before the lane is free, however long that takes:
  // the request expires in the queue, or on its arrival.
  PendingInfer patient(inference_.get(), Context(),
                       FloatRequest("m", {5, 6, 7, 8}));
  engine_.Release();
  EXPECT_EQ(hurried.Await().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(running.Await().ok());
  EXPECT_TRUE(patient.Await().ok());
  int64_t rows = 0;
  for (const int64_t run : engine_.TakeRuns()) rows += run;
  EXPECT_EQ(rows, 2);  // the expired request was never computed
}

TEST_F(ServerTest, ACancelledRequestLeavesTheQueue) {
  config_.queue_rows = 1;
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  engine_.TakeRuns();
  engine_.Hold();
  PendingInfer running(inference_.get(), Context(),
                       FloatRequest("m", {1, 2, 3, 4}));
  engine_.AwaitWaiting(1);
  PendingInfer leaving(inference_.get(), Context(),
                       FloatRequest("m", {1, 2, 3, 4}));
  leaving.Cancel();
  EXPECT_EQ(leaving.Await().error_code(), grpc::StatusCode::CANCELLED);
  // Its place in the queue, which holds one row, becomes free while the lane
  // is still busy: the next request is taken in and expires there.
  grpc::Status status;
  do {
    auto context = Context();
    context->set_deadline(
        absl::ToChronoTime(absl::Now() + absl::Milliseconds(200)));
    inference::ModelInferResponse response;
    status = inference_->ModelInfer(context.get(),
                                    FloatRequest("m", {1, 2, 3, 4}), &response);
  } while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED)
      << status.error_message();
  engine_.Release();
  EXPECT_TRUE(running.Await().ok());
  // That a third request was taken in shows that the cancelled one had left a
  // queue of one row uncomputed. The third may be: its deadline passes at the
  // caller a moment before it does at the server.
  EXPECT_LE(engine_.TakeRuns().size(), 2u);
}

TEST_F(ServerTest, ManyCallersAtOnceGetTheirOwnAnswers) {
  constexpr int kThreads = 6;
  constexpr int kRequests = 40;
  folder_.Write("a/1/model.onnx", "scale 2");
  folder_.Write("b/1/model.onnx", "scale 3");
  config_.queue_rows = 1024;
  Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      const float factor = t % 2 == 0 ? 2 : 3;
      for (int i = 0; i < kRequests; ++i) {
        const float v = static_cast<float>(100 * t + i);
        std::vector<float> values(4 * (1 + i % 3), v);
        const std::vector<float> expected(values.size(), v * factor);
        EXPECT_EQ(Answer(FloatRequest(t % 2 == 0 ? "a" : "b", values)),
                  expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ServerTest, ListsLoadsAndUnloadsTheRepository) {
  folder_.Write("bad/1/model.onnx", "broken Gemm 'g' has no weights");
  folder_.Write("m/1/model.onnx", "scale 1");
  folder_.Write("m/2/model.onnx", "scale 2");
  Start();
  const auto index = [this](bool ready) {
    inference::RepositoryIndexRequest request;
    request.set_ready(ready);
    inference::RepositoryIndexResponse response;
    EXPECT_TRUE(
        inference_->RepositoryIndex(Context().get(), request, &response).ok());
    std::vector<std::string> lines;
    for (const auto& model : response.models()) {
      lines.push_back(absl::StrCat(model.name(), "/", model.version(), " ",
                                   model.state(), " ", model.reason()));
    }
    return lines;
  };
  EXPECT_THAT(index(false),
              ElementsAre(AllOf(HasSubstr("bad/1 UNAVAILABLE"),
                                HasSubstr("Gemm 'g' has no weights")),
                          "m/1 UNAVAILABLE not loaded", "m/2 READY "));
  EXPECT_THAT(index(true), ElementsAre("m/2 READY "));

  EXPECT_TRUE(UnloadModel("m").ok());
  inference::ModelInferResponse response;
  const grpc::Status unloaded =
      Infer(FloatRequest("m", {1, 2, 3, 4}), &response);
  EXPECT_EQ(unloaded.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(unloaded.error_message(), HasSubstr("RepositoryModelLoad"));
  EXPECT_EQ(UnloadModel("m").error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);

  folder_.Write("m/10/model.onnx", "scale 10");
  EXPECT_TRUE(LoadModel("m").ok());
  EXPECT_THAT(Answer(FloatRequest("m", {1, 1, 1, 1})),
              ElementsAre(10, 10, 10, 10));

  EXPECT_EQ(LoadModel("zebra").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(UnloadModel("zebra").error_code(), grpc::StatusCode::NOT_FOUND);
  const grpc::Status broken = LoadModel("bad");
  EXPECT_EQ(broken.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(broken.error_message(), HasSubstr("Gemm 'g'"));
  for (const char* name : {"", "..", "../m", "m/1", "/etc"}) {
    EXPECT_EQ(LoadModel(name).error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << name;
    EXPECT_EQ(UnloadModel(name).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT)
        << name;
  }
}

TEST_F(ServerTest, ALoadBringsVersionsAndTheirConfiguration) {
  Start();
  inference::RepositoryModelLoadResponse response;
  inference::RepositoryModelLoadRequest request;
  request.set_model_name("m");
  auto& parameters = *request.mutable_parameters();
  parameters["file:1/model.onnx"].set_bytes_param("scale 1");
  parameters["file:2/model.onnx"].set_bytes_param("scale 2");
  const auto load = [&] {
    return inference_->RepositoryModelLoad(Context().get(), request, &response);
  };
  EXPECT_EQ(load().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  parameters["config"].set_string_param(
      R"({"version_policy": {"all": {}}, "parameters":
          {"version_label.stable": {"string_value": "1"}}})");
  grpc::Status status = load();
  ASSERT_TRUE(status.ok()) << status.error_message();
  auto infer = FloatRequest("m", {1, 1, 1, 1});
  EXPECT_THAT(Answer(infer), ElementsAre(2, 2, 2, 2));
  infer.set_model_version("stable");
  EXPECT_THAT(Answer(infer), ElementsAre(1, 1, 1, 1));

  parameters["file:3/model.onnx"].set_bytes_param("broken by design");
  status = load();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("broken by design"));
  EXPECT_THAT(Answer(infer), ElementsAre(1, 1, 1, 1));
}

TEST_F(ServerTest, LoadParametersThatAreNoneAreRefused) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  const auto load = [&](const inference::RepositoryModelLoadRequest& request) {
    inference::RepositoryModelLoadResponse response;
    return inference_->RepositoryModelLoad(Context().get(), request, &response)
        .error_code();
  };
  inference::RepositoryModelLoadRequest good;
  good.set_model_name("m");
  EXPECT_EQ(load(good), grpc::StatusCode::OK);
  for (const char* name :
       {"file:../1/model.onnx", "file:1/../../x", "file:1/a/b", "reload"}) {
    auto request = good;
    (*request.mutable_parameters())[name].set_bytes_param("scale 1");
    EXPECT_EQ(load(request), grpc::StatusCode::INVALID_ARGUMENT) << name;
  }
  auto request = good;
  (*request.mutable_parameters())["config"].set_bytes_param("{}");
  EXPECT_EQ(load(request), grpc::StatusCode::INVALID_ARGUMENT);
  request = good;
  request.set_repository_name("other");
  EXPECT_EQ(load(request), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, NoRequestFailsWhileItsModelIsReloaded) {
  folder_.Write("m/1/model.onnx", "scale 1");
  config_.queue_rows = 1024;
  Start();
  std::atomic<bool> stop = false;
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        const std::vector<float> answer =
            Answer(FloatRequest("m", {1, 1, 1, 1}));
        ASSERT_EQ(answer.size(), 4u);
        EXPECT_GE(answer[0], 1);
        ++answered;
      }
    });
  }
  for (int version = 2; version <= 12; ++version) {
    folder_.Write(absl::StrCat("m/", version, "/model.onnx"),
                  absl::StrCat("scale ", version));
    ASSERT_TRUE(LoadModel("m").ok());
    // What is asked after the answer to the load gets the new version.
    EXPECT_EQ(Answer(FloatRequest("m", {1, 1, 1, 1}))[0], version);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(answered, 0);
}

TEST_F(ServerTest, RequestsDuringLoadAndUnloadSucceedOrSayWhy) {
  folder_.Write("m/1/model.onnx", "scale 1");
  config_.queue_rows = 1024;
  Start();
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        inference::ModelInferResponse response;
        const grpc::Status status =
            Infer(FloatRequest("m", {1, 1, 1, 1}), &response);
        EXPECT_TRUE(status.ok() || status.error_code() ==
                                       grpc::StatusCode::FAILED_PRECONDITION)
            << status.error_message();
      }
    });
  }
  for (int i = 0; i < 25; ++i) {
    ASSERT_TRUE(UnloadModel("m").ok());
    EXPECT_EQ(engine_.live_models(), 0);  // unloaded means gone
    ASSERT_TRUE(LoadModel("m").ok());
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ServerTest, RpcsThatItDoesNotHaveAreUnimplementedByName) {
  Start();
  inference::CudaSharedMemoryRegisterResponse memory;
  const grpc::Status status =
      inference_->CudaSharedMemoryRegister(Context().get(), {}, &memory);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("CudaSharedMemoryRegister"));
  inference::CudaSharedMemoryStatusResponse regions;
  EXPECT_EQ(inference_->CudaSharedMemoryStatus(Context().get(), {}, &regions)
                .error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  inference::CudaSharedMemoryUnregisterResponse unregistered;
  EXPECT_EQ(
      inference_->CudaSharedMemoryUnregister(Context().get(), {}, &unregistered)
          .error_code(),
      grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace octet
