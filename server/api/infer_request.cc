// SPDX-License-Identifier: Apache-2.0
#include "server/api/infer_request.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/api/api_context.h"
#include "server/api/tensor_codec.h"
#include "server/log/request_log.h"
#include "server/metrics/metrics.h"
#include "server/models/loaded_model.h"

namespace octet {
namespace {

// The value of a parameter that holds a whole number of at least 0.
absl::StatusOr<int64_t> WholeNumber(absl::string_view name,
                                    const inference::InferParameter& value) {
  if (value.has_int64_param() && value.int64_param() >= 0) {
    return value.int64_param();
  }
  if (value.has_uint64_param() &&
      value.uint64_param() <=
          static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return static_cast<int64_t>(value.uint64_param());
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "request parameter '", name, "': got {", value.ShortDebugString(),
      "}, expected int64_param or uint64_param, at least 0"));
}

// Parameters that would change the answer must not be passed over.
absl::Status CheckParameters(const inference::ModelInferRequest& request) {
  for (const auto& [name, value] : request.parameters()) {
    if (name == "priority") {
      OCTET_RETURN_IF_ERROR(WholeNumber(name, value).status());
    } else if (absl::StartsWith(name, "sequence_")) {
      return absl::UnimplementedError(absl::StrCat(
          "request parameter '", name, "': sequences are not supported"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

InferRequest::InferRequest(const ApiContext& api,
                           const inference::ModelInferRequest& request,
                           inference::ModelInferResponse* response,
                           Caller* caller)
    : api_(api),
      request_(request),
      response_(response),
      caller_(caller),
      arrival_(api.clock->Now()) {}

InferRequest::~InferRequest() = default;

void InferRequest::Start(absl::Time deadline) {
  // Once it is enqueued a lane may have answered it: nothing is touched then.
  if (const absl::Status status = Enqueue(deadline); !status.ok()) {
    Answer(status);
  }
}

absl::Status InferRequest::Enqueue(absl::Time deadline) {
  if (!api_.state->takes_work()) {
    return absl::UnavailableError(api_.state->reason());
  }
  OCTET_ASSIGN_OR_RETURN(model_, api_.registry->Find(request_.model_name(),
                                                     request_.model_version()));
  OCTET_RETURN_IF_ERROR(CheckParameters(request_));
  OCTET_ASSIGN_OR_RETURN(deadline, WithTimeout(deadline));
  absl::StatusOr<DecodedRequest> decoded =
      DecodeRequest(request_, model_->model(), api_.limits);
  if (!decoded.ok()) {
    return absl::Status(decoded.status().code(),
                        absl::StrCat("model '", model_->name(),
                                     "': ", decoded.status().message()));
  }
  response_->set_model_name(model_->name());
  response_->set_model_version(model_->version_text());
  response_->set_id(request_.id());
  ResponseBuffers buffers =
      PrepareResponse(*decoded, model_->model(), response_);
  inputs_ = std::move(decoded->inputs);
  outputs_ = std::move(buffers.outputs);
  converted_ = std::move(decoded->converted);
  unwanted_ = std::move(buffers.unwanted);
  SetDemand(decoded->rows, decoded->bytes, deadline);
  return model_->Enqueue(shared_from_this());
}

absl::StatusOr<absl::Time> InferRequest::WithTimeout(
    absl::Time deadline) const {
  const auto timeout = request_.parameters().find("timeout");
  if (timeout == request_.parameters().end()) return deadline;
  OCTET_ASSIGN_OR_RETURN(const int64_t microseconds,
                         WholeNumber("timeout", timeout->second));
  // The protocol's 0 stands for no timeout.
  if (microseconds == 0) return deadline;
  return std::min(deadline, arrival_ + absl::Microseconds(microseconds));
}

void InferRequest::Answer(const absl::Status& status) {
  std::optional<absl::Duration> retry_after;
  const absl::Time now = api_.clock->Now();
  if (model_ != nullptr) {
    model_->metrics().Observe(Phase::kRequest, now - arrival_);
    model_->metrics().CountRequest(status.code());
    model_->statistics().CountRequest(status.ok(), now - arrival_, times(),
                                      now);
    if (absl::IsResourceExhausted(status)) retry_after = model_->RetryAfter();
  } else {
    api_.metrics->CountUnroutedRequest(status.code());
  }
  if (api_.request_log->active()) Log(status, now - arrival_);
  caller_->OnAnswer(status, retry_after);
}

void InferRequest::Log(const absl::Status& status, absl::Duration total) const {
  RequestRecord record;
  record.id = request_.id();
  record.model = request_.model_name();
  // A request without a version is logged with the one that answered.
  record.version = model_ != nullptr
                       ? absl::string_view(model_->version_text())
                       : absl::string_view(request_.model_version());
  // Without inputs the rows were never counted.
  record.rows = inputs_.empty() ? 0 : rows();
  record.status = status;
  record.total = total;
  if (status.ok()) {
    const RunTimes& run = times().run;
    record.phases = {times().queue, run.gather, run.compute, run.scatter};
  }
  record.origin = origin_.get();
  api_.request_log->Note(record);
}

void InferRequest::Cancel() {
  if (model_ != nullptr) model_->Cancel(*this);
}

}  // namespace octet
