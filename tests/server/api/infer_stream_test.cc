// SPDX-License-Identifier: Apache-2.0
//
// ModelStreamInfer over a real channel.
#include "server/api/infer_stream.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/inference.grpc.pb.h"
#include "tests/server/server_fixture.h"
#include "tests/testing/http_client.h"

namespace octet {
namespace {

using inference::ModelInferRequest;
using inference::ModelStreamInferResponse;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class InferStreamTest : public ServerFixture {
 protected:
  using Stream =
      grpc::ClientReaderWriter<ModelInferRequest, ModelStreamInferResponse>;

  // An end of a stream, with its context.
  struct Call {
    std::unique_ptr<grpc::ClientContext> context = Context();
    std::unique_ptr<Stream> stream;
  };

  Call Open() {
    Call call;
    call.stream = inference_->ModelStreamInfer(call.context.get());
    return call;
  }

  static ModelInferRequest Request(const std::string& id, float value,
                                   const std::string& model = "m") {
    ModelInferRequest request =
        FloatRequest(model, {value, value, value, value});
    request.set_id(id);
    return request;
  }

  // Rows that wait, of the only model.
  int QueuedRows() {
    const std::string page = AskHttp(server_->http_port(), "GET", "/metrics");
    const size_t series = page.find("octet_queue_rows{");
    EXPECT_NE(series, std::string::npos) << page;
    return std::stoi(page.substr(page.find("} ", series) + 2));
  }

  void AwaitQueuedRows(int rows) {
    while (QueuedRows() < rows) {
    }
  }

  void SetUp() override { folder_.Write("m/1/model.onnx", "scale 2"); }
};

TEST_F(InferStreamTest, AnswersEachRequestWithItsId) {
  config_.queue_rows = 1024;
  Start();
  Call call = Open();
  constexpr int kRequests = 200;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      ASSERT_TRUE(call.stream->Write(Request(absl::StrCat(i), i)));
    }
    call.stream->WritesDone();
  });
  std::map<std::string, float> answers;
  ModelStreamInferResponse answer;
  while (call.stream->Read(&answer)) {
    ASSERT_EQ(answer.error_message(), "");
    const auto& response = answer.infer_response();
    EXPECT_EQ(response.model_name(), "m");
    EXPECT_EQ(response.model_version(), "1");
    EXPECT_TRUE(response.parameters().at("triton_final_response").bool_param());
    answers[response.id()] = Floats(response.raw_output_contents(0))[0];
  }
  writer.join();
  EXPECT_TRUE(call.stream->Finish().ok());
  ASSERT_EQ(answers.size(), static_cast<size_t>(kRequests));
  for (int i = 0; i < kRequests; ++i) {
    EXPECT_EQ(answers[absl::StrCat(i)], 2.0f * i);
  }
}

TEST_F(InferStreamTest, AFailedRequestLeavesTheStreamOpen) {
  folder_.Write("f/1/model.onnx", "fail");
  Start();
  Call call = Open();
  ModelStreamInferResponse answer;
  ASSERT_TRUE(call.stream->Write(Request("a", 1, "zebra")));
  ASSERT_TRUE(call.stream->Read(&answer));
  EXPECT_THAT(answer.error_message(),
              AllOf(StartsWith("NOT_FOUND: "), HasSubstr("zebra")));
  EXPECT_EQ(answer.infer_response().id(), "a");

  ModelInferRequest wrong = Request("b", 1);
  wrong.mutable_inputs(0)->set_datatype("INT8");
  ASSERT_TRUE(call.stream->Write(wrong));
  ASSERT_TRUE(call.stream->Read(&answer));
  EXPECT_THAT(answer.error_message(),
              AllOf(StartsWith("INVALID_ARGUMENT: "), HasSubstr("INT8")));

  ASSERT_TRUE(call.stream->Write(Request("c", 1, "f")));
  ASSERT_TRUE(call.stream->Read(&answer));
  EXPECT_THAT(answer.error_message(), StartsWith("INTERNAL: "));
  EXPECT_EQ(answer.infer_response().id(), "c");
  EXPECT_EQ(answer.infer_response().outputs_size(), 0);

  ModelInferRequest good = Request("d", 4);
  (*good.mutable_parameters())["triton_enable_empty_final_response"]
      .set_bool_param(true);
  ASSERT_TRUE(call.stream->Write(good));
  ASSERT_TRUE(call.stream->Read(&answer));
  EXPECT_EQ(answer.error_message(), "");
  EXPECT_THAT(Floats(answer.infer_response().raw_output_contents(0)),
              ElementsAre(8, 8, 8, 8));
  call.stream->WritesDone();
  EXPECT_FALSE(call.stream->Read(&answer));
  EXPECT_TRUE(call.stream->Finish().ok());
}

TEST_F(InferStreamTest, AnEmptyStreamEndsWell) {
  Start();
  Call call = Open();
  call.stream->WritesDone();
  ModelStreamInferResponse answer;
  EXPECT_FALSE(call.stream->Read(&answer));
  EXPECT_TRUE(call.stream->Finish().ok());
}

TEST_F(InferStreamTest, AnswersOvertakeEachOther) {
  folder_.Write("n/1/model.onnx", "scale 3");
  config_.max_batch = 1;
  Start();
  engine_.Hold();
  Call call = Open();
  // The first one is refused at once while the second is on its lane.
  ASSERT_TRUE(call.stream->Write(Request("slow", 1)));
  engine_.AwaitWaiting(1);
  ASSERT_TRUE(call.stream->Write(Request("quick", 1, "zebra")));
  ModelStreamInferResponse answer;
  ASSERT_TRUE(call.stream->Read(&answer));
  EXPECT_EQ(answer.infer_response().id(), "quick");
  engine_.Release();
  ASSERT_TRUE(call.stream->Read(&answer));
  EXPECT_EQ(answer.infer_response().id(), "slow");
  call.stream->WritesDone();
  EXPECT_TRUE(call.stream->Finish().ok());
}

TEST_F(InferStreamTest, HalfCloseFinishesWhatIsUnderWay) {
  Start();
  engine_.Hold();
  Call call = Open();
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(call.stream->Write(Request(absl::StrCat(i), i)));
  }
  call.stream->WritesDone();
  engine_.AwaitWaiting(1);
  engine_.Release();
  int answers = 0;
  ModelStreamInferResponse answer;
  while (call.stream->Read(&answer)) {
    EXPECT_EQ(answer.error_message(), "");
    ++answers;
  }
  EXPECT_EQ(answers, 5);
  EXPECT_TRUE(call.stream->Finish().ok());
}

TEST_F(InferStreamTest, CancellingDropsWhatWaits) {
  config_.max_batch = 1;
  Start();
  engine_.TakeRuns();
  engine_.Hold();
  {
    Call call = Open();
    for (int i = 0; i < 4; ++i) {
      ASSERT_TRUE(call.stream->Write(Request(absl::StrCat(i), i)));
    }
    engine_.AwaitWaiting(1);
    AwaitQueuedRows(3);
    call.context->TryCancel();
    EXPECT_EQ(call.stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // The queue empties while the lane is still busy: what comes next is the
  // second run.
  inference::ModelStatisticsRequest request;
  inference::ModelStatisticsResponse statistics;
  uint64_t failed = 0;
  while (failed < 3) {
    ASSERT_TRUE(
        inference_->ModelStatistics(Context().get(), request, &statistics)
            .ok());
    failed = statistics.model_stats(0).inference_stats().fail().count();
  }
  engine_.Release();
  EXPECT_THAT(Answer(FloatRequest("m", {1, 1, 1, 1})), ElementsAre(2, 2, 2, 2));
  EXPECT_EQ(engine_.TakeRuns().size(), 2u);
}

TEST_F(InferStreamTest, ReadsNoFurtherThanItsBound) {
  config_.queue_rows = 1000;
  config_.max_batch = 1;
  Start();
  engine_.Hold();
  Call call = Open();
  constexpr int kRequests = InferStreams::kMaxInFlight + 40;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      if (!call.stream->Write(Request(absl::StrCat(i), i))) return;
    }
    call.stream->WritesDone();
  });
  engine_.AwaitWaiting(1);
  // One is on the lane; the others wait.
  AwaitQueuedRows(InferStreams::kMaxInFlight - 1);
  EXPECT_EQ(QueuedRows(), InferStreams::kMaxInFlight - 1);
  engine_.Release();
  int answers = 0;
  ModelStreamInferResponse answer;
  while (call.stream->Read(&answer)) {
    EXPECT_EQ(answer.error_message(), "");
    ++answers;
  }
  writer.join();
  EXPECT_EQ(answers, kRequests);
  EXPECT_TRUE(call.stream->Finish().ok());
}

TEST_F(InferStreamTest, TheTimeoutParameterHoldsForOneRequest) {
  Start();
  engine_.Hold();
  Call call = Open();
  ASSERT_TRUE(call.stream->Write(Request("running", 1)));
  engine_.AwaitWaiting(1);
  ModelInferRequest hurried = Request("hurried", 1);
  (*hurried.mutable_parameters())["timeout"].set_int64_param(1);
  ASSERT_TRUE(call.stream->Write(hurried));
  ASSERT_TRUE(call.stream->Write(Request("patient", 1)));
  call.stream->WritesDone();
  engine_.Release();
  std::map<std::string, std::string> errors;
  ModelStreamInferResponse answer;
  while (call.stream->Read(&answer)) {
    errors[answer.infer_response().id()] = answer.error_message();
  }
  EXPECT_EQ(errors.size(), 3u);
  EXPECT_EQ(errors["running"], "");
  EXPECT_EQ(errors["patient"], "");
  EXPECT_THAT(errors["hurried"], StartsWith("DEADLINE_EXCEEDED: "));
  EXPECT_TRUE(call.stream->Finish().ok());
}

TEST_F(InferStreamTest, AServerThatStopsFinishesTheStream) {
  Start();
  engine_.Hold();
  Call idle = Open();
  Call busy = Open();
  ASSERT_TRUE(idle.stream->Write(Request("refused", 1, "zebra")));
  ModelStreamInferResponse answer;
  ASSERT_TRUE(idle.stream->Read(&answer));
  ASSERT_TRUE(busy.stream->Write(Request("accepted", 1)));
  engine_.AwaitWaiting(1);
  std::thread stopping([this] { server_->Shutdown(kHang); });
  // It does not wait for the client of an idle stream to close it.
  EXPECT_FALSE(idle.stream->Read(&answer));
  EXPECT_EQ(idle.stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  engine_.Release();
  ASSERT_TRUE(busy.stream->Read(&answer));
  EXPECT_EQ(answer.error_message(), "");
  EXPECT_EQ(answer.infer_response().id(), "accepted");
  EXPECT_FALSE(busy.stream->Read(&answer));
  EXPECT_EQ(busy.stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  stopping.join();
}

TEST_F(InferStreamTest, ManyStreamsAtOnceGetTheirOwnAnswers) {
  config_.queue_rows = 1024;
  Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      Call call = Open();
      std::thread writer([&] {
        for (int i = 0; i < 60; ++i) {
          // The client of every second stream leaves half-way.
          if (t % 2 == 1 && i == 30) {
            call.context->TryCancel();
            return;
          }
          if (!call.stream->Write(Request(absl::StrCat(i), 100 * t + i))) {
            return;
          }
        }
        call.stream->WritesDone();
      });
      int answers = 0;
      ModelStreamInferResponse answer;
      while (call.stream->Read(&answer)) {
        const auto& response = answer.infer_response();
        ASSERT_EQ(answer.error_message(), "");
        EXPECT_EQ(Floats(response.raw_output_contents(0))[0],
                  2 * (100 * t + std::stoi(response.id())));
        ++answers;
      }
      writer.join();
      const grpc::Status status = call.stream->Finish();
      if (t % 2 == 0) {
        EXPECT_TRUE(status.ok()) << status.error_message();
        EXPECT_EQ(answers, 60);
      } else {
        EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace octet
