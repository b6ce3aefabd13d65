// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_GRPC_INFER_STREAM_H_
#define OCTET_CLIENT_GRPC_INFER_STREAM_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <memory>

#include "client/connection.h"
#include "client/inference.h"
#include "proto/inference.grpc.pb.h"

namespace octet::client {

// InferStream over ModelStreamInfer.
class GrpcInferStream final : public InferStream {
 public:
  explicit GrpcInferStream(std::shared_ptr<Connection> connection);
  ~GrpcInferStream() override;

  absl::Status Write(const InferRequest& request) override;
  void WritesDone() override;
  bool Read(StreamAnswer* answer) override;
  absl::Status Finish() override;
  void Cancel() override { context_.TryCancel(); }

 private:
  const std::shared_ptr<Connection> connection_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<inference::ModelInferRequest,
                                           inference::ModelStreamInferResponse>>
      stream_;
  bool finished_ = false;
};

}  // namespace octet::client

#endif  // OCTET_CLIENT_GRPC_INFER_STREAM_H_
