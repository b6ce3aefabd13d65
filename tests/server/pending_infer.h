// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_SERVER_PENDING_INFER_H_
#define OCTET_TESTS_SERVER_PENDING_INFER_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <thread>
#include <utility>

#include "proto/inference.grpc.pb.h"

namespace octet {

// A request that is on its way while the test goes on.
class PendingInfer {
 public:
  PendingInfer(inference::GRPCInferenceService::Stub* stub,
               std::unique_ptr<grpc::ClientContext> context,
               inference::ModelInferRequest request)
      : context_(std::move(context)), request_(std::move(request)) {
    thread_ = std::thread([this, stub] {
      status_ = stub->ModelInfer(context_.get(), request_, &response_);
    });
  }
  ~PendingInfer() {
    if (thread_.joinable()) thread_.join();
  }

  const grpc::Status& Await() {
    if (thread_.joinable()) thread_.join();
    return status_;
  }
  void Cancel() { context_->TryCancel(); }
  const grpc::ClientContext& context() const { return *context_; }
  const inference::ModelInferResponse& response() const { return response_; }

 private:
  std::unique_ptr<grpc::ClientContext> context_;
  const inference::ModelInferRequest request_;
  inference::ModelInferResponse response_;
  grpc::Status status_;
  std::thread thread_;
};

}  // namespace octet

#endif  // OCTET_TESTS_SERVER_PENDING_INFER_H_
