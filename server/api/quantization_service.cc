// SPDX-License-Identifier: Apache-2.0
#include "server/api/quantization_service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/base/dtype.h"
#include "engine/base/status_macros.h"
#include "proto/octet/v1/quantization.grpc.pb.h"
#include "server/api/grpc_status.h"
#include "server/api/wire_type.h"
#include "server/jobs/calibration_data.h"
#include "server/jobs/quantization_jobs.h"

namespace octet {
namespace {

using v1::CalibrationChunk;
using v1::QuantizeRequest;
using v1::QuantizeResponse;
using v1::QuantizeSettings;

// When to come back while another job runs: they take seconds to minutes.
constexpr absl::Duration kRetryDelay = absl::Seconds(5);

absl::StatusOr<QuantizationRequest> DecodeSettings(
    const QuantizeSettings& settings) {
  QuantizationRequest request;
  request.model = settings.model_name();
  request.version = settings.model_version();
  request.output_model = settings.output_model_name();
  request.load_when_done = settings.load_when_done();
  if (settings.method() != v1::METHOD_LINEAR) {
    return absl::InvalidArgumentError(absl::StrCat(
        "settings.method: got ", v1::Method_Name(settings.method()), " (",
        static_cast<int>(settings.method()), "), expected METHOD_LINEAR"));
  }
  request.options.method = QuantizationMethod::kLinear;
  switch (settings.activation_scheme()) {
    case v1::ACTIVATION_SCHEME_ASYMMETRIC:
      request.options.activations = ActivationScheme::kAsymmetric;
      break;
    case v1::ACTIVATION_SCHEME_SYMMETRIC:
      request.options.activations = ActivationScheme::kSymmetric;
      break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("settings.activation_scheme: got ",
                       v1::ActivationScheme_Name(settings.activation_scheme()),
                       " (", static_cast<int>(settings.activation_scheme()),
                       "), expected ACTIVATION_SCHEME_ASYMMETRIC or "
                       "ACTIVATION_SCHEME_SYMMETRIC"));
  }
  return request;
}

// The rows point into `chunk`.
absl::StatusOr<std::vector<CalibrationRows>> DecodeChunk(
    const CalibrationChunk& chunk) {
  std::vector<CalibrationRows> rows;
  for (const v1::CalibrationTensor& tensor : chunk.inputs()) {
    const std::optional<DType> dtype = ParseWireName(tensor.datatype());
    if (!dtype) {
      return absl::InvalidArgumentError(
          absl::StrCat("calibration of input '", tensor.name().substr(0, 128),
                       "': got datatype '", tensor.datatype().substr(0, 32),
                       "', expected one of fixed size, such as FP32"));
    }
    rows.push_back({tensor.name(), *dtype,
                    Shape(tensor.shape().begin(), tensor.shape().end()),
                    tensor.raw_contents()});
  }
  return rows;
}

void EncodeOutcome(const QuantizationOutcome& outcome,
                   v1::QuantizeResult* result) {
  result->set_model_name(outcome.model);
  result->set_model_version(absl::StrCat(outcome.version));
  result->set_float_bytes(outcome.result.float_bytes);
  result->set_quantized_bytes(outcome.result.quantized_bytes);
  result->set_integer_steps(outcome.result.integer_steps);
  result->set_float_steps(outcome.result.float_steps);
  result->set_samples(outcome.result.samples);
  // Infinite where nothing differs, which the field says by its absence.
  if (std::isfinite(outcome.result.sqnr_db)) {
    result->set_sqnr_db(outcome.result.sqnr_db);
  }
}

// One Quantize call. Reads until the client closes its side, runs the job, and
// writes one message at a time; progress that was overtaken is not sent.
// Owned by gRPC, until OnDone(), and by the job that reports to it.
class QuantizeCall
    : public grpc::ServerBidiReactor<QuantizeRequest, QuantizeResponse> {
 public:
  static QuantizeCall* Begin(const ApiContext& api, QuantizationJobs* jobs,
                             grpc::CallbackServerContext* context) {
    auto call = std::make_shared<QuantizeCall>(jobs, context);
    call->self_ = call;
    if (api.state->takes_work()) {
      call->StartRead(&call->request_);
    } else {
      call->End(absl::UnavailableError(api.state->reason()));
    }
    return call.get();
  }

  QuantizeCall(QuantizationJobs* jobs, grpc::CallbackServerContext* context)
      : jobs_(jobs), context_(context) {}

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override { const auto last = std::move(self_); }

 private:
  absl::Status Take(const QuantizeRequest& request);
  void RunJob();
  void OnProgress(const QuantizationProgress& progress);
  void OnOutcome(const absl::StatusOr<QuantizationOutcome>& outcome);

  // Ends the call once what waits is written.
  void End(const absl::Status& status);
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  QuantizationJobs* const jobs_;
  grpc::CallbackServerContext* const context_;
  std::shared_ptr<QuantizeCall> self_;  // until OnDone()
  QuantizeRequest request_;             // belongs to the read that is under way

  absl::Mutex mutex_;
  std::shared_ptr<QuantizationJob> job_ ABSL_GUARDED_BY(mutex_);
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  QuantizeResponse response_ ABSL_GUARDED_BY(mutex_);  // being written
  std::optional<QuantizeResponse> progress_ ABSL_GUARDED_BY(mutex_);
  std::optional<QuantizeResponse> result_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

void QuantizeCall::OnReadDone(bool ok) {
  if (!ok) {
    RunJob();
    return;
  }
  if (absl::Status status = Take(request_); !status.ok()) {
    End(status);
    return;
  }
  absl::MutexLock lock(&mutex_);
  if (!end_) StartRead(&request_);
}

absl::Status QuantizeCall::Take(const QuantizeRequest& request) {
  std::shared_ptr<QuantizationJob> job;
  {
    absl::MutexLock lock(&mutex_);
    job = job_;
  }
  switch (request.request_case()) {
    case QuantizeRequest::kSettings: {
      if (job != nullptr) {
        return absl::InvalidArgumentError(
            "got settings twice, expected them in the first message only");
      }
      OCTET_ASSIGN_OR_RETURN(QuantizationRequest settings,
                             DecodeSettings(request.settings()));
      auto begun = jobs_->Begin(std::move(settings));
      if (absl::IsResourceExhausted(begun.status())) {
        SetRetryDelay(kRetryDelay, context_);
      }
      OCTET_RETURN_IF_ERROR(begun.status());
      absl::MutexLock lock(&mutex_);
      job_ = *std::move(begun);
      return absl::OkStatus();
    }
    case QuantizeRequest::kCalibration: {
      if (job == nullptr) {
        return absl::InvalidArgumentError(
            "got calibration samples first, expected settings in the first "
            "message");
      }
      OCTET_ASSIGN_OR_RETURN(const std::vector<CalibrationRows> rows,
                             DecodeChunk(request.calibration()));
      return job->Append(rows);
    }
    case QuantizeRequest::kModel:
      return absl::UnimplementedError(
          "got a model chunk, expected a model of the repository");
    case QuantizeRequest::REQUEST_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      "got an empty message, expected settings or calibration samples");
}

void QuantizeCall::RunJob() {
  std::shared_ptr<QuantizationJob> job;
  {
    absl::MutexLock lock(&mutex_);
    // The read of a call that has ended fails as well.
    if (end_) return;
    job = job_;
    running_ = job != nullptr;
  }
  if (job == nullptr) {
    End(absl::InvalidArgumentError(
        "got no message, expected settings and calibration samples"));
    return;
  }
  QuantizationJob::Run(
      std::move(job),
      [self = self_](const QuantizationProgress& progress) {
        self->OnProgress(progress);
      },
      [self = self_](absl::StatusOr<QuantizationOutcome> outcome) {
        self->OnOutcome(outcome);
      });
}

void QuantizeCall::OnProgress(const QuantizationProgress& progress) {
  QuantizeResponse response;
  response.mutable_progress()->set_phase(progress.phase);
  response.mutable_progress()->set_done(progress.done);
  response.mutable_progress()->set_total(progress.total);
  absl::MutexLock lock(&mutex_);
  progress_ = std::move(response);
  WriteLocked();
}

void QuantizeCall::OnOutcome(
    const absl::StatusOr<QuantizationOutcome>& outcome) {
  absl::MutexLock lock(&mutex_);
  running_ = false;
  job_ = nullptr;
  if (outcome.ok()) {
    EncodeOutcome(*outcome, result_.emplace().mutable_result());
  }
  if (!end_) end_ = outcome.status();
  WriteLocked();
}

void QuantizeCall::OnCancel() {
  std::shared_ptr<QuantizationJob> job;
  {
    absl::MutexLock lock(&mutex_);
    if (running_) {
      job_->Cancel();  // OnOutcome() follows and ends the call
      return;
    }
    job = std::move(job_);
  }
  End(absl::CancelledError("the caller cancelled the quantization"));
}

void QuantizeCall::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok) {
    progress_.reset();
    result_.reset();
    if (running_) job_->Cancel();
  }
  WriteLocked();
}

void QuantizeCall::End(const absl::Status& status) {
  std::shared_ptr<QuantizationJob> job;  // freed after the lock
  absl::MutexLock lock(&mutex_);
  job = std::move(job_);
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
  } else if (end_ && !running_) {
    finished_ = true;
    Finish(ToGrpcStatus(*end_));
  }
}

}  // namespace

grpc::ServerBidiReactor<QuantizeRequest, QuantizeResponse>*
QuantizationServiceImpl::Quantize(grpc::CallbackServerContext* context) {
  return QuantizeCall::Begin(api_, jobs_, context);
}

}  // namespace octet
