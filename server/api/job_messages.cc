// SPDX-License-Identifier: Apache-2.0
#include "server/api/job_messages.h"

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "server/api/grpc_status.h"
#include "server/api/job_codec.h"

namespace octet {
namespace {

// When to come back while too many jobs wait: they take seconds to minutes.
constexpr absl::Duration kRetryDelay = absl::Seconds(5);

}  // namespace

absl::Status JobMessages::TakeSettings(const v1::QuantizeSettings& settings) {
  if (!id_.empty()) {
    return absl::InvalidArgumentError(
        "got settings twice, expected them in the first message only");
  }
  OCTET_ASSIGN_OR_RETURN(QuantizationRequest request, DecodeSettings(settings));
  detach_ = request.detach;
  absl::StatusOr<std::unique_ptr<JobUpload>> begun =
      jobs_->Begin(std::move(request));
  if (absl::IsResourceExhausted(begun.status())) {
    SetRetryDelay(kRetryDelay, context_);
  }
  OCTET_RETURN_IF_ERROR(begun.status());
  upload_ = *std::move(begun);
  id_ = upload_->id();
  return absl::OkStatus();
}

absl::Status JobMessages::Take(const v1::QuantizeRequest& request) {
  if (submitted_) {
    return absl::InvalidArgumentError(
        "got a message after the one that said that it is the last");
  }
  const auto kind = request.request_case();
  if (kind != v1::QuantizeRequest::kSettings && upload_ == nullptr) {
    return absl::InvalidArgumentError(
        "got no settings, expected settings in the first message");
  }
  switch (kind) {
    case v1::QuantizeRequest::kSettings:
      OCTET_RETURN_IF_ERROR(TakeSettings(request.settings()));
      break;
    case v1::QuantizeRequest::kCalibration: {
      OCTET_ASSIGN_OR_RETURN(const std::vector<CalibrationRows> rows,
                             DecodeTensors(request.calibration().inputs()));
      OCTET_RETURN_IF_ERROR(upload_->AppendSamples(rows));
      break;
    }
    case v1::QuantizeRequest::kEvaluation: {
      OCTET_ASSIGN_OR_RETURN(const std::vector<CalibrationRows> rows,
                             DecodeTensors(request.evaluation().inputs()));
      OCTET_RETURN_IF_ERROR(
          upload_->AppendEvaluation(rows, request.evaluation().labels()));
      break;
    }
    case v1::QuantizeRequest::kModel:
      OCTET_RETURN_IF_ERROR(
          upload_->AppendModel(request.model().raw_contents()));
      break;
    case v1::QuantizeRequest::REQUEST_NOT_SET:
      if (request.last()) break;
      return absl::InvalidArgumentError(
          "got an empty message, expected settings, a model chunk or "
          "calibration samples");
  }
  return request.last() ? Submit() : absl::OkStatus();
}

absl::Status JobMessages::Close() {
  if (submitted_) return absl::OkStatus();
  if (upload_ == nullptr) {
    return absl::InvalidArgumentError(
        "got no message, expected settings and calibration samples");
  }
  if (detach_) {
    return absl::InvalidArgumentError(
        "settings.detach: no message had `last` set, so the stream may have "
        "broken off; set it in the last one");
  }
  return Submit();
}

absl::Status JobMessages::Submit() {
  OCTET_RETURN_IF_ERROR(upload_->Submit());
  upload_ = nullptr;
  submitted_ = true;
  return absl::OkStatus();
}

}  // namespace octet
