// SPDX-License-Identifier: Apache-2.0
// How QuantizationJobs runs a job, on its worker.
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "engine/engine.h"
#include "server/jobs/job.h"
#include "server/jobs/job_input.h"
#include "server/jobs/quantization_job.h"
#include "server/jobs/quantization_jobs.h"
#include "server/jobs/quantize_and_publish.h"

namespace octet {

// Passes progress on, and cancellation back.
class QuantizationJobs::Observer : public QuantizationObserver {
 public:
  Observer(QuantizationJobs* jobs, JobPtr job)
      : jobs_(jobs), job_(std::move(job)) {}

  absl::Status OnProgress(const QuantizationProgress& progress) override {
    if (job_->cancelled) {
      return absl::CancelledError("the quantization was cancelled");
    }
    jobs_->SetProgress(job_, progress);
    return absl::OkStatus();
  }

 private:
  QuantizationJobs* const jobs_;
  const JobPtr job_;
};

void QuantizationJobs::RunNext() {
  // One that was cancelled while it waited leaves nothing to do here.
  const JobPtr job = TakeNext();
  if (job != nullptr) Run(job);
}

QuantizationJobs::JobPtr QuantizationJobs::TakeNext() {
  JobPtr next;
  Listeners listeners;
  {
    absl::MutexLock lock(&mutex_);
    for (const JobPtr& job : jobs_) {
      if (job->waits() &&
          (next == nullptr ||
           job->status.request.priority > next->status.request.priority)) {
        next = job;
      }
    }
    if (next == nullptr) return nullptr;
    next->status.state = JobState::kRunning;
    next->status.started = absl::Now();
    listeners = ListenersLocked(*next);
    CountLocked();
  }
  Call(listeners);
  return next;
}

void QuantizationJobs::Run(const JobPtr& job) {
  JobStatus status;
  JobInput input(0);
  {
    absl::MutexLock lock(&mutex_);
    status = job->status;
    input = std::move(job->input);
  }
  Observer observer(this, job);
  absl::StatusOr<QuantizationOutcome> made = QuantizeAndPublish(
      environment_, status, job->source_version, std::move(input), &observer);
  if (!made.ok()) {
    End(job, nullptr, made.status());
    return;
  }
  const auto outcome =
      std::make_shared<const QuantizationOutcome>(*std::move(made));
  SetProgress(job, {"publish", 1, 1});
  absl::Status loaded;
  if (status.request.load_when_done) {
    SetProgress(job, {"load", 0, 1});
    loaded = LoadPublished(environment_, *outcome);
    if (loaded.ok()) SetProgress(job, {"load", 1, 1});
  }
  End(job, outcome, loaded);
}

void QuantizationJobs::SetProgress(const JobPtr& job,
                                   const QuantizationProgress& progress) {
  Listeners listeners;
  {
    absl::MutexLock lock(&mutex_);
    job->status.progress = progress;
    for (const auto& [key, listener] : job->listeners) {
      listeners.push_back(listener);
    }
  }
  Call(listeners);
}

void QuantizationJobs::End(const JobPtr& job,
                           std::shared_ptr<const QuantizationOutcome> outcome,
                           const absl::Status& status) {
  Listeners listeners;
  {
    absl::MutexLock lock(&mutex_);
    job->status.outcome = std::move(outcome);
    EndLocked(job.get(), status);
    listeners = ListenersLocked(*job);
    ForgetLocked();
  }
  Call(listeners);
}

}  // namespace octet
