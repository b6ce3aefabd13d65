// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/quantization_jobs.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "server/models/model_repository.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

absl::Status Cancelled() {
  return absl::CancelledError("the quantization was cancelled");
}

// Serving comes first: the calling thread, and those it starts, get the CPU
// that is left over.
void LowerPriority() {
  constexpr int kLowest = 19;
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  if (setpriority(PRIO_PROCESS, thread, kLowest) != 0) {
    spdlog::warn(
        "the quantization thread keeps its priority: the system "
        "does not let it go down");
  }
}

}  // namespace

// Passes progress on, and cancellation back.
class QuantizationJob::Observer : public QuantizationObserver {
 public:
  Observer(const QuantizationJob* job,
           const QuantizationJob::ProgressCallback& on_progress)
      : job_(job), on_progress_(on_progress) {}

  absl::Status OnProgress(const QuantizationProgress& progress) override {
    if (job_->cancelled_) return Cancelled();
    on_progress_(progress);
    return absl::OkStatus();
  }

 private:
  const QuantizationJob* const job_;
  const QuantizationJob::ProgressCallback& on_progress_;
};

QuantizationJob::~QuantizationJob() { jobs_->Release(this); }

void QuantizationJob::Run(std::shared_ptr<QuantizationJob> job,
                          ProgressCallback on_progress, DoneCallback done) {
  QuantizationJobs* const jobs = job->jobs_;
  jobs->worker_.Do([job = std::move(job), jobs,
                    on_progress = std::move(on_progress),
                    done = std::move(done)] {
    absl::StatusOr<QuantizationOutcome> outcome = job->Quantize(on_progress);
    if (outcome.ok() && job->request_.load_when_done) {
      const absl::Status loaded = job->Load(*outcome);
      if (!loaded.ok()) outcome = loaded;
    }
    jobs->environment_.metrics->CountQuantization(outcome.status().code());
    // Whoever is told that this one is done may begin the next one.
    jobs->Release(job.get());
    done(std::move(outcome));
  });
}

absl::StatusOr<QuantizationOutcome> QuantizationJob::Quantize(
    const ProgressCallback& on_progress) {
  if (cancelled_) return Cancelled();
  const QuantizationJobs::Environment& environment = jobs_->environment_;
  OCTET_ASSIGN_OR_RETURN(
      const std::string bytes,
      environment.repository->Read(request_.model, version_));
  OCTET_ASSIGN_OR_RETURN(const std::vector<NamedTensor> samples,
                         data_.TakeTensors());
  Observer observer(this, on_progress);
  OCTET_ASSIGN_OR_RETURN(QuantizationResult result,
                         environment.engine->quantize(
                             bytes, samples, request_.options, &observer));
  OCTET_RETURN_IF_ERROR(
      observer.OnProgress({"publish", 0, 1}));  // the last call to cancel
  QuantizationOutcome outcome;
  outcome.model = request_.output_model;
  OCTET_ASSIGN_OR_RETURN(outcome.version, environment.repository->Publish(
                                              outcome.model, result.model));
  on_progress({"publish", 1, 1});
  spdlog::info("model '{}' version {} quantized: published as '{}' version {}",
               request_.model, version_, outcome.model, outcome.version);
  result.model.clear();
  outcome.result = std::move(result);
  return outcome;
}

absl::Status QuantizationJob::Load(const QuantizationOutcome& outcome) {
  absl::Status status;
  absl::Notification loaded;
  jobs_->environment_.registry->Load(outcome.model,
                                     [&](absl::Status load_status) {
                                       status = std::move(load_status);
                                       loaded.Notify();
                                     });
  loaded.WaitForNotification();
  if (status.ok()) return status;
  return absl::Status(
      status.code(), absl::StrCat("published as '", outcome.model, "' version ",
                                  outcome.version, ", but loading it failed: ",
                                  status.message()));
}

QuantizationJobs::QuantizationJobs(const Environment& environment)
    : environment_(environment) {
  worker_.Do(LowerPriority);
}

absl::StatusOr<int64_t> QuantizationJobs::ResolveVersion(
    const std::string& model, const std::string& version) const {
  OCTET_ASSIGN_OR_RETURN(const std::optional<int64_t> wanted,
                         ParseVersion(version));
  OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> versions,
                         environment_.repository->ListVersions(model));
  if (versions.empty()) {
    return absl::NotFoundError(
        absl::StrCat("model '", model, "' has no version"));
  }
  if (!wanted) return versions.back();
  if (!std::binary_search(versions.begin(), versions.end(), *wanted)) {
    return absl::NotFoundError(
        absl::StrCat("model '", model, "' has no version ", *wanted,
                     "; the latest is ", versions.back()));
  }
  return *wanted;
}

absl::StatusOr<std::shared_ptr<QuantizationJob>> QuantizationJobs::Begin(
    QuantizationRequest request) {
  OCTET_RETURN_IF_ERROR(CheckModelName(request.model));
  if (request.output_model.empty()) request.output_model = request.model;
  OCTET_RETURN_IF_ERROR(CheckModelName(request.output_model));
  request.options.threads = environment_.threads;
  OCTET_ASSIGN_OR_RETURN(const int64_t version,
                         ResolveVersion(request.model, request.version));
  absl::MutexLock lock(&mutex_);
  if (current_ != nullptr) {
    return absl::ResourceExhaustedError(
        "another quantization is running; retry later");
  }
  std::shared_ptr<QuantizationJob> job(new QuantizationJob(
      this, std::move(request), version, environment_.max_calibration_bytes));
  current_ = job.get();
  environment_.metrics->SetRunningQuantizations(1);
  return job;
}

void QuantizationJobs::CancelAll() {
  absl::MutexLock lock(&mutex_);
  if (current_ != nullptr) current_->Cancel();
}

void QuantizationJobs::Release(const QuantizationJob* job) {
  absl::MutexLock lock(&mutex_);
  if (current_ != job) return;
  current_ = nullptr;
  environment_.metrics->SetRunningQuantizations(0);
}

}  // namespace octet
