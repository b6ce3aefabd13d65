// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <CLI/CLI.hpp>
#include <limits>
#include <optional>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace octet {
namespace {

constexpr int kUsageError = 2;
constexpr int64_t kGibibyte = int64_t{1} << 30;

void AddNetworkOptions(ServerConfig* config, CLI::App* app) {
  app->add_option("--bind-address", config->bind_address,
                  "IP address to listen on; 127.0.0.1 keeps others out")
      ->capture_default_str();
  app->add_option("--grpc-port", config->grpc_port,
                  "Port of the gRPC services; 0 = any free port")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app->add_option("--http-port", config->http_port,
                  "Port of /metrics, /healthz and /readyz; 0 = any free port")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app->add_option("--max-receive-bytes", config->max_receive_bytes,
                  "Largest gRPC message taken, bytes")
      ->check(CLI::Range(int64_t{1024}, 2 * kGibibyte - 1))
      ->capture_default_str();
}

void AddComputeOptions(ServerConfig* config, CLI::App* app) {
  app->add_option("--lanes", config->lanes,
                  "Batches computed at a time [default: CPUs that this "
                  "process may use / --threads-per-lane]")
      ->check(CLI::Range(1, 1024));
  app->add_option("--threads-per-lane", config->threads_per_lane,
                  "Threads that compute one batch; more shorten a request, "
                  "more lanes serve more of them")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app->add_option("--max-batch", config->max_batch,
                  "Rows computed together at most")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app->add_option("--queue-rows", config->queue_rows,
                  "Rows that wait per model at most; more are refused")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->capture_default_str();
  app->add_option("--queue-bytes", config->queue_bytes,
                  "Memory of waiting requests and their answers per model at "
                  "most, bytes")
      ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
  app->add_option("--max-calibration-bytes", config->max_calibration_bytes,
                  "Calibration samples that one quantization may send, bytes")
      ->check(CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max()))
      ->capture_default_str();
}

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv,
                             absl::string_view version, std::ostream& out,
                             std::ostream& err) {
  CommandLine line;
  ServerConfig& config = line.config;
  CLI::App app(
      "octet-server serves the ONNX models of a repository over gRPC.\n"
      "When it is ready it prints one line of JSON with grpc_port, http_port "
      "and models; everything else goes to standard error.\n"
      "Exit codes: 0 after SIGTERM or SIGINT, 1 failure, 2 wrong usage.",
      "octet-server");
  app.set_version_flag("--version", absl::StrCat("octet-server ", version));
  app.add_option("--model-repository", config.model_repository,
                 "Folder with <model>/<version>/model.onnx in it")
      ->required();
  AddNetworkOptions(&config, &app);
  AddComputeOptions(&config, &app);
  app.add_option("--drain-seconds", config.drain_seconds,
                 "How long requests are still taken after SIGTERM, while "
                 "/readyz says no, seconds; a second signal ends it at once")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--log-level", config.log_level, "What is worth a line")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    line.exit_code = app.exit(error, out, err) == 0 ? 0 : kUsageError;
  }
  return line;
}

std::string ToString(const ServerConfig& config) {
  return absl::StrCat(
      "model-repository=", config.model_repository,
      " bind-address=", config.bind_address, " grpc-port=", config.grpc_port,
      " http-port=", config.http_port, " lanes=",
      config.lanes ? absl::StrCat(*config.lanes) : std::string("auto"),
      " threads-per-lane=", config.threads_per_lane,
      " max-batch=", config.max_batch, " queue-rows=", config.queue_rows,
      " queue-bytes=", config.queue_bytes,
      " max-receive-bytes=", config.max_receive_bytes,
      " max-calibration-bytes=", config.max_calibration_bytes,
      " drain-seconds=", config.drain_seconds, " log-level=", config.log_level);
}

}  // namespace octet
