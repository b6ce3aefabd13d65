// SPDX-License-Identifier: Apache-2.0
#include "server/api/infer_request.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/api/api_context.h"
#include "server/api/output_codec.h"
#include "server/api/request_parameters.h"
#include "server/api/tensor_codec.h"
#include "server/log/request_log.h"
#include "server/metrics/metrics.h"
#include "server/models/loaded_model.h"
#include "server/models/queue_policies.h"

namespace octet {

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
  OCTET_ASSIGN_OR_RETURN(const RequestParameters parameters,
                         ReadRequestParameters(request_.parameters()));
  RequestLimits limits = api_.limits;
  limits.label_bytes = model_->longest_label();
  absl::StatusOr<DecodedRequest> decoded =
      DecodeRequest(request_, model_->model(), limits, *api_.regions);
  if (!decoded.ok()) {
    return absl::Status(decoded.status().code(),
                        absl::StrCat("model '", model_->name(),
                                     "': ", decoded.status().message()));
  }
  decoded_ = *std::move(decoded);
  response_->set_model_name(model_->name());
  response_->set_model_version(model_->version_text());
  response_->set_id(request_.id());
  if (model_->model().has_dynamic_shapes()) {
    whole_inputs_ = std::move(decoded_.whole_inputs);
  } else {
    buffers_ = PrepareResponse(decoded_, model_->model(), response_,
                               model_->class_labels());
    inputs_ = std::move(decoded_.inputs);
    outputs_ = std::move(buffers_.outputs);
  }
  Ask(parameters, deadline);
  return model_->Enqueue(shared_from_this());
}

void InferRequest::Ask(const RequestParameters& parameters,
                       absl::Time deadline) {
  const WaitingRule rule =
      model_->queue_policies().RuleFor(parameters.priority, parameters.timeout);
  absl::Time yields_after = absl::InfiniteFuture();
  if (rule.timeout && rule.yields) {
    yields_after = arrival_ + *rule.timeout;
  } else if (rule.timeout) {
    deadline = std::min(deadline, arrival_ + *rule.timeout);
  }
  SetDemand(decoded_.rows, decoded_.bytes, deadline);
  SetUrgency(rule.level, yields_after);
}

void InferRequest::Done(const absl::Status& status) {
  if (!status.ok()) return Answer(status);
  Answer(
      model_->model().has_dynamic_shapes()
          ? AnswerWhole(decoded_, model_->model(), whole_outputs(), response_)
          : FinishResponse(buffers_, response_));
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
  record.rows = inputs_.empty() && whole_inputs().empty() ? 0 : rows();
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
