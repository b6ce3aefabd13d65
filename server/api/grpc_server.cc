// SPDX-License-Identifier: Apache-2.0
#include "server/api/grpc_server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "server/api/calls_under_way.h"
#include "server/api/control_access.h"
#include "server/api/guarded_services.h"
#include "server/api/health_service.h"
#include "server/api/inference_service.h"
#include "server/api/quantization_service.h"
#include "server/api/server_service.h"
#include "server/api/tls_certificates.h"
#include "server/api/tls_credentials.h"
#include "server/api/unreadable_messages.h"

namespace octet {
namespace {

// A client that vanished without a word is found out after these two.
constexpr absl::Duration kKeepaliveInterval = absl::Seconds(60);
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(20);
// How often a client may ping an idle connection without being cut off.
constexpr absl::Duration kShortestClientPing = absl::Seconds(5);
// How long answers that are on their way, and connections, have to end.
constexpr absl::Duration kLastAnswers = absl::Milliseconds(250);

void SetMilliseconds(grpc::ServerBuilder* builder, const char* argument,
                     absl::Duration duration) {
  builder->AddChannelArgument(
      argument, static_cast<int>(absl::ToInt64Milliseconds(duration)));
}

class OctetGrpcServer final : public GrpcServer {
 public:
  OctetGrpcServer(const Options& options, const ApiContext& api,
                  QuantizationJobs* jobs)
      : access_(options.control),
        inference_(&access_, &api, options.facts.version),
        quantization_(&access_, &api, jobs),
        about_(options.facts),
        health_(api.registry, api.state) {}

  ~OctetGrpcServer() override {
    if (server_ != nullptr) Shutdown(absl::ZeroDuration());
  }

  absl::Status Listen(const Options& options);

  int port() const override { return port_; }
  void NotifyHealth() override { health_.Notify(); }
  void Shutdown(absl::Duration limit) override;
  void HurryShutdown() override { calls_.Hurry(); }

 private:
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeCredentials(
      const TlsFiles& files);

  CallsUnderWay calls_;
  const ControlAccess access_;
  GuardedInferenceService inference_;
  GuardedQuantizationService quantization_;
  ServerService about_;
  HealthService health_;
  int port_ = 0;
  std::unique_ptr<TlsCertificates> certificates_;  // null without TLS
  std::unique_ptr<grpc::Server> server_;
};

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>>
OctetGrpcServer::MakeCredentials(const TlsFiles& files) {
  if (files.folder.empty()) return grpc::InsecureServerCredentials();
  OCTET_ASSIGN_OR_RETURN(certificates_, TlsCertificates::Open(files));
  return MakeTlsCredentials(certificates_.get(), !files.client_ca.empty());
}

absl::Status OctetGrpcServer::Listen(const Options& options) {
  OCTET_RETURN_IF_ERROR(access_.CheckRule());
  OCTET_ASSIGN_OR_RETURN(
      const std::shared_ptr<grpc::ServerCredentials> credentials,
      MakeCredentials(options.tls));
  static std::once_flag reflection;
  std::call_once(reflection, [] {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  });
  const std::string endpoint =
      absl::StrCat(absl::StrContains(options.address, ':')
                       ? absl::StrCat("[", options.address, "]")
                       : options.address,
                   ":", options.port);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(endpoint, credentials, &port_);
  // Or two servers could share the port, and neither would know.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_receive_bytes));
  builder.SetMaxSendMessageSize(-1);  // no limit
  SetMilliseconds(&builder, GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveInterval);
  SetMilliseconds(&builder, GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeout);
  SetMilliseconds(&builder,
                  GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                  kShortestClientPing);
  builder.RegisterService(&inference_);
  builder.RegisterService(&quantization_);
  builder.RegisterService(&about_);
  builder.RegisterService(&health_);
  std::vector<
      std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>>
      interceptors;
  interceptors.push_back(calls_.MakeCounter());
  interceptors.push_back(std::make_unique<UnreadableMessages>());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port_ == 0) {
    return absl::UnavailableError(absl::StrCat(
        "gRPC cannot listen on ", endpoint,
        ": the port is in use, or the address is not of this machine; others "
        "are set by --grpc-port and --bind-address"));
  }
  return absl::OkStatus();
}

void OctetGrpcServer::Shutdown(absl::Duration limit) {
  health_.EndWatches();
  inference_.EndStreams();
  absl::Notification ended;
  std::thread hang_up([this, limit, &ended] {
    calls_.AwaitNone(limit);
    if (ended.WaitForNotificationWithTimeout(kLastAnswers)) return;
    // Only connections are left, or calls that nobody waits for.
    grpc_server_cancel_all_calls(server_->c_server());
  });
  server_->Shutdown(absl::ToChronoTime(absl::Now() + limit));
  ended.Notify();
  hang_up.join();
  server_->Wait();
  server_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const Options& options, const ApiContext& api, QuantizationJobs* jobs) {
  auto server = std::make_unique<OctetGrpcServer>(options, api, jobs);
  if (absl::Status status = server->Listen(options); !status.ok()) {
    return status;
  }
  return server;
}

}  // namespace octet
