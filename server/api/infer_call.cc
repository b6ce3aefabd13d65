// SPDX-License-Identifier: Apache-2.0
#include "server/api/infer_call.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/api/grpc_status.h"
#include "server/api/tensor_codec.h"
#include "server/metrics/metrics.h"
#include "server/models/inference_task.h"

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

class InferCall::Rows : public InferenceTask {
 public:
  Rows(InferCall* call, DecodedRequest decoded, ResponseBuffers buffers,
       absl::Time deadline)
      : call_(call),
        converted_(std::move(decoded.converted)),
        unwanted_(std::move(buffers.unwanted)) {
    inputs_ = std::move(decoded.inputs);
    outputs_ = std::move(buffers.outputs);
    SetDemand(decoded.rows, decoded.bytes, deadline);
  }

  void Done(const absl::Status& status) override { call_->Complete(status); }

 private:
  // Gone after Done(), while the task itself may live on for a moment.
  InferCall* const call_;
  const std::vector<std::string> converted_;
  const std::vector<std::string> unwanted_;
};

InferCall::InferCall(const ApiContext& api,
                     grpc::CallbackServerContext* context,
                     const inference::ModelInferRequest* request,
                     inference::ModelInferResponse* response)
    : api_(api),
      context_(context),
      request_(request),
      response_(response),
      start_(api.clock->Now()) {}

InferCall::~InferCall() = default;

void InferCall::Start() {
  const absl::Status status = Enqueue();
  if (status.ok()) return;
  rows_ = nullptr;
  if (model_ != nullptr &&
      status.code() == absl::StatusCode::kResourceExhausted) {
    SetRetryDelay(model_->RetryAfter(), context_);
  }
  Complete(status);
}

absl::Status InferCall::Enqueue() {
  if (!api_.state->takes_work()) {
    return absl::UnavailableError(api_.state->reason());
  }
  OCTET_ASSIGN_OR_RETURN(
      model_,
      api_.registry->Find(request_->model_name(), request_->model_version()));
  OCTET_RETURN_IF_ERROR(CheckParameters(*request_));
  OCTET_ASSIGN_OR_RETURN(const absl::Time deadline, Deadline());
  absl::StatusOr<DecodedRequest> decoded =
      DecodeRequest(*request_, model_->model(), api_.limits);
  if (!decoded.ok()) {
    return absl::Status(decoded.status().code(),
                        absl::StrCat("model '", model_->name(),
                                     "': ", decoded.status().message()));
  }
  response_->set_model_name(model_->name());
  response_->set_model_version(model_->version_text());
  response_->set_id(request_->id());
  ResponseBuffers buffers =
      PrepareResponse(*decoded, model_->model(), response_);
  rows_ = std::make_shared<Rows>(this, *std::move(decoded), std::move(buffers),
                                 deadline);
  return model_->Enqueue(rows_);
}

absl::StatusOr<absl::Time> InferCall::Deadline() const {
  absl::Time deadline = DeadlineOf(*context_);
  const auto timeout = request_->parameters().find("timeout");
  if (timeout == request_->parameters().end()) return deadline;
  OCTET_ASSIGN_OR_RETURN(const int64_t microseconds,
                         WholeNumber("timeout", timeout->second));
  // The protocol's 0 stands for no timeout.
  if (microseconds > 0) {
    deadline = std::min(deadline, start_ + absl::Microseconds(microseconds));
  }
  return deadline;
}

void InferCall::Complete(const absl::Status& status) {
  if (model_ != nullptr) {
    model_->metrics().Observe(Phase::kRequest, api_.clock->Now() - start_);
    model_->metrics().CountRequest(status.code());
  } else {
    api_.metrics->CountUnroutedRequest(status.code());
  }
  Finish(ToGrpcStatus(status));
}

void InferCall::OnCancel() {
  if (rows_ != nullptr) model_->Cancel(*rows_);
}

void InferCall::OnDone() { delete this; }

}  // namespace octet
