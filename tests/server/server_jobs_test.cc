// SPDX-License-Identifier: Apache-2.0
//
// Jobs of octet.v1.QuantizationService that outlive their connection, over a
// real channel.
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/octet/v1/quantization.grpc.pb.h"
#include "server/api/quantization_service.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::QuantizeRequest Settings(const std::string& model) {
  v1::QuantizeRequest request;
  auto* const settings = request.mutable_settings();
  settings->set_model_name(model);
  settings->set_method(v1::METHOD_LINEAR);
  settings->set_activation_scheme(v1::ACTIVATION_SCHEME_ASYMMETRIC);
  return request;
}

v1::QuantizeRequest Chunk(int64_t rows, bool last) {
  v1::QuantizeRequest request;
  auto* const input = request.mutable_calibration()->add_inputs();
  input->set_name("x");
  input->set_datatype("FP32");
  input->add_shape(rows);
  input->add_shape(4);
  input->set_raw_contents(std::string(rows * 16, '\0'));
  request.set_last(last);
  return request;
}

v1::QuantizeRequest ModelBytes(const std::string& bytes) {
  v1::QuantizeRequest request;
  request.mutable_model()->set_raw_contents(bytes);
  return request;
}

class ServerJobsTest : public ServerFixture {
 protected:
  void SetUp() override {
    folder_.Write("m/1/model.onnx", "scale 1");
    config_.calibration_folder = calibration_.path();
    folder_.Write(
        "m/config.pbtxt",
        R"(parameters { key: "record_rows" value { string_value: "4" } })");
    Start();
  }

  grpc::Status Submit(const std::vector<v1::QuantizeRequest>& requests,
                      v1::Job* job) {
    const auto context = Context();
    const auto stream = quantization_->SubmitJob(context.get(), job);
    for (const auto& request : requests) {
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
    return stream->Finish();
  }

  // The id of a job that is taken.
  std::string Submit(const std::vector<v1::QuantizeRequest>& requests) {
    v1::Job job;
    const grpc::Status status = Submit(requests, &job);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(job.id().size(), 16u);
    return job.id();
  }

  v1::Job Get(const std::string& id) {
    v1::GetJobRequest request;
    request.set_id(id);
    v1::Job job;
    const grpc::Status status =
        quantization_->GetJob(Context().get(), request, &job);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return job;
  }

  // Everything that a watcher is told.
  std::vector<v1::Job> Watch(const std::string& id) {
    v1::WatchJobRequest request;
    request.set_id(id);
    const auto context = Context();
    const auto stream = quantization_->WatchJob(context.get(), request);
    std::vector<v1::Job> jobs;
    v1::Job job;
    while (stream->Read(&job)) jobs.push_back(job);
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return jobs;
  }

  std::vector<std::string> List(const std::vector<v1::JobState>& states,
                                int max_jobs) {
    v1::ListJobsRequest request;
    for (const v1::JobState state : states) request.add_states(state);
    request.set_max_jobs(max_jobs);
    v1::ListJobsResponse response;
    const grpc::Status status =
        quantization_->ListJobs(Context().get(), request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> ids;
    for (const v1::Job& job : response.jobs()) {
      EXPECT_TRUE(job.report_json().empty());
      ids.push_back(job.id());
    }
    return ids;
  }

  ScratchFolder calibration_;
};

TEST_F(ServerJobsTest, AJobOutlivesItsCallAndIsWatchedFromAnywhere) {
  engine_.Hold();
  v1::QuantizeRequest settings = Settings("m");
  settings.mutable_settings()->set_load_when_done(true);
  settings.mutable_settings()->set_priority(3);
  const std::string id = Submit({settings, Chunk(2, false), Chunk(3, true)});
  engine_.AwaitWaiting(1);
  EXPECT_EQ(Get(id).state(), v1::JOB_STATE_RUNNING);
  // A watcher that loses its connection...
  {
    v1::WatchJobRequest request;
    request.set_id(id);
    const auto context = Context();
    const auto stream = quantization_->WatchJob(context.get(), request);
    v1::Job job;
    ASSERT_TRUE(stream->Read(&job));
    EXPECT_EQ(job.id(), id);
    context->TryCancel();
    stream->Finish().ok();
  }
  engine_.Release();
  // ... misses nothing that matters.
  const std::vector<v1::Job> seen = Watch(id);
  ASSERT_FALSE(seen.empty());
  const v1::Job& job = seen.back();
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.error_message();
  EXPECT_EQ(job.progress().phase(), "load");
  EXPECT_EQ(job.settings().model_name(), "m");
  EXPECT_EQ(job.settings().output_model_name(), "m");
  EXPECT_EQ(job.settings().priority(), 3);
  EXPECT_EQ(job.result().model_version(), "2");
  EXPECT_EQ(job.result().samples(), 5);
  EXPECT_EQ(job.error_code(), 0);
  EXPECT_TRUE(job.has_create_time() && job.has_start_time() &&
              job.has_end_time());
  EXPECT_EQ(folder_.Read("m/2/history.json"), job.report_json());
  EXPECT_EQ(Get(id).report_json(), job.report_json());
  EXPECT_THAT(Answer(FloatRequest("m", {1, 1, 1, 1})), ElementsAre(5, 5, 5, 5));

  v1::GetHistoryRequest request;
  request.set_model_name("m");
  v1::GetHistoryResponse history;
  ASSERT_TRUE(
      quantization_->GetHistory(Context().get(), request, &history).ok());
  EXPECT_EQ(history.model_version(), "2");
  EXPECT_EQ(history.history_json(), job.report_json());
  request.set_model_version("1");
  EXPECT_EQ(quantization_->GetHistory(Context().get(), request, &history)
                .error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerJobsTest, TellsTheReportOfAJobAndOfAVersion) {
  v1::QuantizeRequest settings = Settings("m");
  settings.mutable_settings()->set_method(v1::METHOD_HISTOGRAM);
  settings.mutable_settings()->set_bias_correction(false);
  v1::QuantizeRequest evaluation;
  *evaluation.mutable_evaluation()->mutable_inputs() =
      Chunk(2, false).calibration().inputs();
  evaluation.mutable_evaluation()->add_labels(1);
  evaluation.mutable_evaluation()->add_labels(0);
  const std::string id = Submit({settings, evaluation, Chunk(4, true)});
  const v1::Job job = Watch(id).back();
  ASSERT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.error_message();
  EXPECT_EQ(job.settings().method(), v1::METHOD_HISTOGRAM);
  EXPECT_TRUE(job.settings().has_bias_correction());
  EXPECT_FALSE(job.settings().bias_correction());
  EXPECT_EQ(job.settings().bias_correction_kind(),
            v1::BIAS_CORRECTION_KIND_UNSPECIFIED);
  EXPECT_EQ(job.result().verdict(), "keep");
  EXPECT_THAT(job.result().summary(), HasSubstr("Keep it: "));

  v1::GetReportRequest request;
  request.set_job_id(id);
  request.set_format(v1::REPORT_FORMAT_HTML);
  v1::GetReportResponse report;
  ASSERT_TRUE(quantization_->GetReport(Context().get(), request, &report).ok());
  EXPECT_EQ(report.model_name(), "m");
  EXPECT_EQ(report.model_version(), "2");
  EXPECT_EQ(report.contents(), folder_.Read("m/2/report.html"));
  request.clear_job_id();
  request.set_model_name("m");
  request.set_format(v1::REPORT_FORMAT_JSON);
  ASSERT_TRUE(quantization_->GetReport(Context().get(), request, &report).ok());
  EXPECT_THAT(report.contents(), HasSubstr("\"method\": \"histogram\""));
  EXPECT_THAT(report.contents(), HasSubstr("\"bias_correction\": false"));
  request.clear_format();
  EXPECT_EQ(
      quantization_->GetReport(Context().get(), request, &report).error_code(),
      grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerJobsTest, WithoutSamplesSomeAreMadeUpAndTheReportSaysSo) {
  v1::QuantizeRequest request = Settings("m");
  v1::QuantizeSettings& settings = *request.mutable_settings();
  settings.set_synthetic_samples(true);
  settings.set_bias_correction_kind(v1::BIAS_CORRECTION_KIND_ANALYTIC);
  settings.set_format(v1::QUANTIZED_FORMAT_QOPERATOR);
  settings.set_time_budget_seconds(20);
  settings.set_memory_budget_bytes(1'000'000'000);
  v1::InputRange* range = settings.add_input_ranges();
  range->set_input("x");
  range->add_min(-2);
  range->add_max(3);
  request.set_last(true);
  const v1::Job job = Watch(Submit({request})).back();
  ASSERT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.error_message();
  EXPECT_TRUE(job.settings().synthetic_samples());
  EXPECT_TRUE(job.settings().bias_correction());
  EXPECT_EQ(job.settings().bias_correction_kind(),
            v1::BIAS_CORRECTION_KIND_ANALYTIC);
  EXPECT_THAT(
      job.report_json(),
      ::testing::AllOf(HasSubstr("\"bias_correction\": true"),
                       HasSubstr("\"bias_correction_kind\": \"analytic\"")));
  EXPECT_EQ(job.settings().format(), v1::QUANTIZED_FORMAT_QOPERATOR);
  EXPECT_EQ(job.settings().time_budget_seconds(), 20);
  EXPECT_EQ(job.settings().memory_budget_bytes(), 1'000'000'000);
  EXPECT_EQ(job.settings().input_ranges(0).max(0), 3);
  EXPECT_THAT(job.report_json(), HasSubstr("\"synthetic_samples\": true"));
  EXPECT_THAT(job.report_json(), HasSubstr("\"format\": \"qoperator\""));
  EXPECT_THAT(folder_.Read("m/2/report.txt"), HasSubstr("synthetic samples"));
}

TEST_F(ServerJobsTest, CalibratesOnWhatTheModelWasAsked) {
  v1::QuantizeRequest request = Settings("m");
  request.mutable_settings()->set_recorded_samples(true);
  request.set_last(true);
  v1::Job none;
  const grpc::Status early = Submit({request}, &none);
  EXPECT_EQ(early.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(early.error_message(),
              HasSubstr("none of its versions has answered"));

  Answer(FloatRequest("m", {1, 2, 3, 4, 5, 6, 7, 8}));
  Answer(FloatRequest("m", {9, 10, 11, 12}));
  const v1::Job job = Watch(Submit({request})).back();
  ASSERT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.error_message();
  EXPECT_EQ(job.result().samples(), 3);
  EXPECT_TRUE(job.settings().recorded_samples());
  EXPECT_THAT(job.report_json(), HasSubstr("\"recorded_samples\": true"));
  // What callers asked is not on the disk.
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/m/2/golden"));

  ASSERT_TRUE(UnloadModel("m").ok());
  const grpc::Status gone = Submit({request}, &none);
  EXPECT_EQ(gone.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(gone.error_message(), HasSubstr("no version serves"));
}

TEST_F(ServerJobsTest, RefusesWhatSettingsCannotMean) {
  const auto refused =
      [&](const std::function<void(v1::QuantizeSettings*)>& change) {
        v1::QuantizeRequest request = Settings("m");
        change(request.mutable_settings());
        v1::Job job;
        const grpc::Status status = Submit({request, Chunk(4, true)}, &job);
        EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
        return status.error_message();
      };
  EXPECT_THAT(
      refused([](auto* settings) { settings->set_time_budget_seconds(-1); }),
      HasSubstr("time_budget_seconds: got -1"));
  EXPECT_THAT(
      refused([](auto* settings) { settings->set_memory_budget_bytes(0); }),
      HasSubstr("memory_budget_bytes: got 0"));
  EXPECT_THAT(refused([](auto* settings) {
                settings->set_format(static_cast<v1::QuantizedFormat>(9));
              }),
              HasSubstr("format: got 9"));
  EXPECT_THAT(refused([](auto* settings) {
                settings->set_bias_correction_kind(
                    static_cast<v1::BiasCorrectionKind>(9));
              }),
              HasSubstr("bias_correction_kind: got 9"));
  EXPECT_THAT(
      refused([](auto* settings) {
        settings->set_bias_correction(false);
        settings->set_bias_correction_kind(v1::BIAS_CORRECTION_KIND_ANALYTIC);
      }),
      HasSubstr("BIAS_CORRECTION_KIND_ANALYTIC where bias_correction "
                "is false"));
  EXPECT_THAT(refused([](auto* settings) { settings->add_input_ranges(); }),
              HasSubstr("synthetic_samples, which is not set"));
  EXPECT_THAT(
      refused([](auto* settings) { settings->set_synthetic_samples(true); }),
      HasSubstr("got calibration samples, expected none"));
  EXPECT_THAT(refused([](auto* settings) {
                settings->set_recorded_samples(true);
                settings->set_calibration_path("x.npy");
              }),
              HasSubstr("got more than one of calibration_path"));
  EXPECT_THAT(refused([](auto* settings) {
                settings->set_recorded_samples(true);
                settings->clear_model_name();
                settings->set_output_model_name("new");
              }),
              HasSubstr("recorded_samples: model_name is empty"));
  EXPECT_THAT(refused([](auto* settings) {
                settings->set_synthetic_samples(true);
                settings->set_method(v1::METHOD_HISTOGRAM);
              }),
              HasSubstr("expected METHOD_LINEAR"));
}

TEST_F(ServerJobsTest, TakesTheModelAsBytesAndKeepsIt) {
  v1::QuantizeRequest settings = Settings("");
  settings.mutable_settings()->set_output_model_name("new");
  settings.mutable_settings()->set_publish_float(true);
  const std::string id =
      Submit({settings, ModelBytes("scale"), ModelBytes(" 1"), Chunk(4, true)});
  const v1::Job job = Watch(id).back();
  ASSERT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.error_message();
  EXPECT_EQ(job.result().model_name(), "new");
  EXPECT_EQ(job.result().float_model_version(), "1");
  EXPECT_EQ(job.result().model_version(), "2");
  EXPECT_EQ(folder_.Read("new/1/model.onnx"), "scale 1");
  EXPECT_EQ(folder_.Read("new/2/model.onnx"), "scale 4\n");
}

TEST_F(ServerJobsTest, ReadsSamplesFromItsOwnFolder) {
  ASSERT_TRUE(io::WriteNpy(calibration_.path() + "/x.npy",
                           Tensor(DType::kFloat32, {6, 4}))
                  .ok());
  v1::QuantizeRequest settings = Settings("m");
  settings.mutable_settings()->set_calibration_path("x.npy");
  settings.set_last(true);
  const v1::Job job = Watch(Submit({settings})).back();
  ASSERT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.error_message();
  EXPECT_EQ(job.result().samples(), 6);

  settings.mutable_settings()->set_calibration_path("../x.npy");
  v1::Job none;
  EXPECT_EQ(Submit({settings}, &none).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerJobsTest, ListsAndCancels) {
  engine_.Hold();
  const std::string running = Submit({Settings("m"), Chunk(1, true)});
  engine_.AwaitWaiting(1);
  const std::string waiting = Submit({Settings("m"), Chunk(1, true)});
  EXPECT_EQ(Get(waiting).jobs_ahead(), 1);
  EXPECT_THAT(List({}, 0), ElementsAre(waiting, running));
  EXPECT_THAT(List({}, 1), ElementsAre(waiting));
  EXPECT_THAT(List({v1::JOB_STATE_RUNNING}, 0), ElementsAre(running));
  EXPECT_THAT(List({v1::JOB_STATE_FAILED}, 0), ElementsAre());
  v1::CancelJobRequest cancel;
  v1::Job job;
  cancel.set_id(waiting);
  ASSERT_TRUE(quantization_->CancelJob(Context().get(), cancel, &job).ok());
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(job.error_code(), grpc::StatusCode::CANCELLED);
  cancel.set_id(running);
  ASSERT_TRUE(quantization_->CancelJob(Context().get(), cancel, &job).ok());
  engine_.Release();
  EXPECT_EQ(Watch(running).back().state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(folder_.Read("m/2/model.onnx"), "");
}

TEST_F(ServerJobsTest, RefusesWhatDoesNotFit) {
  constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
  const auto code = [this](const std::vector<v1::QuantizeRequest>& requests) {
    v1::Job job;
    return Submit(requests, &job).error_code();
  };
  EXPECT_EQ(code({}), kInvalid);
  EXPECT_EQ(code({Settings("m"), Chunk(1, false)}), kInvalid);
  EXPECT_EQ(code({Settings(""), ModelBytes("scale 1"), Chunk(1, true)}),
            kInvalid);
  EXPECT_EQ(code({Settings("m"), ModelBytes("scale 1"), Chunk(1, true)}),
            kInvalid);
  EXPECT_EQ(code({Settings("zebra"), Chunk(1, true)}),
            grpc::StatusCode::NOT_FOUND);
  v1::ListJobsRequest list;
  v1::ListJobsResponse jobs;
  ASSERT_TRUE(quantization_->ListJobs(Context().get(), list, &jobs).ok());
  EXPECT_EQ(jobs.jobs_size(), 0);
  list.set_max_jobs(-1);
  EXPECT_EQ(quantization_->ListJobs(Context().get(), list, &jobs).error_code(),
            kInvalid);
  list.set_max_jobs(0);
  list.add_states(v1::JOB_STATE_UNSPECIFIED);
  EXPECT_EQ(quantization_->ListJobs(Context().get(), list, &jobs).error_code(),
            kInvalid);
  v1::GetJobRequest get;
  get.set_id("0123456789abcdef");
  v1::Job job;
  EXPECT_EQ(quantization_->GetJob(Context().get(), get, &job).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerJobsTest, TooManyAreToldToComeBack) {
  engine_.Hold();
  Submit({Settings("m"), Chunk(1, true)});
  engine_.AwaitWaiting(1);
  for (int i = 0; i < QuantizationJobs::kMaxWaiting; ++i) {
    Submit({Settings("m"), Chunk(1, true)});
  }
  v1::Job job;
  const auto context = Context();
  const auto stream = quantization_->SubmitJob(context.get(), &job);
  stream->Write(Settings("m"));
  stream->WritesDone();
  EXPECT_EQ(stream->Finish().error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(
      context->GetServerTrailingMetadata().count("grpc-retry-pushback-ms"), 1u);
  server_->StopNow();
  engine_.Release();
}

TEST_F(ServerJobsTest, AnUploadThatBreaksOffLeavesNoJob) {
  const auto context = Context();
  v1::Job job;
  const auto stream = quantization_->SubmitJob(context.get(), &job);
  ASSERT_TRUE(stream->Write(Settings("m")));
  ASSERT_TRUE(stream->Write(Chunk(1, false)));
  while (List({v1::JOB_STATE_PENDING}, 0).empty()) {
  }
  context->TryCancel();
  EXPECT_FALSE(stream->Finish().ok());
  while (!List({}, 0).empty()) {
  }
  EXPECT_EQ(folder_.Read("m/2/model.onnx"), "");
}

TEST_F(ServerJobsTest, AnUploadMayBeCancelledByOthers) {
  const auto context = Context();
  v1::Job job;
  const auto stream = quantization_->SubmitJob(context.get(), &job);
  ASSERT_TRUE(stream->Write(Settings("m")));
  std::vector<std::string> ids;
  while (ids.empty()) ids = List({v1::JOB_STATE_PENDING}, 0);
  v1::CancelJobRequest cancel;
  cancel.set_id(ids[0]);
  ASSERT_TRUE(quantization_->CancelJob(Context().get(), cancel, &job).ok());
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// The service alone, with little patience.
TEST(QuantizationServiceTest, ACallerWhoStallsLosesItsPlace) {
  ScratchFolder folder;
  folder.Write("m/1/model.onnx", "scale 1");
  const auto repository = ModelRepository::Open(folder.path());
  ASSERT_TRUE(repository.ok());
  const auto metrics = Metrics::Create("test", "none");
  ASSERT_TRUE(metrics.ok());
  FakeEngine engine;
  const EngineFunctions functions = engine.functions();
  JobEnvironment environment;
  environment.engine = &functions;
  environment.repository = repository->get();
  environment.metrics = metrics->get();
  QuantizationJobs jobs(environment);
  ServingState state;
  ApiContext api;
  api.state = &state;
  QuantizationServiceImpl service(&api, &jobs, absl::Milliseconds(50));
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto stub = v1::QuantizationService::NewStub(grpc::CreateChannel(
      absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  {
    grpc::ClientContext context;
    v1::Job job;
    const auto stream = stub->SubmitJob(&context, &job);
    ASSERT_TRUE(stream->Write(Settings("m")));
    const grpc::Status status = stream->Finish();
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_THAT(status.error_message(), HasSubstr("50ms"));
  }
  {
    grpc::ClientContext context;
    const auto stream = stub->Quantize(&context);
    ASSERT_TRUE(stream->Write(Settings("m")));
    v1::QuantizeResponse response;
    while (stream->Read(&response)) {
    }
    EXPECT_EQ(stream->Finish().error_code(),
              grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  while (!jobs.List().empty()) {
  }
  server->Shutdown();
  server->Wait();
}

}  // namespace
}  // namespace octet
