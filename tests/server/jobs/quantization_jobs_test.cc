// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/quantization_jobs.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/models/model_repository.h"
#include "server/scheduler/batch_scheduler.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using ::testing::HasSubstr;

class QuantizationJobsTest : public ::testing::Test {
 protected:
  QuantizationJobsTest() : scheduler_(1, &clock_) {}

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
    jobs_ = std::make_unique<QuantizationJobs>(QuantizationJobs::Environment{
        &functions_, repository_.get(), registry_.get(), metrics_.get(),
        /*max_calibration_bytes=*/1024, /*threads=*/1});
  }

  std::shared_ptr<QuantizationJob> Begin(QuantizationRequest request) {
    auto job = jobs_->Begin(std::move(request));
    EXPECT_TRUE(job.ok()) << job.status();
    if (!job.ok()) return nullptr;
    const std::string bytes(3 * 16, '\0');
    const CalibrationRows rows = {"x", DType::kFloat32, {3, 4}, bytes};
    EXPECT_TRUE((*job)->Append({&rows, 1}).ok());
    return *std::move(job);
  }

  // Runs a job to its end.
  absl::StatusOr<QuantizationOutcome> Run(
      std::shared_ptr<QuantizationJob> job) {
    absl::StatusOr<QuantizationOutcome> result;
    absl::Notification done;
    QuantizationJob::Run(
        std::move(job),
        [this](const QuantizationProgress& progress) {
          progress_.push_back(absl::StrCat(progress.phase, " ", progress.done,
                                           "/", progress.total));
        },
        [&](absl::StatusOr<QuantizationOutcome> outcome) {
          result = std::move(outcome);
          done.Notify();
        });
    done.WaitForNotification();
    return result;
  }

  FakeClock clock_;
  ScratchFolder folder_;
  FakeEngine engine_;
  EngineFunctions functions_;
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<ModelRepository> repository_;
  BatchScheduler scheduler_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<QuantizationJobs> jobs_;
  std::vector<std::string> progress_;
};

TEST_F(QuantizationJobsTest, PublishesTheNextVersionAndLoadsItIfAsked) {
  const auto first = Run(Begin({.model = "m"}));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->model, "m");
  EXPECT_EQ(first->version, 2);
  EXPECT_EQ(first->result.samples, 3);
  EXPECT_EQ(folder_.Read("m/2/model.onnx"), "scale 3\n");
  EXPECT_TRUE(registry_->Find("m", "1").ok());
  EXPECT_THAT(progress_,
              ::testing::IsSupersetOf(
                  {"calibrate 0/3", "calibrate 3/3", "publish 1/1"}));

  const auto second =
      Run(Begin({.model = "m", .version = "1", .load_when_done = true}));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->version, 3);
  EXPECT_TRUE(registry_->Find("m", "3").ok());
}

TEST_F(QuantizationJobsTest, PublishesUnderAnotherName) {
  const auto outcome = Run(
      Begin({.model = "m", .output_model = "m_int8", .load_when_done = true}));
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_EQ(outcome->model, "m_int8");
  EXPECT_EQ(outcome->version, 1);
  EXPECT_TRUE(registry_->Find("m_int8", "1").ok());
  EXPECT_TRUE(registry_->Find("m", "1").ok());
}

TEST_F(QuantizationJobsTest, OneAtATime) {
  auto first = Begin({.model = "m"});
  EXPECT_EQ(jobs_->Begin({.model = "m"}).status().code(),
            absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(Run(std::move(first)).ok());
  // The slot is free as soon as the job says that it is done.
  ASSERT_TRUE(Run(Begin({.model = "m"})).ok());
  // And when a job is given up before it runs.
  Begin({.model = "m"}).reset();
  EXPECT_NE(Begin({.model = "m"}), nullptr);
}

TEST_F(QuantizationJobsTest, RefusesWhatIsNotInTheRepository) {
  EXPECT_EQ(jobs_->Begin({.model = "zebra"}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(jobs_->Begin({.model = "m", .version = "9"}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(jobs_->Begin({.model = "m", .version = "x"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(jobs_->Begin({.model = "../m"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      jobs_->Begin({.model = "m", .output_model = "../m"}).status().code(),
      absl::StatusCode::kInvalidArgument);
}

TEST_F(QuantizationJobsTest, WithoutSamplesNothingIsPublished) {
  auto job = jobs_->Begin({.model = "m"});
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(Run(*std::move(job)).status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto versions = repository_->ListVersions("m");
  ASSERT_TRUE(versions.ok());
  EXPECT_EQ(versions->size(), 1u);
}

TEST_F(QuantizationJobsTest, CancelledWhileItRunsPublishesNothing) {
  engine_.Hold();
  auto job = Begin({.model = "m"});
  absl::StatusOr<QuantizationOutcome> result;
  absl::Notification done;
  QuantizationJob::Run(
      std::move(job), [](const QuantizationProgress&) {},
      [&](absl::StatusOr<QuantizationOutcome> outcome) {
        result = std::move(outcome);
        done.Notify();
      });
  engine_.AwaitWaiting(1);
  jobs_->CancelAll();
  engine_.Release();
  done.WaitForNotification();
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
  const auto versions = repository_->ListVersions("m");
  ASSERT_TRUE(versions.ok());
  EXPECT_EQ(versions->size(), 1u);
  const auto text = metrics_->Text();
  ASSERT_TRUE(text.ok());
  EXPECT_THAT(*text,
              HasSubstr("octet_quantizations_total{code=\"CANCELLED\"} 1"));
  EXPECT_THAT(*text, HasSubstr("\noctet_running_quantizations 0"));
}

}  // namespace
}  // namespace octet
