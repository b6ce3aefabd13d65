// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/quantization_jobs.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/jobs/history.h"
#include "server/jobs/job_handles.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/models/model_repository.h"
#include "server/scheduler/batch_scheduler.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr int64_t kJobBytes = 1024;

class QuantizationJobsTest : public ::testing::Test {
 protected:
  QuantizationJobsTest() : scheduler_(1, &clock_) {}
  ~QuantizationJobsTest() override { engine_.Release(); }

  void SetUp() override {
    folder_.Write("m/1/model.onnx", "scale 1");
    auto metrics = Metrics::Create("test", "none");
    ASSERT_TRUE(metrics.ok());
    metrics_ = *std::move(metrics);
    auto repository = ModelRepository::Open(folder_.path());
    ASSERT_TRUE(repository.ok());
    repository_ = *std::move(repository);
    functions_ = engine_.functions();
    registry_ = std::make_unique<ModelRegistry>(
        repository_.get(), ModelOptions{},
        LoadedModel::Environment{&functions_, &scheduler_, metrics_.get(), {}});
    ASSERT_TRUE(registry_->LoadAll().ok());
    JobEnvironment environment;
    environment.engine = &functions_;
    environment.repository = repository_.get();
    environment.registry = registry_.get();
    environment.metrics = metrics_.get();
    environment.job_bytes = kJobBytes;
    environment.calibration_folder = calibration_.path();
    environment.octet_version = "9.8.7";
    environment.isa = "test-isa";
    jobs_ = std::make_unique<QuantizationJobs>(environment);
  }

  std::unique_ptr<JobUpload> Begin(QuantizationRequest request) {
    auto upload = jobs_->Begin(std::move(request));
    EXPECT_TRUE(upload.ok()) << upload.status();
    return upload.ok() ? *std::move(upload) : nullptr;
  }

  // Hands in a job with so many samples; its id.
  std::string Submit(QuantizationRequest request, int64_t samples = 3) {
    const auto upload = Begin(std::move(request));
    if (upload == nullptr) return "";
    EXPECT_TRUE(AppendSamples(upload.get(), samples).ok());
    const absl::Status submitted = upload->Submit();
    EXPECT_TRUE(submitted.ok()) << submitted;
    return upload->id();
  }

  static absl::Status AppendSamples(JobUpload* upload, int64_t samples) {
    const std::string bytes(samples * 16, '\0');
    const CalibrationRows rows = {"x", DType::kFloat32, {samples, 4}, bytes};
    return upload->AppendSamples({&rows, 1});
  }

  static absl::Status AppendEvaluation(JobUpload* upload, int64_t samples,
                                       std::vector<int64_t> labels) {
    const std::string bytes(samples * 16, '\0');
    const CalibrationRows rows = {"x", DType::kFloat32, {samples, 4}, bytes};
    return upload->AppendEvaluation({&rows, 1}, labels);
  }

  // Waits until the job has ended; all that was seen of it goes to seen_.
  JobStatus Await(const std::string& id) {
    // A last call may come when this function is over.
    struct Changes {
      absl::Mutex mutex;
      bool any = false;
    };
    const auto changes = std::make_shared<Changes>();
    auto watch = jobs_->Watch(id, [changes] {
      absl::MutexLock lock(&changes->mutex);
      changes->any = true;
    });
    EXPECT_TRUE(watch.ok()) << watch.status();
    if (!watch.ok()) return {};
    while (true) {
      const JobStatus status = (*watch)->Status();
      seen_.push_back(absl::StrCat(status.progress.phase, " ",
                                   status.progress.done, "/",
                                   status.progress.total));
      if (HasEnded(status.state)) return status;
      absl::MutexLock lock(&changes->mutex);
      changes->mutex.Await(absl::Condition(&changes->any));
      changes->any = false;
    }
  }

  int Versions(const std::string& model) {
    const auto versions = repository_->ListVersions(model);
    return versions.ok() ? static_cast<int>(versions->size()) : -1;
  }

  FakeClock clock_;
  ScratchFolder folder_;
  ScratchFolder calibration_;
  FakeEngine engine_;
  EngineFunctions functions_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ModelRepository> repository_;
  BatchScheduler scheduler_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<QuantizationJobs> jobs_;
  std::vector<std::string> seen_;
};

TEST_F(QuantizationJobsTest, PublishesTheNextVersionAndLoadsItIfAsked) {
  const JobStatus first = Await(Submit({.model = "m"}));
  ASSERT_EQ(first.state, JobState::kSucceeded) << first.error;
  EXPECT_EQ(first.outcome->model, "m");
  EXPECT_EQ(first.outcome->version, 2);
  EXPECT_EQ(first.outcome->result.samples, 3);
  EXPECT_EQ(folder_.Read("m/2/model.onnx"), "scale 3\n");
  EXPECT_TRUE(registry_->Find("m", "1").ok());
  EXPECT_EQ(seen_.back(), "publish 1/1");
  EXPECT_LE(first.created, *first.started);
  EXPECT_LE(*first.started, *first.ended);

  const JobStatus second =
      Await(Submit({.model = "m", .version = "1", .load_when_done = true}));
  ASSERT_EQ(second.state, JobState::kSucceeded) << second.error;
  EXPECT_EQ(second.outcome->version, 3);
  EXPECT_TRUE(registry_->Find("m", "3").ok());
  EXPECT_EQ(seen_.back(), "load 1/1");
}

TEST_F(QuantizationJobsTest, WithoutAVersionTheLatestThatNoJobMadeIsTaken) {
  ASSERT_EQ(Await(Submit({.model = "m"})).outcome->version, 2);
  const JobStatus second = Await(Submit({.model = "m"}));
  ASSERT_EQ(second.state, JobState::kSucceeded) << second.error;
  EXPECT_EQ(second.outcome->version, 3);
  EXPECT_EQ(Json::parse(second.outcome->report_json)["source"]["version"], "1");

  folder_.Write("m/4/model.onnx", "scale 7");
  const JobStatus third = Await(Submit({.model = "m"}));
  ASSERT_EQ(third.state, JobState::kSucceeded) << third.error;
  EXPECT_EQ(Json::parse(third.outcome->report_json)["source"]["version"], "4");

  // Where jobs made all there is, the latest is.
  ASSERT_EQ(Await(Submit({.model = "m", .output_model = "m8"})).state,
            JobState::kSucceeded);
  const JobStatus again = Await(Submit({.model = "m8"}));
  ASSERT_EQ(again.state, JobState::kSucceeded) << again.error;
  EXPECT_EQ(Json::parse(again.outcome->report_json)["source"]["version"], "1");
}

TEST_F(QuantizationJobsTest, FilesAreCalledAsTheConfigurationSays) {
  folder_.Write("net/config.pbtxt", "default_model_filename: \"net.bin\"");
  folder_.Write("net/1/net.bin", "scale 1");
  const JobStatus job = Await(Submit({.model = "net", .load_when_done = true}));
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.error;
  EXPECT_EQ(folder_.Read("net/2/net.bin"), "scale 3\n");
  EXPECT_TRUE(registry_->Find("net", "2").ok());
  // Each model's file has its own name.
  const JobStatus other = Await(Submit({.model = "net", .output_model = "m"}));
  ASSERT_EQ(other.state, JobState::kSucceeded) << other.error;
  EXPECT_EQ(folder_.Read("m/2/model.onnx"), "scale 3\n");

  folder_.Write("net/config.pbtxt", "default_model_filename: 7");
  const JobStatus broken = Await(Submit({.model = "m", .output_model = "net"}));
  EXPECT_EQ(broken.error.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(broken.error.message()), HasSubstr("config.pbtxt"));
  folder_.Write("net/config.pbtxt", "default_model_filename: \"history.json\"");
  const JobStatus taken = Await(Submit({.model = "m", .output_model = "net"}));
  EXPECT_EQ(taken.error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Versions("net"), 2);
}

TEST_F(QuantizationJobsTest, KeepsItsHistoryBesideTheVersion) {
  const JobStatus job = Await(Submit({.model = "m", .output_model = "m8"}));
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.error;
  EXPECT_EQ(folder_.Read("m8/1/history.json"), job.outcome->report_json);
  const Json json = Json::parse(job.outcome->report_json);
  EXPECT_EQ(json["kind"], "quantized");
  EXPECT_EQ(json["job"], job.id);
  EXPECT_EQ(json["octet_version"], "9.8.7");
  EXPECT_EQ(json["isa"], "test-isa");
  EXPECT_EQ(json["source"]["model"], "m");
  EXPECT_EQ(json["source"]["version"], "1");
  EXPECT_EQ(json["source"]["bytes"], 7);
  // printf 'scale 1' | sha256sum
  EXPECT_EQ(json["source"]["sha256"],
            "890321202b5a67d714c8bdc3cb4c6e99c11342e028bb7681e09307e46f9b222b");
  EXPECT_EQ(json["samples"], 3);
  EXPECT_EQ(json["figures"]["sqnr_db"], 33.5);
  EXPECT_EQ(json["settings"]["activation_scheme"], "asymmetric");

  const auto history = jobs_->History("m8", "");
  ASSERT_TRUE(history.ok()) << history.status();
  EXPECT_EQ(history->version, 1);
  EXPECT_EQ(history->json, job.outcome->report_json);
  EXPECT_THAT(std::string(jobs_->History("m", "1").status().message()),
              HasSubstr("not made by a job"));
  EXPECT_EQ(jobs_->History("zebra", "").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(jobs_->History("../m", "").status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(QuantizationJobsTest, KeepsItsReportBesideTheVersion) {
  const JobStatus job = Await(Submit({.model = "m", .output_model = "m8"}));
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.error;
  const Json json = Json::parse(folder_.Read("m8/1/report.json"));
  EXPECT_EQ(json["verdict"], "keep");
  EXPECT_EQ(json["model"], "m");
  EXPECT_EQ(json["evaluation"]["samples"], 3);
  EXPECT_EQ(json["evaluation"]["on_calibration_samples"], true);
  EXPECT_EQ(job.outcome->verdict, "keep");
  EXPECT_THAT(job.outcome->summary, HasSubstr("33.5 dB"));

  const auto page = jobs_->Report(job.id, "", "", kReportHtmlFile);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(page->model, "m8");
  EXPECT_EQ(page->version, 1);
  EXPECT_EQ(page->contents, folder_.Read("m8/1/report.html"));
  EXPECT_THAT(page->contents, HasSubstr("<!DOCTYPE html>"));
  const auto text = jobs_->Report("", "m8", "1", kReportTextFile);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(text->contents, folder_.Read("m8/1/report.txt"));

  EXPECT_THAT(
      std::string(
          jobs_->Report("", "m", "1", kReportTextFile).status().message()),
      HasSubstr("has no report"));
  EXPECT_EQ(jobs_->Report("0123", "", "", kReportTextFile).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(jobs_->Report("", "../m", "", kReportTextFile).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(QuantizationJobsTest, EvaluatesOnSamplesOfTheirOwn) {
  const auto upload = Begin({.model = "m"});
  ASSERT_NE(upload, nullptr);
  ASSERT_TRUE(AppendSamples(upload.get(), 3).ok());
  ASSERT_TRUE(AppendEvaluation(upload.get(), 5, {0, 1, 2, 3, 0}).ok());
  ASSERT_TRUE(AppendEvaluation(upload.get(), 2, {1, 1}).ok());
  ASSERT_TRUE(upload->Submit().ok());
  const JobStatus job = Await(upload->id());
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.error;
  const Json json = Json::parse(folder_.Read("m/2/report.json"));
  EXPECT_EQ(json["evaluation"]["samples"], 7);
  EXPECT_EQ(json["evaluation"]["on_calibration_samples"], false);
  EXPECT_EQ(json["evaluation"]["accuracy"]["int8"]["value"], 1);
  EXPECT_EQ(job.outcome->result.samples, 3);
}

TEST_F(QuantizationJobsTest, RefusesLabelsThatAreNotOneForEachSample) {
  const auto upload = Begin({.model = "m"});
  ASSERT_NE(upload, nullptr);
  EXPECT_THAT(std::string(AppendEvaluation(upload.get(), 3, {0, 1}).message()),
              HasSubstr("got 2 labels for 3 samples so far"));
  const auto mixed = Begin({.model = "m"});
  ASSERT_NE(mixed, nullptr);
  ASSERT_TRUE(AppendEvaluation(mixed.get(), 2, {}).ok());
  EXPECT_EQ(AppendEvaluation(mixed.get(), 2, {0, 1}).code(),
            absl::StatusCode::kInvalidArgument);
  const auto forgotten = Begin({.model = "m"});
  ASSERT_NE(forgotten, nullptr);
  ASSERT_TRUE(AppendEvaluation(forgotten.get(), 1, {0}).ok());
  EXPECT_EQ(AppendEvaluation(forgotten.get(), 1, {}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(QuantizationJobsTest, QuantizesUploadedModelsAndKeepsThemIfAsked) {
  const auto upload = Begin({.output_model = "new", .publish_float = true});
  ASSERT_NE(upload, nullptr);
  EXPECT_EQ(upload->Submit().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(upload->AppendModel("scale").ok());
  ASSERT_TRUE(upload->AppendModel(" 1").ok());
  EXPECT_EQ(upload->Submit().code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(AppendSamples(upload.get(), 2).ok());
  ASSERT_TRUE(AppendSamples(upload.get(), 3).ok());
  ASSERT_TRUE(upload->Submit().ok());
  const JobStatus job = Await(upload->id());
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.error;
  EXPECT_EQ(job.outcome->version, 2);
  EXPECT_EQ(job.outcome->float_version, 1);
  EXPECT_EQ(folder_.Read("new/1/model.onnx"), "scale 1");
  EXPECT_EQ(folder_.Read("new/2/model.onnx"), "scale 5\n");
  const Json json = Json::parse(folder_.Read("new/1/history.json"));
  EXPECT_EQ(json["kind"], "uploaded");
  EXPECT_EQ(json["source"]["model"], nullptr);
}

TEST_F(QuantizationJobsTest, JobsWaitTheirTurnByPriority) {
  engine_.Hold();
  const std::string running = Submit({.model = "m", .output_model = "a"});
  engine_.AwaitWaiting(1);
  const std::string low = Submit({.model = "m", .output_model = "b"});
  const std::string later = Submit({.model = "m", .output_model = "c"});
  const std::string high =
      Submit({.model = "m", .output_model = "d", .priority = 1});
  EXPECT_EQ(jobs_->Get(running)->state, JobState::kRunning);
  EXPECT_EQ(jobs_->Get(low)->state, JobState::kPending);
  EXPECT_EQ(jobs_->Get(low)->jobs_ahead, 2);
  EXPECT_EQ(jobs_->Get(later)->jobs_ahead, 3);
  EXPECT_EQ(jobs_->Get(high)->jobs_ahead, 1);
  std::vector<std::string> ids;
  for (const JobStatus& job : jobs_->List()) ids.push_back(job.id);
  EXPECT_THAT(ids, ElementsAre(high, later, low, running));
  engine_.Release();
  const JobStatus first = Await(high);
  const JobStatus second = Await(low);
  const JobStatus third = Await(later);
  EXPECT_LE(*first.ended, *second.started);
  EXPECT_LE(*second.ended, *third.started);
}

TEST_F(QuantizationJobsTest, RefusesMoreThanMayWait) {
  std::vector<std::unique_ptr<JobUpload>> uploads;
  for (int i = 0; i < QuantizationJobs::kMaxWaiting; ++i) {
    uploads.push_back(Begin({.model = "m"}));
  }
  EXPECT_EQ(jobs_->Begin({.model = "m"}).status().code(),
            absl::StatusCode::kResourceExhausted);
  const auto text = metrics_->Text();
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text, HasSubstr("\noctet_waiting_quantizations 16"));
  // One that is given up makes room, and nothing of it stays.
  const std::string given_up = uploads.back()->id();
  uploads.pop_back();
  EXPECT_EQ(jobs_->Get(given_up).status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(Begin({.model = "m"}), nullptr);
  // An upload never keeps others from running.
  uploads.pop_back();
  EXPECT_EQ(Await(Submit({.model = "m"})).state, JobState::kSucceeded);
}

TEST_F(QuantizationJobsTest, RemembersTheLastHundredThatEnded) {
  const std::string first = Submit({.model = "m", .output_model = "out"});
  Await(first);
  for (int i = 0; i < QuantizationJobs::kMaxEnded; ++i) {
    const auto upload = Begin({.model = "m"});
    EXPECT_TRUE(jobs_->Get(first).ok());
    EXPECT_TRUE(jobs_->Cancel(upload->id()).ok());
  }
  EXPECT_EQ(jobs_->Get(first).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(jobs_->List().size(), size_t{QuantizationJobs::kMaxEnded});
}

TEST_F(QuantizationJobsTest, BoundsTheMemoryOfOneJobAndOfAll) {
  const auto upload = Begin({.output_model = "new"});
  ASSERT_TRUE(upload->AppendModel(std::string(kJobBytes - 15, 'm')).ok());
  const absl::Status full = AppendSamples(upload.get(), 1);
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("--job-bytes"));

  std::vector<std::unique_ptr<JobUpload>> others;
  for (int i = 1; i < QuantizationJobs::kMaxJobsOfMemory; ++i) {
    others.push_back(Begin({.output_model = "new"}));
    ASSERT_TRUE(others.back()->AppendModel(std::string(kJobBytes, 'm')).ok());
  }
  const auto last = Begin({.output_model = "new"});
  EXPECT_EQ(last->AppendModel(std::string(16, 'm')).code(),
            absl::StatusCode::kResourceExhausted);
  others.pop_back();
  EXPECT_TRUE(last->AppendModel(std::string(16, 'm')).ok());

  folder_.Write("big/1/model.onnx", std::string(kJobBytes + 1, ' '));
  const JobStatus job = Await(Submit({.model = "big"}));
  EXPECT_EQ(job.state, JobState::kFailed);
  EXPECT_EQ(job.error.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(QuantizationJobsTest, RefusesWhatDoesNotFit) {
  const auto code = [this](QuantizationRequest request) {
    return jobs_->Begin(std::move(request)).status().code();
  };
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  EXPECT_EQ(code({.model = "zebra"}), absl::StatusCode::kNotFound);
  EXPECT_EQ(code({.model = "m", .version = "9"}), absl::StatusCode::kNotFound);
  EXPECT_EQ(code({.model = "m", .version = "x"}), kInvalid);
  EXPECT_EQ(code({.model = "../m"}), kInvalid);
  EXPECT_EQ(code({.model = "m", .output_model = "../m"}), kInvalid);
  EXPECT_EQ(code({.model = "m", .priority = 11}), kInvalid);
  EXPECT_EQ(code({.model = "m", .publish_float = true}), kInvalid);
  EXPECT_EQ(code({}), kInvalid);
  EXPECT_EQ(code({.version = "1", .output_model = "new"}), kInvalid);
  EXPECT_EQ(code({.model = "m", .calibration_path = "../x"}), kInvalid);
  EXPECT_TRUE(jobs_->List().empty());

  const auto named = Begin({.model = "m"});
  EXPECT_EQ(named->AppendModel("scale 1").code(), kInvalid);
  EXPECT_EQ(named->Submit().code(), kInvalid);
  const auto with_path = Begin({.model = "m", .calibration_path = "x.npz"});
  EXPECT_EQ(AppendSamples(with_path.get(), 1).code(), kInvalid);
}

TEST_F(QuantizationJobsTest, ReadsSamplesFromTheCalibrationFolder) {
  ASSERT_TRUE(io::WriteNpy(calibration_.path() + "/x.npy",
                           Tensor(DType::kFloat32, {6, 4}))
                  .ok());
  const auto upload = Begin({.model = "m", .calibration_path = "x.npy"});
  ASSERT_TRUE(upload->Submit().ok());
  const JobStatus job = Await(upload->id());
  ASSERT_EQ(job.state, JobState::kSucceeded) << job.error;
  EXPECT_EQ(job.outcome->result.samples, 6);

  const auto missing = Begin({.model = "m", .calibration_path = "y.npy"});
  ASSERT_TRUE(missing->Submit().ok());
  const JobStatus failed = Await(missing->id());
  EXPECT_EQ(failed.state, JobState::kFailed);
  EXPECT_EQ(failed.error.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Versions("m"), 2);
}

TEST_F(QuantizationJobsTest, SaysThatNothingIsRecorded) {
  const auto refused = jobs_->Begin({.model = "m", .recorded_samples = true});
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status()));
  EXPECT_THAT(refused.status().message(),
              HasSubstr("has no parameter record_rows"));
}

TEST_F(QuantizationJobsTest, CancelledAtAnyStagePublishesNothing) {
  // While it is uploaded.
  const auto upload = Begin({.model = "m"});
  EXPECT_EQ(jobs_->Cancel(upload->id())->state, JobState::kCancelled);
  EXPECT_EQ(AppendSamples(upload.get(), 1).code(),
            absl::StatusCode::kCancelled);
  // While it runs, and while it waits.
  engine_.Hold();
  const std::string running = Submit({.model = "m"});
  engine_.AwaitWaiting(1);
  const std::string waiting = Submit({.model = "m"});
  EXPECT_EQ(jobs_->Cancel(waiting)->state, JobState::kCancelled);
  EXPECT_EQ(jobs_->Cancel(running)->state, JobState::kRunning);
  engine_.Release();
  const JobStatus job = Await(running);
  EXPECT_EQ(job.state, JobState::kCancelled);
  EXPECT_EQ(job.error.code(), absl::StatusCode::kCancelled);
  // After its end it stays as it is.
  EXPECT_EQ(jobs_->Cancel(running)->ended, job.ended);
  EXPECT_EQ(Versions("m"), 1);
  EXPECT_EQ(jobs_->Cancel("0123456789abcdef").status().code(),
            absl::StatusCode::kNotFound);
  const auto text = metrics_->Text();
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text,
              HasSubstr("octet_quantizations_total{code=\"CANCELLED\"} 3"));
  EXPECT_THAT(*text, HasSubstr("\noctet_running_quantizations 0"));
  EXPECT_THAT(*text, HasSubstr("\noctet_waiting_quantizations 0"));
  EXPECT_THAT(*text, HasSubstr("\noctet_quantization_seconds_count 1"));
}

TEST_F(QuantizationJobsTest, AfterStopNothingRunsAndNothingIsTaken) {
  engine_.Hold();
  const std::string running = Submit({.model = "m"});
  engine_.AwaitWaiting(1);
  const std::string waiting = Submit({.model = "m"});
  const auto upload = Begin({.model = "m"});
  jobs_->Stop();
  EXPECT_EQ(jobs_->Get(waiting)->state, JobState::kCancelled);
  EXPECT_EQ(AppendSamples(upload.get(), 1).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(jobs_->Begin({.model = "m"}).status().code(),
            absl::StatusCode::kUnavailable);
  engine_.Release();
  EXPECT_EQ(Await(running).state, JobState::kCancelled);
  EXPECT_EQ(Versions("m"), 1);
}

}  // namespace
}  // namespace octet
