// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_INFER_REQUEST_H_
#define OCTET_SERVER_API_INFER_REQUEST_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "proto/inference.pb.h"
#include "server/api/api_context.h"
#include "server/api/output_codec.h"
#include "server/api/request_parameters.h"
#include "server/api/tensor_codec.h"
#include "server/log/request_log.h"
#include "server/models/inference_task.h"
#include "server/models/loaded_model.h"

namespace octet {

// One inference request from its message to its answer, whichever RPC brought
// it: looked up, checked, enqueued, computed, counted.
class InferRequest final : public InferenceTask,
                           public std::enable_shared_from_this<InferRequest> {
 public:
  // Who asked.
  class Caller {
   public:
    virtual ~Caller() = default;

    // Called exactly once after Start(), perhaps within it, on a lane or a
    // thread of the caller's, never under a lock. The response is complete
    // (OK), or the request failed; `retry_after` is when a refused one may be
    // sent again. `request` may outlive the call, the message and the caller
    // need not.
    virtual void OnAnswer(const absl::Status& status,
                          std::optional<absl::Duration> retry_after) = 0;
  };

  // `request`, `response` and `caller` stay valid until OnAnswer() is called;
  // `api` longer than that.
  InferRequest(const ApiContext& api,
               const inference::ModelInferRequest& request,
               inference::ModelInferResponse* response, Caller* caller);
  ~InferRequest() override;

  // For the request log; before Start(), and only while that is active.
  void SetOrigin(std::shared_ptr<const RequestOrigin> origin) {
    origin_ = std::move(origin);
  }

  // Checks the request and enqueues it, or answers it with an error:
  //   UNAVAILABLE          the server is shutting down
  //   INVALID_ARGUMENT     a parameter or a tensor is wrong; says which
  //   NOT_FOUND            no such model, version, or shared-memory region
  //   FAILED_PRECONDITION  the model is not loaded
  //   UNIMPLEMENTED        a parameter that octet does not honour
  //   RESOURCE_EXHAUSTED   the queue is full
  //   DEADLINE_EXCEEDED    `deadline`, or the parameter "timeout" from now on,
  //                        passed before a lane was free
  // Called once.
  void Start(absl::Time deadline);

  // Drops the request with CANCELLED where it still waits. Not called
  // concurrently with Start().
  void Cancel();

  // InferenceTask.
  void Done(const absl::Status& status) override;

 private:
  absl::Status Enqueue(absl::Time deadline);
  // Tells the scheduler what it asks for, and how long it waits.
  void Ask(const RequestParameters& parameters, absl::Time deadline);
  void Answer(const absl::Status& status);
  void Log(const absl::Status& status, absl::Duration total) const;

  const ApiContext& api_;
  const inference::ModelInferRequest& request_;
  inference::ModelInferResponse* const response_;
  Caller* const caller_;
  const absl::Time arrival_;

  // Constant after Start().
  std::shared_ptr<const RequestOrigin> origin_;
  std::shared_ptr<LoadedModel> model_;
  DecodedRequest decoded_;   // memory behind some inputs
  ResponseBuffers buffers_;  // and behind some outputs
};

}  // namespace octet

#endif  // OCTET_SERVER_API_INFER_REQUEST_H_
