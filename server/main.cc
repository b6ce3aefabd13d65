// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "nlohmann/json.hpp"
#include "server/command_line.h"
#include "server/config.h"
#include "server/log/log_switches.h"
#include "server/metrics/readiness_probe.h"
#include "server/models/engine_functions.h"
#include "server/models/model_registry.h"
#include "server/server.h"
#include "server/shutdown_signals.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

// The most that requests in flight may take once nothing new is accepted;
// with the default grace before it, within the 30 s that Kubernetes gives.
constexpr absl::Duration kDrainLimit = absl::Seconds(20);
// What a second signal leaves for an orderly end.
constexpr absl::Duration kLastMoment = absl::Milliseconds(500);

EngineFunctions TheEngine() {
  EngineFunctions functions;
  functions.load = [](const std::string& path, const ModelOptions& options) {
    return Model::FromFile(path, options);
  };
  functions.load_bytes = [](absl::string_view bytes,
                            const ModelOptions& options) {
    return Model::FromBytes(bytes, options);
  };
  functions.make_executor = [](std::shared_ptr<const Model> model) {
    return Executor::Create(std::move(model));
  };
  functions.quantize = Quantize;
  functions.make_synthetic_samples = MakeSyntheticSamples;
  functions.evaluate = Evaluate;
  return functions;
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

// The server that the signals are for, while there is one.
class Running {
 public:
  void Set(Server* server) {
    absl::MutexLock lock(&mutex_);
    server_ = server;
  }

  // Called on the thread of the signals.
  void OnSignal(int count) {
    {
      absl::MutexLock lock(&mutex_);
      // Nothing is promised to anyone yet, and loading may take long.
      if (server_ == nullptr) _exit(0);
      if (count > 1) server_->StopNow();
    }
    // What is being computed, and calls that their clients keep open, may last
    // longer than whoever sends two signals will wait.
    if (count > 1 && !done_.WaitForNotificationWithTimeout(kLastMoment)) {
      spdlog::warn("a second signal: ending with calls that are not answered");
      _exit(0);
    }
  }

  // Everything is over.
  void Finish() { done_.Notify(); }

 private:
  absl::Mutex mutex_;
  Server* server_ ABSL_GUARDED_BY(mutex_) = nullptr;
  absl::Notification done_;
};

void LogStart(const ServerConfig& config) {
  spdlog::info("octet-server {}: {}", std::string(Version()), ToString(config));
  if (IsLoopback(config.bind_address)) return;
  spdlog::warn(
      "listening on {}, where other machines reach it; --bind-address "
      "127.0.0.1 keeps them out",
      config.bind_address);
  if (config.control_access == ControlAccessSetting::kAuto) {
    spdlog::info(
        "nobody may load, unload or quantize models there: --control-access "
        "token:FILE, certificate or open says who may");
  }
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

int Serve(const ServerConfig& config, Running* running,
          ShutdownSignals* signals) {
  auto started = Server::Start(config, TheEngine(),
                               {std::string(Version()), DescribeMachine().isa});
  if (!started.ok()) return Fail(started.status());
  Server& server = **started;
  if (absl::Status status = server.Load(); !status.ok()) return Fail(status);
  running->Set(&server);
  spdlog::info("ready on {} lanes: gRPC on port {}, HTTP on port {}",
               server.lanes(), server.grpc_port(), server.http_port());
  PrintReady(&server);

  signals->Await(1, absl::InfiniteDuration());
  spdlog::info("leaving: requests are taken for another {} s",
               config.drain_seconds);
  server.Leave();
  signals->Await(2, absl::Seconds(config.drain_seconds));
  spdlog::info("draining");
  server.Shutdown(kDrainLimit);
  running->Set(nullptr);
  spdlog::info("done");
  return 0;
}

int Run(const ServerConfig& config) {
  // A client or a reader of the log that goes away is no reason to die.
  signal(SIGPIPE, SIG_IGN);
  Running running;
  ShutdownSignals signals([&running](int count) { running.OnSignal(count); });
  InstallLog(SwitchesFor(config.log_level));
  LogStart(config);
  const int exit_code = Serve(config, &running, &signals);
  running.Finish();
  return exit_code;
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
