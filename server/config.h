// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_CONFIG_H_
#define OCTET_SERVER_CONFIG_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace octet {

// When the models of the repository are loaded.
enum class ModelControl {
  kStartup,   // all of them at start; afterwards by RPC
  kWatch,     // as kStartup, and the repository is followed
  kExplicit,  // none until an RPC asks
};

// Who may change what the server does: load, unload, quantize, and so on.
enum class ControlAccessSetting {
  kAuto,         // everyone on a loopback address, else nobody
  kOpen,         // everyone
  kCertificate,  // clients with a certificate of `tls_client_ca`
  kToken,        // callers that send the token of `control_token_file`
};

// Where a setting's value comes from; a later one goes before an earlier one.
enum class SettingSource { kDefault, kFile, kEnvironment, kFlag };

// Everything that can be set about octet-server; README.md has the table.
struct ServerConfig {
  std::string model_repository;
  std::string bind_address = "127.0.0.1";
  int grpc_port = 8001;  // 0 = any free one
  int http_port = 8002;  // 0 = any free one

  // Batches computed at a time; absent: as many as the CPUs allow.
  std::optional<int> lanes;
  int threads_per_lane = 1;
  // Rows of one batch.
  int max_batch = 8;
  // Rows that wait per model.
  int64_t queue_rows = 1024;
  // The largest gRPC message taken.
  int64_t max_receive_bytes = int64_t{64} << 20;

  // How long requests are still taken after SIGTERM, seconds.
  double drain_seconds = 5;
  std::string log_level = "info";
  // The fraction of requests that get a line in the log, 0 to 1.
  double request_log = 0;

  ModelControl model_control = ModelControl::kStartup;
  // Weights and arenas of all loaded models; absent: three quarters of the
  // memory that the process may use.
  std::optional<int64_t> model_memory_bytes;
  // The model and the samples of one quantization job.
  int64_t job_bytes = int64_t{1} << 30;
  // The folder with files that quantization may read; empty: none.
  std::string calibration_folder;
  // What the names of shared memory start with; empty: there is none.
  std::string shared_memory_prefix = "/octet";

  // The folder with tls.crt and tls.key; empty: no TLS.
  std::string tls_folder;
  // The file with the authorities of client certificates; empty: clients need
  // no certificate.
  std::string tls_client_ca;
  ControlAccessSetting control_access = ControlAccessSetting::kAuto;
  std::string control_token_file;  // with ControlAccessSetting::kToken

  // Memory of the requests that wait, and of their answers, per model.
  int64_t queue_bytes() const { return 4 * max_receive_bytes; }

  // By the setting's name; those that are not here have their default.
  std::map<std::string, SettingSource, std::less<>> sources;
};

// A setting as it is told: in the log at start, and by the RPC Configuration.
struct EffectiveSetting {
  std::string name;   // "grpc-port"
  std::string value;  // "8001"
  SettingSource source = SettingSource::kDefault;
};

// Every setting, in the order of README.md's table. None of them is a secret:
// tokens and keys are in files, and here are the files' names.
std::vector<EffectiveSetting> EffectiveSettings(const ServerConfig& config);

// "default", "file", "environment" or "flag".
absl::string_view SourceName(SettingSource source);

// All settings in one line, for the log: name=value[source], what is not
// printable escaped.
std::string ToString(const ServerConfig& config);

// Whether only this machine reaches `address`, an IP address.
bool IsLoopback(absl::string_view address);

}  // namespace octet

#endif  // OCTET_SERVER_CONFIG_H_
