// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_CONFIG_H_
#define OCTET_SERVER_CONFIG_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace octet {

// Everything that can be set about octet-server; README.md has the table.
struct ServerConfig {
  std::string model_repository;
  // All addresses, which is what a container needs.
  std::string bind_address = "0.0.0.0";
  int grpc_port = 8001;  // 0 = any free one
  int http_port = 8002;  // 0 = any free one

  // Batches computed at a time; absent: as many as the CPUs allow.
  std::optional<int> lanes;
  int threads_per_lane = 1;
  // Rows of one batch.
  int max_batch = 8;
  // Rows, and bytes of requests and their answers, that wait per model.
  int64_t queue_rows = 1024;
  int64_t queue_bytes = int64_t{256} << 20;
  // The largest gRPC message taken, and the most calibration samples.
  int64_t max_receive_bytes = int64_t{64} << 20;
  int64_t max_calibration_bytes = int64_t{1} << 30;

  // How long requests are still taken after SIGTERM, seconds.
  double drain_seconds = 5;
  std::string log_level = "info";
};

// What the command line asks for: to run, or to exit with a code (0 after
// --help or --version, 2 after wrong usage), everything said already.
struct CommandLine {
  std::optional<int> exit_code;
  ServerConfig config;
};

// Reads the command line; text goes to `out`, complaints to `err`.
CommandLine ParseCommandLine(int argc, const char* const* argv,
                             absl::string_view version, std::ostream& out,
                             std::ostream& err);

// The configuration in one line, for the log.
std::string ToString(const ServerConfig& config);

}  // namespace octet

#endif  // OCTET_SERVER_CONFIG_H_
