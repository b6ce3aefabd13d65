// SPDX-License-Identifier: Apache-2.0
#include "server/api/infer_call.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/inference.pb.h"
#include "server/api/api_context.h"
#include "server/api/grpc_status.h"
#include "server/api/infer_request.h"
#include "server/api/request_origin.h"

namespace octet {

InferCall::InferCall(const ApiContext& api,
                     grpc::CallbackServerContext* context,
                     const inference::ModelInferRequest* request,
                     inference::ModelInferResponse* response)
    : context_(context),
      request_(std::make_shared<InferRequest>(api, *request, response, this)) {
  if (api.request_log->active()) request_->SetOrigin(OriginOf(*context));
}

void InferCall::Start() { request_->Start(DeadlineOf(*context_)); }

void InferCall::OnAnswer(const absl::Status& status,
                         std::optional<absl::Duration> retry_after) {
  if (retry_after) SetRetryDelay(*retry_after, context_);
  Finish(ToGrpcStatus(status));
}

}  // namespace octet
