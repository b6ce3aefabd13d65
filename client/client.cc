// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <utility>

#include "client/channel.h"
#include "client/connection.h"
#include "client/grpc_client.h"
#include "engine/base/status_macros.h"

namespace octet::client {

absl::StatusOr<std::unique_ptr<Client>> Client::Create(
    const ClientOptions& options) {
  OCTET_RETURN_IF_ERROR(CheckOptions(options));
  OCTET_ASSIGN_OR_RETURN(auto channel, CreateChannel(options));
  return std::make_unique<GrpcClient>(
      std::make_shared<Connection>(options, std::move(channel)),
      options.timeout);
}

absl::StatusOr<InferResult> Client::Infer(
    const ModelId& model, absl::Span<const NamedTensor> inputs) {
  InferRequest request;
  request.model = model;
  request.inputs.assign(inputs.begin(), inputs.end());
  return Infer(request);
}

std::future<absl::StatusOr<InferResult>> Client::InferAsync(
    const InferRequest& request) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<InferResult>>>();
  auto future = promise->get_future();
  InferAsync(request, [promise](absl::StatusOr<InferResult> result) {
    promise->set_value(std::move(result));
  });
  return future;
}

}  // namespace octet::client
