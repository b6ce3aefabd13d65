// SPDX-License-Identifier: Apache-2.0
#include "server/api/health_service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "proto/grpc/health/v1/health.grpc.pb.h"
#include "proto/inference.grpc.pb.h"
#include "proto/octet/v1/quantization.grpc.pb.h"

namespace octet {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// One Watch: writes the status when it differs from the last one written, one
// write at a time, and skips what was overtaken meanwhile.
class HealthService::WatchCall
    : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  WatchCall(HealthService* health, std::string service)
      : health_(health), service_(std::move(service)) {}

  // Writes the status if it is another one than before.
  void Refresh() {
    // Asked under the lock, so that of two threads that tell of two changes
    // the one that looked last also writes last.
    absl::MutexLock lock(&mutex_);
    wanted_ = health_->StatusOf(service_);
    WriteLocked();
  }

  void End(const grpc::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (!end_) end_ = status;
    WriteLocked();
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok && !end_) end_ = grpc::Status::CANCELLED;
    WriteLocked();
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override { health_->Forget(this); }

 private:
  void WriteLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (end_) {
      finished_ = true;
      Finish(*end_);
    } else if (wanted_ && wanted_ != written_) {
      written_ = wanted_;
      writing_ = true;
      response_.set_status(*wanted_);
      StartWrite(&response_);
    }
  }

  HealthService* const health_;
  const std::string service_;

  absl::Mutex mutex_;
  HealthCheckResponse response_ ABSL_GUARDED_BY(mutex_);
  std::optional<Status> wanted_ ABSL_GUARDED_BY(mutex_);
  std::optional<Status> written_ ABSL_GUARDED_BY(mutex_);
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

HealthService::~HealthService() = default;

HealthService::Status HealthService::StatusOf(
    const std::string& service) const {
  const bool whole_server =
      service.empty() ||
      service == inference::GRPCInferenceService::service_full_name() ||
      service == octet::v1::QuantizationService::service_full_name();
  bool serves = false;
  if (whole_server) {
    serves = state_->ready();
  } else {
    const std::optional<bool> model = registry_->Serves(service);
    if (!model) return HealthCheckResponse::SERVICE_UNKNOWN;
    // While the server starts, a model may serve before the others do.
    const ServingPhase phase = state_->phase();
    serves = *model && (phase == ServingPhase::kStarting ||
                        phase == ServingPhase::kReady);
  }
  return serves ? HealthCheckResponse::SERVING
                : HealthCheckResponse::NOT_SERVING;
}

grpc::ServerUnaryReactor* HealthService::Check(
    grpc::CallbackServerContext* context, const HealthCheckRequest* request,
    HealthCheckResponse* response) {
  const Status status = StatusOf(request->service());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (status == HealthCheckResponse::SERVICE_UNKNOWN) {
    reactor->Finish(grpc::Status(
        grpc::StatusCode::NOT_FOUND,
        "there is no model '" + request->service().substr(0, 128) + "'"));
  } else {
    response->set_status(status);
    reactor->Finish(grpc::Status::OK);
  }
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext*, const HealthCheckRequest* request) {
  auto watch = std::make_shared<WatchCall>(this, request->service());
  WatchCall* const reactor = watch.get();
  bool ended = false;
  {
    absl::MutexLock lock(&mutex_);
    ended = ended_;
    watches_[reactor] = std::move(watch);
  }
  if (ended) {
    reactor->End(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                              "the server is shutting down"));
  } else {
    reactor->Refresh();
  }
  return reactor;
}

std::vector<std::shared_ptr<HealthService::WatchCall>> HealthService::Watches()
    const {
  std::vector<std::shared_ptr<WatchCall>> watches;
  absl::MutexLock lock(&mutex_);
  for (const auto& [key, watch] : watches_) watches.push_back(watch);
  return watches;
}

void HealthService::Notify() {
  for (const std::shared_ptr<WatchCall>& watch : Watches()) {
    watch->Refresh();
  }
}

void HealthService::EndWatches() {
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  for (const std::shared_ptr<WatchCall>& watch : Watches()) {
    watch->End(grpc::Status(grpc::StatusCode::UNAVAILABLE,
                            "the server is shutting down"));
  }
}

void HealthService::Forget(const WatchCall* watch) {
  std::shared_ptr<WatchCall> last;
  absl::MutexLock lock(&mutex_);
  const auto position = watches_.find(watch);
  last = std::move(position->second);
  watches_.erase(position);
}

}  // namespace octet
