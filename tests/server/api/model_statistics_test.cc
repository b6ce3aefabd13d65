// SPDX-License-Identifier: Apache-2.0
//
// ModelStatistics over a real channel.
#include "server/api/model_statistics.h"

#include <grpcpp/support/status.h>

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/inference.grpc.pb.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

using inference::ModelStatisticsResponse;
using ::testing::HasSubstr;

class ModelStatisticsTest : public ServerFixture {
 protected:
  grpc::Status Ask(const std::string& name, const std::string& version,
                   ModelStatisticsResponse* response) {
    inference::ModelStatisticsRequest request;
    request.set_name(name);
    request.set_version(version);
    return inference_->ModelStatistics(Context().get(), request, response);
  }

  // The entry of the one version of `name`.
  inference::ModelStatistics Of(const std::string& name) {
    ModelStatisticsResponse response;
    const grpc::Status status = Ask(name, "", &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    if (response.model_stats_size() != 1) {
      ADD_FAILURE() << response.DebugString();
      return {};
    }
    return response.model_stats(0);
  }
};

TEST_F(ModelStatisticsTest, CountsRequestsRowsAndBatches) {
  folder_.Write("m/1/model.onnx", "scale 2");
  const absl::Time start = absl::Now();
  Start();
  inference::ModelStatistics statistics = Of("m");
  EXPECT_EQ(statistics.name(), "m");
  EXPECT_EQ(statistics.version(), "1");
  // Nothing yet: the warm-up is not counted.
  EXPECT_EQ(statistics.last_inference(), 0u);
  EXPECT_EQ(statistics.inference_count(), 0u);
  EXPECT_EQ(statistics.inference_stats().success().count(), 0u);
  EXPECT_EQ(statistics.batch_stats_size(), 0);

  Answer(FloatRequest("m", {1, 1, 1, 1}));
  Answer(FloatRequest("m", {1, 1, 1, 1}));
  Answer(FloatRequest("m", std::vector<float>(3 * 4, 1)));
  inference::ModelInferRequest wrong = FloatRequest("m", {1, 1, 1, 1});
  wrong.mutable_inputs(0)->set_name("z");
  inference::ModelInferResponse response;
  EXPECT_FALSE(Infer(wrong, &response).ok());

  statistics = Of("m");
  EXPECT_EQ(statistics.inference_count(), 5u);
  EXPECT_EQ(statistics.execution_count(), 3u);
  EXPECT_GE(absl::FromUnixMillis(statistics.last_inference()),
            absl::FromUnixMillis(absl::ToUnixMillis(start)));
  const auto& requests = statistics.inference_stats();
  EXPECT_EQ(requests.success().count(), 3u);
  EXPECT_GT(requests.success().ns(), 0u);
  EXPECT_EQ(requests.fail().count(), 1u);
  EXPECT_EQ(requests.queue().count(), 3u);
  // The fake engine's times, once a request.
  EXPECT_EQ(requests.compute_input().count(), 3u);
  EXPECT_EQ(requests.compute_input().ns(), 3u * 10'000);
  EXPECT_EQ(requests.compute_infer().ns(), 3u * 200'000);
  EXPECT_EQ(requests.compute_output().ns(), 3u * 5'000);
  EXPECT_TRUE(requests.has_cache_hit());
  ASSERT_EQ(statistics.batch_stats_size(), 2);
  EXPECT_EQ(statistics.batch_stats(0).batch_size(), 1u);
  EXPECT_EQ(statistics.batch_stats(0).compute_infer().count(), 2u);
  EXPECT_EQ(statistics.batch_stats(0).compute_infer().ns(), 2u * 200'000);
  EXPECT_EQ(statistics.batch_stats(1).batch_size(), 3u);
  EXPECT_EQ(statistics.batch_stats(1).compute_output().count(), 1u);
  ASSERT_EQ(statistics.memory_usage_size(), 1);
  EXPECT_EQ(statistics.memory_usage(0).type(), "CPU");
  EXPECT_GE(statistics.memory_usage(0).byte_size(), 1000u);
}

TEST_F(ModelStatisticsTest, AnEmptyNameMeansEveryModelThatServes) {
  folder_.Write("b/7/model.onnx", "scale 2");
  folder_.Write("a/1/model.onnx", "scale 2");
  folder_.Write("bad/1/model.onnx", "broken");
  Start();
  ModelStatisticsResponse response;
  ASSERT_TRUE(Ask("", "", &response).ok());
  ASSERT_EQ(response.model_stats_size(), 2);
  EXPECT_EQ(response.model_stats(0).name(), "a");
  EXPECT_EQ(response.model_stats(1).name(), "b");
  EXPECT_EQ(response.model_stats(1).version(), "7");
}

TEST_F(ModelStatisticsTest, SaysWhatItDoesNotKnow) {
  folder_.Write("m/1/model.onnx", "scale 2");
  Start();
  ModelStatisticsResponse response;
  EXPECT_EQ(Ask("zebra", "", &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Ask("m", "9", &response).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Ask("m", "-1", &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Ask("", "1", &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(UnloadModel("m").ok());
  EXPECT_EQ(Ask("m", "", &response).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  response.Clear();
  ASSERT_TRUE(Ask("", "", &response).ok());
  EXPECT_EQ(response.model_stats_size(), 0);
}

TEST_F(ModelStatisticsTest, ANewVersionStartsFromZero) {
  folder_.Write("m/1/model.onnx", "scale 2");
  Start();
  Answer(FloatRequest("m", {1, 1, 1, 1}));
  EXPECT_EQ(Of("m").inference_count(), 1u);
  folder_.Write("m/2/model.onnx", "scale 2");
  ASSERT_TRUE(LoadModel("m").ok());
  EXPECT_EQ(Of("m").version(), "2");
  EXPECT_EQ(Of("m").inference_count(), 0u);
}

}  // namespace
}  // namespace octet
