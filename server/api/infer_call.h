// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_INFER_CALL_H_
#define OCTET_SERVER_API_INFER_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/inference.pb.h"
#include "server/api/api_context.h"
#include "server/api/infer_request.h"

namespace octet {

// One ModelInfer call, from its arrival to its answer.
//
// The lane that computed the answer finishes the call. Deletes itself when
// gRPC is done with it.
class InferCall final : public grpc::ServerUnaryReactor,
                        public InferRequest::Caller {
 public:
  // The pointers live until OnDone(), as gRPC guarantees.
  InferCall(const ApiContext& api, grpc::CallbackServerContext* context,
            const inference::ModelInferRequest* request,
            inference::ModelInferResponse* response);

  // Checks and enqueues the request, or finishes the call with an error.
  void Start();

  // ServerUnaryReactor.
  void OnCancel() override { request_->Cancel(); }
  void OnDone() override { delete this; }

  // InferRequest::Caller.
  void OnAnswer(const absl::Status& status,
                std::optional<absl::Duration> retry_after) override;

 private:
  grpc::CallbackServerContext* const context_;
  const std::shared_ptr<InferRequest> request_;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_INFER_CALL_H_
