// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "nlohmann/json.hpp"
#include "server/command_line.h"
#include "server/config.h"
#include "server/metrics/readiness_probe.h"
#include "server/models/engine_functions.h"
#include "server/models/model_registry.h"
#include "server/server.h"
#include "server/shutdown_signals.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

// The most that requests in flight may take once nothing new is accepted;
// with the default grace before it, within the 30 s that Kubernetes gives.
constexpr absl::Duration kDrainLimit = absl::Seconds(20);

EngineFunctions TheEngine() {
  EngineFunctions functions;
  functions.load = [](const std::string& path, const ModelOptions& options) {
    return Model::FromFile(path, options);
  };
  functions.make_executor = [](std::shared_ptr<const Model> model) {
    return Executor::Create(std::move(model));
  };
  functions.quantize = Quantize;
  return functions;
}

void SetUpLog(const std::string& level) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "octet", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  spdlog::set_level(spdlog::level::from_str(level));
}

void PrintReady(Server* server) {
  nlohmann::json line = {{"grpc_port", server->grpc_port()},
                         {"http_port", server->http_port()},
                         {"models", nlohmann::json::array()}};
  const auto index = server->Index();
  if (index.ok()) {
    for (const VersionStatus& version : *index) {
      if (version.state != ModelState::kReady) continue;
      line["models"].push_back(
          {{"name", version.name}, {"version", version.version}});
    }
  }
  std::cout << line.dump() << std::endl;
}

int Fail(const absl::Status& status) {
  std::cerr << "octet-server: " << status.message() << std::endl;
  return 1;
}

int AskHealth(const ServerConfig& config) {
  const absl::Status status =
      ProbeReadiness(config.bind_address, config.http_port, absl::Seconds(5));
  return status.ok() ? 0 : Fail(status);
}

int Run(const ServerConfig& config) {
  // A client or a reader of the log that goes away is no reason to die.
  signal(SIGPIPE, SIG_IGN);
  std::atomic<Server*> running = nullptr;
  ShutdownSignals signals([&running](int count) {
    Server* const server = running;
    // Nothing is promised to anyone yet, and loading may take long.
    if (server == nullptr) _exit(0);
    if (count > 1) server->StopNow();
  });
  SetUpLog(config.log_level);
  spdlog::info("octet-server {}: {}", std::string(Version()), ToString(config));
  if (!IsLoopback(config.bind_address)) {
    spdlog::warn(
        "listening on {}, where other machines reach it; --bind-address "
        "127.0.0.1 keeps them out",
        config.bind_address);
    if (config.control_access == ControlAccessSetting::kOpen) {
      spdlog::warn(
          "everyone who reaches it may load, unload and quantize models: "
          "--control-access says open");
    }
    if (config.control_access == ControlAccessSetting::kToken &&
        config.tls_folder.empty()) {
      spdlog::warn(
          "the tokens of --control-access travel unencrypted without "
          "--tls-folder");
    }
  }

  auto started = Server::Start(config, TheEngine(),
                               {std::string(Version()), DescribeMachine().isa});
  if (!started.ok()) return Fail(started.status());
  Server& server = **started;
  if (absl::Status status = server.Load(); !status.ok()) return Fail(status);
  running = &server;
  spdlog::info("ready on {} lanes: gRPC on port {}, HTTP on port {}",
               server.lanes(), server.grpc_port(), server.http_port());
  PrintReady(&server);

  signals.Await(1, absl::InfiniteDuration());
  spdlog::info("leaving: requests are taken for another {} s",
               config.drain_seconds);
  server.Leave();
  signals.Await(2, absl::Seconds(config.drain_seconds));
  spdlog::info("draining");
  server.Shutdown(kDrainLimit);
  running = nullptr;
  spdlog::info("done");
  return 0;
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) {
  octet::Invocation invocation;
  invocation.version = std::string(octet::Version());
  // Not even a program's name is there for certain.
  for (int i = 1; i < argc; ++i) invocation.arguments.emplace_back(argv[i]);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    invocation.environment.emplace_back(*entry);
  }
  const octet::CommandLine line =
      octet::ReadCommandLine(invocation, std::cout, std::cerr);
  if (line.exit_code) return *line.exit_code;
  if (line.health) return octet::AskHealth(line.config);
  return octet::Run(line.config);
}
