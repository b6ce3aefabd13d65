// SPDX-License-Identifier: Apache-2.0
#include "client/grpc_infer_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire_tensor.h"
#include "engine/base/status_macros.h"

namespace octet::client {

GrpcInferStream::GrpcInferStream(std::shared_ptr<Connection> connection)
    : connection_(std::move(connection)) {
  connection_->Prepare(absl::InfiniteDuration(), &context_);
  stream_ = connection_->inference().ModelStreamInfer(&context_);
}

GrpcInferStream::~GrpcInferStream() {
  if (finished_) return;
  context_.TryCancel();
  // gRPC wants every call finished, whatever it ends with.
  inference::ModelStreamInferResponse ignored;
  while (stream_->Read(&ignored)) {
  }
  stream_->Finish();
}

absl::Status GrpcInferStream::Write(const InferRequest& request) {
  OCTET_ASSIGN_OR_RETURN(
      const auto message,
      MakeMessage(request, connection_->options().max_send_bytes));
  if (stream_->Write(message)) return absl::OkStatus();
  return absl::UnavailableError(
      "ModelStreamInfer: the stream has ended; Finish() says why");
}

void GrpcInferStream::WritesDone() { stream_->WritesDone(); }

bool GrpcInferStream::Read(StreamAnswer* answer) {
  inference::ModelStreamInferResponse response;
  if (!stream_->Read(&response)) return false;
  answer->id = response.infer_response().id();
  if (response.error_message().empty()) {
    answer->result = ReadResult(response.infer_response());
  } else {
    answer->result = absl::UnknownError(response.error_message());
  }
  return true;
}

absl::Status GrpcInferStream::Finish() {
  finished_ = true;
  const grpc::Status status = stream_->Finish();
  if (status.ok()) return absl::OkStatus();
  return connection_->Explain("ModelStreamInfer", status);
}

}  // namespace octet::client
