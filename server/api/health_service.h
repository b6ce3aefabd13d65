// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_HEALTH_SERVICE_H_
#define OCTET_SERVER_API_HEALTH_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "server/models/model_registry.h"
#include "server/models/serving_state.h"

namespace octet {

// grpc.health.v1.Health with Check and Watch. The service "" and the names of
// the gRPC services stand for the server; any other name is a model's.
//
// Thread-safe.
class HealthService : public grpc::health::v1::Health::CallbackService {
 public:
  // Both must outlive the service.
  HealthService(const ModelRegistry* registry, const ServingState* state)
      : registry_(registry), state_(state) {}
  ~HealthService() override;

  // Something may have changed: tells the watchers what has.
  void Notify();

  // Ends every Watch, and those to come, with UNAVAILABLE.
  void EndWatches();

  grpc::ServerUnaryReactor* Check(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request,
      grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
  class WatchCall;

  Status StatusOf(const std::string& service) const;
  std::vector<std::shared_ptr<WatchCall>> Watches() const;
  void Forget(const WatchCall* watch);

  const ModelRegistry* const registry_;
  const ServingState* const state_;

  mutable absl::Mutex mutex_;
  absl::flat_hash_map<const WatchCall*, std::shared_ptr<WatchCall>> watches_
      ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_HEALTH_SERVICE_H_
