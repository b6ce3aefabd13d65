// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "server/api/grpc_server.h"
#include "server/api/server_service.h"
#include "server/api/shared_memory.h"
#include "server/config.h"
#include "server/control_rule.h"
#include "server/jobs/quantization_jobs.h"
#include "server/log/request_log.h"
#include "server/metrics/http_server.h"
#include "server/metrics/metrics.h"
#include "server/models/engine_functions.h"
#include "server/models/memory_limit.h"
#include "server/models/model_registry.h"
#include "server/models/model_repository.h"
#include "server/models/repository_watch.h"
#include "server/models/serving_state.h"
#include "server/scheduler/batch_scheduler.h"
#include "server/scheduler/clock.h"
#include "server/scheduler/cpu_limit.h"
#include "server/scheduler/lane_pool.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

// gRPC resets the calls that begin while it shuts down, and their callers read
// CANCELLED. For this long they are told UNAVAILABLE first: go elsewhere.
constexpr absl::Duration kFarewell = absl::Milliseconds(100);

// How many lanes there are, within the CPUs that the process may use.
absl::StatusOr<int> CountLanes(const ServerConfig& config,
                               const CpuLimit& limit) {
  const int threads = config.threads_per_lane;
  const int lanes = config.lanes.value_or(std::max(limit.cpus / threads, 1));
  if (lanes * threads <= limit.cpus) return lanes;
  return absl::FailedPreconditionError(absl::StrCat(
      lanes, " lanes of ", threads, " threads need ", lanes * threads,
      " CPUs, but this process may use ", limit.cpus, " (affinity ",
      limit.affinity, ", control group quota ",
      limit.quota ? absl::StrCat(*limit.quota) : std::string("none"),
      "): lower --lanes or --threads-per-lane"));
}

ServerFacts FactsOf(const ServerConfig& config,
                    const Server::Identity& identity, int lanes) {
  ServerFacts facts{identity.version, identity.isa, lanes, absl::Now(), {}};
  for (EffectiveSetting& setting : EffectiveSettings(config)) {
    facts.settings.push_back({std::move(setting.name), std::move(setting.value),
                              std::string(SourceName(setting.source))});
  }
  return facts;
}

// What all models together may take.
ModelRegistry::Limits Limits(const ServerConfig& config) {
  ModelRegistry::Limits limits;
  limits.memory_bytes =
      config.model_memory_bytes.value_or(ReadMemoryLimit() / 4 * 3);
  return limits;
}

class OctetServer final : public Server {
 public:
  OctetServer(const ServerConfig& config, const EngineFunctions& engine)
      : config_(config), engine_(engine) {}

  ~OctetServer() override {
    StopNow();
    Shutdown(absl::ZeroDuration());
  }

  absl::Status Listen(const Identity& identity);

  absl::Status Load() override;
  void Leave() override { SetPhase(ServingPhase::kLeaving); }
  void Shutdown(absl::Duration limit) override;
  void StopNow() override;

  int grpc_port() const override { return grpc_port_; }
  int http_port() const override { return http_->port(); }
  int lanes() const override { return scheduler_->lanes(); }
  absl::StatusOr<std::vector<VersionStatus>> Index() override {
    return registry_->Index();
  }

 private:
  absl::Status MakeParts(const Identity& identity);
  absl::Status ListenHttp();
  void Watch();
  void SetPhase(ServingPhase phase);
  void NotifyHealth();

  const ServerConfig config_;
  const EngineFunctions engine_;
  ServingState state_;

  // Constant after Listen(). Each may use those above it, and is destroyed
  // before them.
  std::unique_ptr<Metrics> metrics_;
  std::unique_ptr<RequestLog> request_log_;
  std::unique_ptr<ModelRepository> repository_;
  std::unique_ptr<BatchScheduler> scheduler_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<LanePool> lane_pool_;
  std::unique_ptr<RepositoryWatch> watch_;
  std::unique_ptr<QuantizationJobs> jobs_;
  std::unique_ptr<SharedMemoryRegions> regions_;
  ApiContext api_;
  std::unique_ptr<HttpServer> http_;
  int grpc_port_ = 0;

  absl::Mutex mutex_;
  // Null before Listen() and after Shutdown().
  std::shared_ptr<GrpcServer> grpc_ ABSL_GUARDED_BY(mutex_);
  // While it is shut down.
  std::weak_ptr<GrpcServer> leaving_ ABSL_GUARDED_BY(mutex_);
};

absl::Status OctetServer::MakeParts(const Identity& identity) {
  const CpuLimit limit = ReadCpuLimit();
  OCTET_ASSIGN_OR_RETURN(const int lanes, CountLanes(config_, limit));
  OCTET_ASSIGN_OR_RETURN(repository_,
                         ModelRepository::Open(config_.model_repository));
  OCTET_ASSIGN_OR_RETURN(metrics_,
                         Metrics::Create(identity.version, identity.isa));
  metrics_->SetLanes(lanes);
  RequestSampling sampling;
  sampling.on = config_.request_log > 0;
  if (sampling.on) sampling.fraction = config_.request_log;
  request_log_ = std::make_unique<RequestLog>(sampling);
  scheduler_ = std::make_unique<BatchScheduler>(lanes, Clock::Real());

  ModelOptions options;
  options.threads = config_.threads_per_lane;
  options.max_batch = config_.max_batch;
  QueueLimits queue;
  queue.max_queued_rows = config_.queue_rows;
  queue.max_queued_bytes = config_.queue_bytes();
  registry_ = std::make_unique<ModelRegistry>(
      repository_.get(), options,
      LoadedModel::Environment{&engine_, scheduler_.get(), metrics_.get(),
                               queue},
      Limits(config_));
  registry_->SetListener([this] { NotifyHealth(); });
  lane_pool_ = std::make_unique<LanePool>(scheduler_.get());
  JobEnvironment jobs;
  jobs.engine = &engine_;
  jobs.repository = repository_.get();
  jobs.registry = registry_.get();
  jobs.metrics = metrics_.get();
  jobs.job_bytes = config_.job_bytes;
  jobs.calibration_folder = config_.calibration_folder;
  // The other half never see a job, unless there is only one.
  jobs.threads = std::max(limit.cpus / 2, 1);
  jobs.octet_version = identity.version;
  jobs.isa = identity.isa;
  jobs_ = std::make_unique<QuantizationJobs>(jobs);
  regions_ =
      std::make_unique<SharedMemoryRegions>(config_.shared_memory_prefix);
  api_ = {registry_.get(),
          repository_.get(),
          &state_,
          metrics_.get(),
          scheduler_->clock(),
          {config_.queue_rows, config_.queue_bytes()},
          request_log_.get(),
          regions_.get()};
  return absl::OkStatus();
}

absl::Status OctetServer::ListenHttp() {
  const auto metrics = [this] {
    HttpAnswer answer;
    const absl::StatusOr<std::string> text = metrics_->Text();
    answer.status = text.ok() ? 200 : 500;
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    answer.body = text.ok() ? *text : text.status().ToString();
    return answer;
  };
  const auto alive = [] { return HttpAnswer{.body = "alive\n"}; };
  const auto ready = [this] {
    HttpAnswer answer;
    answer.status = state_.ready() ? 200 : 503;
    answer.body = absl::StrCat(state_.reason(), "\n");
    return answer;
  };
  OCTET_ASSIGN_OR_RETURN(
      http_,
      HttpServer::Start(
          config_.bind_address, config_.http_port,
          {{"/metrics", metrics}, {"/healthz", alive}, {"/readyz", ready}}));
  return absl::OkStatus();
}

absl::Status OctetServer::Listen(const Identity& identity) {
  OCTET_RETURN_IF_ERROR(MakeParts(identity));
  OCTET_RETURN_IF_ERROR(ListenHttp());
  OCTET_ASSIGN_OR_RETURN(
      std::shared_ptr<GrpcServer> grpc,
      GrpcServer::Start({config_.bind_address,
                         config_.grpc_port,
                         config_.max_receive_bytes,
                         {config_.tls_folder, config_.tls_client_ca},
                         ControlRuleOf(config_),
                         FactsOf(config_, identity, scheduler_->lanes())},
                        api_, jobs_.get()));
  grpc_port_ = grpc->port();
  absl::MutexLock lock(&mutex_);
  grpc_ = std::move(grpc);
  return absl::OkStatus();
}

absl::Status OctetServer::Load() {
  // First, so that what changes while the models are loaded is seen.
  if (config_.model_control == ModelControl::kWatch) Watch();
  if (config_.model_control != ModelControl::kExplicit) {
    OCTET_RETURN_IF_ERROR(registry_->LoadAll());
  }
  SetPhase(ServingPhase::kReady);
  return absl::OkStatus();
}

void OctetServer::Watch() {
  // A load that fails says so in the index and leaves what serves.
  const auto log = [](absl::Status status) {
    if (!status.ok()) spdlog::error("{}", status.ToString());
  };
  const auto load = [this, log](const std::string& model) {
    registry_->Load(model, log);
  };
  const auto unload = [this](const std::string& model) {
    registry_->Unload(model, [](absl::Status) {});
  };
  watch_ = std::make_unique<RepositoryWatch>(
      repository_.get(), static_cast<size_t>(Limits(config_).models),
      RepositoryWatch::Actions{load, unload});
}

void OctetServer::SetPhase(ServingPhase phase) {
  state_.Set(phase);
  if (metrics_ != nullptr) metrics_->SetReady(state_.ready());
  NotifyHealth();
}

void OctetServer::NotifyHealth() {
  // Held, so that Shutdown() can wait for those who are still in here.
  absl::ReaderMutexLock lock(&mutex_);
  if (grpc_ != nullptr) grpc_->NotifyHealth();
}

void OctetServer::Shutdown(absl::Duration limit) {
  SetPhase(ServingPhase::kDraining);
  if (jobs_ != nullptr) jobs_->Stop();
  std::shared_ptr<GrpcServer> grpc;
  {
    absl::MutexLock lock(&mutex_);
    grpc = std::move(grpc_);
    leaving_ = grpc;
  }
  if (grpc == nullptr) return;
  absl::SleepFor(std::min(kFarewell, limit));
  grpc->Shutdown(limit);
}

void OctetServer::StopNow() {
  state_.Set(ServingPhase::kDraining);
  if (jobs_ != nullptr) jobs_->Stop();
  if (scheduler_ != nullptr) scheduler_->Stop();
  std::shared_ptr<GrpcServer> grpc;
  {
    absl::ReaderMutexLock lock(&mutex_);
    grpc = grpc_ != nullptr ? grpc_ : leaving_.lock();
  }
  if (grpc != nullptr) grpc->HurryShutdown();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerConfig& config, const EngineFunctions& engine,
    const Identity& identity) {
  auto server = std::make_unique<OctetServer>(config, engine);
  if (absl::Status status = server->Listen(identity); !status.ok()) {
    return status;
  }
  return server;
}

}  // namespace octet
