// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_INFER_CALL_H_
#define OCTET_SERVER_API_INFER_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/inference.pb.h"
#include "server/api/tensor_codec.h"
#include "server/metrics/metrics.h"
#include "server/models/loaded_model.h"
#include "server/models/model_registry.h"
#include "server/models/serving_state.h"
#include "server/scheduler/clock.h"

namespace octet {

// What the services answer with. All of it outlives the gRPC server.
struct ApiContext {
  ModelRegistry* registry = nullptr;
  const ModelRepository* repository = nullptr;
  const ServingState* state = nullptr;
  Metrics* metrics = nullptr;
  const Clock* clock = nullptr;
  RequestLimits limits;
};

// One ModelInfer call, from its arrival to its answer.
//
// The lane that computed the answer finishes the call. Deletes itself when
// gRPC is done with it.
class InferCall : public grpc::ServerUnaryReactor {
 public:
  // The pointers live until OnDone(), as gRPC guarantees.
  InferCall(const ApiContext& api, grpc::CallbackServerContext* context,
            const inference::ModelInferRequest* request,
            inference::ModelInferResponse* response);
  ~InferCall() override;

  // Checks and enqueues the request, or finishes the call with an error.
  void Start();

  // ServerUnaryReactor.
  void OnCancel() override;
  void OnDone() override;

 private:
  class Rows;  // the request as the scheduler and the executor see it

  absl::Status Enqueue();
  // When the caller stops waiting: gRPC's deadline or the parameter "timeout".
  absl::StatusOr<absl::Time> Deadline() const;
  void Complete(const absl::Status& status);

  const ApiContext& api_;
  grpc::CallbackServerContext* const context_;
  const inference::ModelInferRequest* const request_;
  inference::ModelInferResponse* const response_;
  const absl::Time start_;

  // Constant after Start().
  std::shared_ptr<LoadedModel> model_;
  std::shared_ptr<Rows> rows_;  // null unless the model took it
};

}  // namespace octet

#endif  // OCTET_SERVER_API_INFER_CALL_H_
