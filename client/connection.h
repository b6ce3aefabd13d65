// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CONNECTION_H_
#define OCTET_CLIENT_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/client_options.h"
#include "proto/inference.grpc.pb.h"
#include "proto/octet/v1/quantization.grpc.pb.h"
#include "proto/octet/v1/server.grpc.pb.h"

namespace octet::client {

// A channel with its stubs, and what every call over it has in common.
// Thread-safe.
class Connection {
 public:
  // REQUIRES: `channel` was made from `options`.
  Connection(ClientOptions options, std::shared_ptr<grpc::Channel> channel);

  const ClientOptions& options() const { return options_; }
  inference::GRPCInferenceService::Stub& inference() { return *inference_; }
  v1::QuantizationService::Stub& quantization() { return *quantization_; }
  v1::ServerService::Stub& server() { return *server_; }

  // Sets deadline and token.
  void Prepare(absl::Duration timeout, grpc::ClientContext* context) const;

  // gRPC's status as ours: with the call and the addresses that it comes from,
  // and with the remedy where a message was too large.
  absl::Status Explain(absl::string_view call, const grpc::Status& status);

 private:
  const ClientOptions options_;
  const std::string addresses_;  // for messages
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<inference::GRPCInferenceService::Stub> inference_;
  const std::unique_ptr<v1::QuantizationService::Stub> quantization_;
  const std::unique_ptr<v1::ServerService::Stub> server_;
};

// Calls under way that nobody waits for. Thread-safe.
class PendingCalls {
 public:
  // Cancels all calls and waits until they are over.
  ~PendingCalls();

  void Add(grpc::ClientContext* call);

  // `call` is over, and nothing will touch its owner after this.
  void Remove(grpc::ClientContext* call);

 private:
  absl::Mutex mutex_;
  absl::flat_hash_set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace octet::client

#endif  // OCTET_CLIENT_CONNECTION_H_
