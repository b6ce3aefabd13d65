// SPDX-License-Identifier: Apache-2.0
#include "server/api/quantize_call.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "server/api/grpc_status.h"
#include "server/api/job_codec.h"
#include "server/api/job_messages.h"
#include "server/api/stall_timer.h"
#include "server/jobs/job_handles.h"

namespace octet {
namespace {

using v1::QuantizeRequest;
using v1::QuantizeResponse;

// Reads until the job is complete, and writes one message at a time; progress
// that was overtaken is not sent. Owned by gRPC until OnDone(); whoever calls
// back later finds a weak pointer empty, or a call that has ended.
//
// Jobs are never called under the mutex, except to look: they call back.
class QuantizeCall
    : public grpc::ServerBidiReactor<QuantizeRequest, QuantizeResponse>,
      public std::enable_shared_from_this<QuantizeCall> {
 public:
  QuantizeCall(QuantizationJobs* jobs, absl::Duration patience,
               grpc::CallbackServerContext* context)
      : jobs_(jobs), timer_(patience), messages_(jobs, context) {}

  void Begin(const ApiContext& api, absl::Duration patience);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  absl::Status Take(const QuantizeRequest& request);
  absl::Status Watch();
  // All of the job is there.
  void Submitted();
  void OnChange();

  // For those who read: ends the call, and before the caller hears of it what
  // was uploaded, so that it does not find the job afterwards.
  void Refuse(const absl::Status& status);
  // Ends the call once what waits is written.
  void End(const absl::Status& status);
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  QuantizationJobs* const jobs_;
  std::shared_ptr<QuantizeCall> self_;  // until OnDone()
  StallTimer timer_;

  // Those who read.
  QuantizeRequest request_;
  JobMessages messages_;

  absl::Mutex mutex_;
  std::unique_ptr<JobWatch> watch_ ABSL_GUARDED_BY(mutex_);
  bool submitted_ ABSL_GUARDED_BY(mutex_) = false;
  bool caller_left_ ABSL_GUARDED_BY(mutex_) = false;
  QuantizeResponse response_ ABSL_GUARDED_BY(mutex_);  // being written
  std::optional<QuantizeResponse> progress_ ABSL_GUARDED_BY(mutex_);
  std::optional<QuantizeResponse> result_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Status Stalled(absl::Duration patience) {
  return absl::DeadlineExceededError(
      absl::StrCat("no message came for ", absl::FormatDuration(patience),
                   ", expected the rest of the job"));
}

void QuantizeCall::Begin(const ApiContext& api, absl::Duration patience) {
  self_ = shared_from_this();
  if (!api.state->takes_work()) {
    End(absl::UnavailableError(api.state->reason()));
    return;
  }
  timer_.Start([weak = weak_from_this(), patience] {
    if (const auto self = weak.lock()) self->End(Stalled(patience));
  });
  StartRead(&request_);
}

void QuantizeCall::OnReadDone(bool ok) {
  timer_.Touch();
  {
    absl::MutexLock lock(&mutex_);
    // The read of a call that has ended fails as well.
    if (end_) return;
  }
  const bool was_submitted = messages_.submitted();
  const absl::Status status = ok ? Take(request_) : messages_.Close();
  if (!status.ok()) {
    if (was_submitted) jobs_->Cancel(messages_.id()).IgnoreError();
    Refuse(status);
    return;
  }
  if (messages_.submitted() && !was_submitted) Submitted();
  if (!ok) return;
  absl::MutexLock lock(&mutex_);
  if (!finished_) StartRead(&request_);
}

absl::Status QuantizeCall::Take(const QuantizeRequest& request) {
  const bool first = messages_.id().empty();
  OCTET_RETURN_IF_ERROR(messages_.Take(request));
  return first ? Watch() : absl::OkStatus();
}

absl::Status QuantizeCall::Watch() {
  absl::StatusOr<std::unique_ptr<JobWatch>> watch =
      jobs_->Watch(messages_.id(), [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->OnChange();
      });
  if (!watch.ok()) return watch.status();
  {
    absl::MutexLock lock(&mutex_);
    watch_ = *std::move(watch);
  }
  OnChange();
  return absl::OkStatus();
}

void QuantizeCall::Submitted() {
  timer_.Stop();
  {
    absl::MutexLock lock(&mutex_);
    submitted_ = true;
    if (!caller_left_ || messages_.detach()) return;
  }
  jobs_->Cancel(messages_.id()).IgnoreError();
}

void QuantizeCall::OnChange() {
  absl::MutexLock lock(&mutex_);
  if (watch_ == nullptr || end_) return;
  const JobStatus job = watch_->Status();
  QuantizeResponse& progress = progress_.emplace();
  progress.set_job_id(job.id);
  EncodeProgress(job.progress, progress.mutable_progress());
  if (HasEnded(job.state)) {
    if (job.state == JobState::kSucceeded) {
      QuantizeResponse& result = result_.emplace();
      result.set_job_id(job.id);
      EncodeOutcome(*job.outcome, result.mutable_result());
    }
    end_ = job.error;
  }
  WriteLocked();
}

void QuantizeCall::OnCancel() {
  timer_.Stop();
  bool cancel = false;
  {
    absl::MutexLock lock(&mutex_);
    caller_left_ = true;
    cancel = submitted_ && !messages_.detach();
  }
  if (cancel) jobs_->Cancel(messages_.id()).IgnoreError();
  End(absl::CancelledError("the caller cancelled the quantization"));
}

void QuantizeCall::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok) {
    progress_.reset();
    result_.reset();
  }
  WriteLocked();
}

void QuantizeCall::OnDone() {
  timer_.Stop();
  std::unique_ptr<JobWatch> watch;
  {
    absl::MutexLock lock(&mutex_);
    watch = std::move(watch_);
  }
  watch = nullptr;
  messages_.Forget();
  const auto last = std::move(self_);
}

void QuantizeCall::Refuse(const absl::Status& status) {
  std::unique_ptr<JobWatch> watch;
  {
    absl::MutexLock lock(&mutex_);
    watch = std::move(watch_);
  }
  watch = nullptr;
  messages_.Forget();
  End(status);
}

void QuantizeCall::End(const absl::Status& status) {
  absl::MutexLock lock(&mutex_);
  if (!end_) end_ = status;
  WriteLocked();
}

void QuantizeCall::WriteLocked() {
  if (writing_ || finished_) return;
  std::optional<QuantizeResponse>& next = progress_ ? progress_ : result_;
  if (next) {
    response_ = *std::move(next);
    next.reset();
    writing_ = true;
    StartWrite(&response_);
  } else if (end_) {
    finished_ = true;
    Finish(ToGrpcStatus(*end_));
  }
}

// Reads until the job is complete, then answers.
class SubmitCall : public grpc::ServerReadReactor<QuantizeRequest>,
                   public std::enable_shared_from_this<SubmitCall> {
 public:
  SubmitCall(QuantizationJobs* jobs, absl::Duration patience,
             grpc::CallbackServerContext* context, v1::Job* response)
      : jobs_(jobs),
        response_(response),
        timer_(patience),
        messages_(jobs, context) {}

  void Begin(const ApiContext& api, absl::Duration patience) {
    self_ = shared_from_this();
    if (!api.state->takes_work()) {
      End(absl::UnavailableError(api.state->reason()));
      return;
    }
    timer_.Start([weak = weak_from_this(), patience] {
      if (const auto self = weak.lock()) self->End(Stalled(patience));
    });
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override;
  void OnCancel() override {
    End(absl::CancelledError("the caller cancelled the call"));
  }
  void OnDone() override {
    timer_.Stop();
    watch_ = nullptr;
    messages_.Forget();
    const auto last = std::move(self_);
  }

 private:
  absl::Status Take();
  // For those who read: as QuantizeCall has it.
  void Refuse(const absl::Status& status) {
    watch_ = nullptr;
    messages_.Forget();
    End(status);
  }
  // Ends the call when somebody else ended the job that is being uploaded.
  void OnChange(const std::string& id);
  void End(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(finished_, true)) return;
    Finish(ToGrpcStatus(status));
  }

  QuantizationJobs* const jobs_;
  v1::Job* const response_;
  std::shared_ptr<SubmitCall> self_;  // until OnDone()
  StallTimer timer_;

  // Those who read.
  QuantizeRequest request_;
  JobMessages messages_;
  std::unique_ptr<JobWatch> watch_;  // from the settings to OnDone()

  absl::Mutex mutex_;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

absl::Status SubmitCall::Take() {
  const bool first = messages_.id().empty();
  OCTET_RETURN_IF_ERROR(messages_.Take(request_));
  if (!first || messages_.submitted()) return absl::OkStatus();
  OCTET_ASSIGN_OR_RETURN(
      watch_, jobs_->Watch(messages_.id(),
                           [weak = weak_from_this(), id = messages_.id()] {
                             if (const auto self = weak.lock()) {
                               self->OnChange(id);
                             }
                           }));
  return absl::OkStatus();
}

void SubmitCall::OnChange(const std::string& id) {
  const absl::StatusOr<JobStatus> job = jobs_->Get(id);
  if (!job.ok() || job->started || !HasEnded(job->state)) return;
  End(job->error);
}

void SubmitCall::OnReadDone(bool ok) {
  timer_.Touch();
  if (!ok) {
    Refuse(absl::InvalidArgumentError(
        "the stream ended, but no message had `last` set, so it may have "
        "broken off; set it in the last one"));
    return;
  }
  const absl::Status status = Take();
  if (!status.ok()) {
    Refuse(status);
    return;
  }
  if (messages_.submitted()) {
    // The last hundred jobs would have to end before this line to forget it.
    const absl::StatusOr<JobStatus> job = jobs_->Get(messages_.id());
    if (job.ok()) EncodeJob(*job, ReportChoice::kWithReport, response_);
    End(job.status());
    return;
  }
  absl::MutexLock lock(&mutex_);
  if (!finished_) StartRead(&request_);
}

// Writes one state at a time, always the newest.
class WatchCall : public grpc::ServerWriteReactor<v1::Job>,
                  public std::enable_shared_from_this<WatchCall> {
 public:
  void Begin(QuantizationJobs* jobs, const std::string& id);

  void OnWriteDone(bool) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    WriteLocked();
  }
  void OnCancel() override {
    absl::MutexLock lock(&mutex_);
    FinishLocked(absl::CancelledError("the caller cancelled the call"));
  }
  void OnDone() override {
    std::unique_ptr<JobWatch> watch;
    {
      absl::MutexLock lock(&mutex_);
      watch = std::move(watch_);
    }
    watch = nullptr;
    const auto last = std::move(self_);
  }

 private:
  void OnChange() {
    absl::MutexLock lock(&mutex_);
    changed_ = true;
    WriteLocked();
  }
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FinishLocked(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!std::exchange(finished_, true)) Finish(ToGrpcStatus(status));
  }

  std::shared_ptr<WatchCall> self_;  // until OnDone()
  absl::Mutex mutex_;
  std::unique_ptr<JobWatch> watch_ ABSL_GUARDED_BY(mutex_);
  v1::Job job_ ABSL_GUARDED_BY(mutex_);  // being written
  bool changed_ ABSL_GUARDED_BY(mutex_) = true;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_the_end_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

void WatchCall::Begin(QuantizationJobs* jobs, const std::string& id) {
  self_ = shared_from_this();
  absl::StatusOr<std::unique_ptr<JobWatch>> watch =
      jobs->Watch(id, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->OnChange();
      });
  absl::MutexLock lock(&mutex_);
  if (!watch.ok()) {
    FinishLocked(watch.status());
    return;
  }
  watch_ = *std::move(watch);
  WriteLocked();
}

void WatchCall::WriteLocked() {
  if (writing_ || finished_ || watch_ == nullptr) return;
  if (told_the_end_) {
    FinishLocked(absl::OkStatus());
    return;
  }
  if (!std::exchange(changed_, false)) return;
  const JobStatus job = watch_->Status();
  told_the_end_ = HasEnded(job.state);
  job_.Clear();
  EncodeJob(job, ReportChoice::kWithReport, &job_);
  writing_ = true;
  StartWrite(&job_);
}

}  // namespace

grpc::ServerBidiReactor<QuantizeRequest, QuantizeResponse>* BeginQuantizeCall(
    const ApiContext& api, QuantizationJobs* jobs, absl::Duration patience,
    grpc::CallbackServerContext* context) {
  const auto call = std::make_shared<QuantizeCall>(jobs, patience, context);
  call->Begin(api, patience);
  return call.get();
}

grpc::ServerReadReactor<QuantizeRequest>* BeginSubmitCall(
    const ApiContext& api, QuantizationJobs* jobs, absl::Duration patience,
    grpc::CallbackServerContext* context, v1::Job* response) {
  const auto call =
      std::make_shared<SubmitCall>(jobs, patience, context, response);
  call->Begin(api, patience);
  return call.get();
}

grpc::ServerWriteReactor<v1::Job>* BeginWatchCall(
    QuantizationJobs* jobs, const v1::WatchJobRequest& request) {
  const auto call = std::make_shared<WatchCall>();
  call->Begin(jobs, request.id());
  return call.get();
}

}  // namespace octet
