// SPDX-License-Identifier: Apache-2.0
#include "server/setting.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/config.h"

namespace octet {
namespace {

constexpr int64_t kGibibyte = int64_t{1} << 30;
constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
// NAME_MAX; a name of shared memory is a file's name.
constexpr size_t kMaxPrefix = 128;
constexpr char kAuto[] = "auto";
constexpr char kTokenRule[] = "token:";

std::string Range(int64_t least, int64_t most) {
  if (most == kLargest) return absl::StrCat("a whole number from ", least);
  return absl::StrCat("a whole number from ", least, " to ", most);
}

// A member that is a whole number from `least` to `most`.
template <typename T>
Setting Whole(T ServerConfig::*member, T least, T most) {
  Setting setting;
  setting.expected = Range(least, most);
  setting.parse = [=](absl::string_view text, ServerConfig* config) {
    T value = 0;
    if (!absl::SimpleAtoi(text, &value)) return false;
    if (value < least || value > most) return false;
    config->*member = value;
    return true;
  };
  setting.print = [=](const ServerConfig& config) {
    return absl::StrCat(config.*member);
  };
  return setting;
}

// The same, or "auto" for its absence.
template <typename T>
Setting WholeOrAuto(std::optional<T> ServerConfig::*member, T least, T most) {
  Setting setting;
  setting.expected = absl::StrCat(kAuto, " or ", Range(least, most));
  setting.parse = [=](absl::string_view text, ServerConfig* config) {
    T value = 0;
    if (text == kAuto) {
      config->*member = std::nullopt;
      return true;
    }
    if (!absl::SimpleAtoi(text, &value)) return false;
    if (value < least || value > most) return false;
    config->*member = value;
    return true;
  };
  setting.print = [=](const ServerConfig& config) {
    const std::optional<T>& value = config.*member;
    return value ? absl::StrCat(*value) : std::string(kAuto);
  };
  return setting;
}

Setting Real(double ServerConfig::*member, double least, double most) {
  Setting setting;
  setting.expected = absl::StrCat("a number from ", least, " to ", most);
  setting.parse = [=](absl::string_view text, ServerConfig* config) {
    double value = 0;
    if (!absl::SimpleAtod(text, &value) || std::isnan(value)) return false;
    if (value < least || value > most) return false;
    config->*member = value;
    return true;
  };
  setting.print = [=](const ServerConfig& config) {
    return absl::StrCat(config.*member);
  };
  return setting;
}

using TextCheck = std::function<bool(absl::string_view)>;

Setting Text(std::string ServerConfig::*member, std::string expected,
             TextCheck check) {
  Setting setting;
  setting.expected = std::move(expected);
  setting.parse = [member, check = std::move(check)](absl::string_view text,
                                                     ServerConfig* config) {
    // It would cut a path short.
    if (absl::StrContains(text, '\0') || !check(text)) return false;
    config->*member = std::string(text);
    return true;
  };
  setting.print = [=](const ServerConfig& config) { return config.*member; };
  return setting;
}

bool AnyText(absl::string_view) { return true; }
bool SomeText(absl::string_view text) { return !text.empty(); }

bool IsAddress(absl::string_view text) {
  const std::string address(text);
  in6_addr parsed;
  return inet_pton(AF_INET, address.c_str(), &parsed) == 1 ||
         inet_pton(AF_INET6, address.c_str(), &parsed) == 1;
}

bool IsSharedMemoryPrefix(absl::string_view text) {
  if (text.empty()) return true;
  return text.size() > 1 && text.size() <= kMaxPrefix && text[0] == '/' &&
         text.find('/', 1) == absl::string_view::npos &&
         std::all_of(text.begin(), text.end(), absl::ascii_isgraph);
}

// A member that is one of a few names.
template <typename T>
using Names = std::vector<std::pair<absl::string_view, T>>;

template <typename T>
std::string JoinNames(const Names<T>& names) {
  return absl::StrJoin(names, ", ", [](std::string* out, const auto& name) {
    absl::StrAppend(out, name.first);
  });
}

Setting LogLevel() {
  static constexpr absl::string_view kLevels[] = {"debug", "info", "warn",
                                                  "error", "off"};
  return Text(&ServerConfig::log_level, absl::StrJoin(kLevels, ", "),
              [](absl::string_view text) {
                return std::find(std::begin(kLevels), std::end(kLevels),
                                 text) != std::end(kLevels);
              });
}

Setting Control() {
  static const auto* const kNames =
      new Names<ModelControl>{{"startup", ModelControl::kStartup},
                              {"watch", ModelControl::kWatch},
                              {"explicit", ModelControl::kExplicit}};
  Setting setting;
  setting.expected = JoinNames(*kNames);
  setting.parse = [](absl::string_view text, ServerConfig* config) {
    for (const auto& [name, value] : *kNames) {
      if (name != text) continue;
      config->model_control = value;
      return true;
    }
    return false;
  };
  setting.print = [](const ServerConfig& config) {
    for (const auto& [name, value] : *kNames) {
      if (value == config.model_control) return std::string(name);
    }
    return std::string();
  };
  return setting;
}

Setting Access() {
  static const auto* const kNames = new Names<ControlAccessSetting>{
      {kAuto, ControlAccessSetting::kAuto},
      {"open", ControlAccessSetting::kOpen},
      {"certificate", ControlAccessSetting::kCertificate}};
  Setting setting;
  setting.expected = absl::StrCat(JoinNames(*kNames), " or token:FILE");
  setting.parse = [](absl::string_view text, ServerConfig* config) {
    for (const auto& [name, value] : *kNames) {
      if (name != text) continue;
      config->control_access = value;
      config->control_token_file.clear();
      return true;
    }
    absl::string_view file = text;
    if (!absl::ConsumePrefix(&file, kTokenRule) || file.empty()) return false;
    if (absl::StrContains(file, '\0')) return false;
    config->control_access = ControlAccessSetting::kToken;
    config->control_token_file = std::string(file);
    return true;
  };
  setting.print = [](const ServerConfig& config) {
    for (const auto& [name, value] : *kNames) {
      if (value == config.control_access) return std::string(name);
    }
    return absl::StrCat(kTokenRule, config.control_token_file);
  };
  return setting;
}

void Add(std::string name, Setting setting, std::string help,
         std::vector<Setting>* settings) {
  setting.name = std::move(name);
  setting.help = std::move(help);
  settings->push_back(std::move(setting));
}

void AddNetwork(std::vector<Setting>* settings) {
  using C = ServerConfig;
  Add("model-repository",
      Text(&C::model_repository, "the path of a folder", SomeText),
      "Folder with <model>/<version>/model.onnx in it; required", settings);
  Add("bind-address", Text(&C::bind_address, "an IP address", IsAddress),
      "IP address to listen on; 0.0.0.0 or :: let other machines in", settings);
  Add("grpc-port", Whole(&C::grpc_port, 0, 65535),
      "Port of the gRPC services; 0 = any free port", settings);
  Add("http-port", Whole(&C::http_port, 0, 65535),
      "Port of /metrics, /healthz and /readyz, always without TLS; 0 = any "
      "free port",
      settings);
  Add("tls-folder", Text(&C::tls_folder, "the path of a folder", AnyText),
      "Folder with tls.crt and tls.key, PEM, read again when they change; "
      "empty = no TLS",
      settings);
  Add("tls-client-ca", Text(&C::tls_client_ca, "the path of a file", AnyText),
      "PEM file with the authorities that sign client certificates, which are "
      "then required; empty = none are asked for",
      settings);
  Add("control-access", Access(),
      "Who may load, unload, quantize, share memory and change settings: auto "
      "= everyone while bound to loopback, else nobody; open = everyone; "
      "certificate = clients with one of --tls-client-ca; token:FILE = callers "
      "with the token in FILE, which is read again when it changes",
      settings);
  Add("max-receive-bytes",
      Whole(&C::max_receive_bytes, int64_t{1024}, 2 * kGibibyte - 1),
      "Largest gRPC message taken, bytes; a model's queue holds four times as "
      "much",
      settings);
}

void AddCompute(std::vector<Setting>* settings) {
  using C = ServerConfig;
  Add("lanes", WholeOrAuto(&C::lanes, 1, 1024),
      "Batches computed at a time; auto = CPUs that this process may use / "
      "--threads-per-lane",
      settings);
  Add("threads-per-lane", Whole(&C::threads_per_lane, 1, 256),
      "Threads that compute one batch; more shorten a request, more lanes "
      "serve more of them",
      settings);
  Add("max-batch", Whole(&C::max_batch, 1, 1024),
      "Rows computed together at most", settings);
  Add("queue-rows", Whole(&C::queue_rows, int64_t{1}, int64_t{1} << 40),
      "Rows that wait per model at most; more are refused", settings);
  Add("drain-seconds", Real(&C::drain_seconds, 0, 3600),
      "How long requests are still taken after SIGTERM, while /readyz says no, "
      "seconds; a second signal ends it at once",
      settings);
}

void AddModels(std::vector<Setting>* settings) {
  using C = ServerConfig;
  Add("model-control", Control(),
      "When models are loaded: startup = all at start, then by RPC; watch = "
      "also when the repository changes; explicit = by RPC only",
      settings);
  Add("model-memory-bytes",
      WholeOrAuto(&C::model_memory_bytes, int64_t{1} << 20, kLargest),
      "Weights and arenas of the loaded models at most, bytes; auto = three "
      "quarters of the memory that this process may use",
      settings);
  Add("job-bytes", Whole(&C::job_bytes, int64_t{1}, kLargest),
      "Model and samples of one quantization at most, bytes", settings);
  Add("calibration-folder",
      Text(&C::calibration_folder, "the path of a folder", AnyText),
      "Folder with sample files that quantization may read; empty = none",
      settings);
  Add("shared-memory-prefix",
      Text(&C::shared_memory_prefix,
           absl::StrCat("nothing, or a slash and up to ", kMaxPrefix - 1,
                        " visible characters without another slash"),
           IsSharedMemoryPrefix),
      "What names of shared memory must start with; empty = no shared memory",
      settings);
}

std::vector<Setting> MakeSettings() {
  std::vector<Setting> settings;
  AddNetwork(&settings);
  AddCompute(&settings);
  AddModels(&settings);
  Add("log-level", LogLevel(), "What is worth a line on standard error",
      &settings);
  Add("request-log", Real(&ServerConfig::request_log, 0, 1),
      "Fraction of the requests that get a line in the log; above 0, those "
      "that fail always get one",
      &settings);
  return settings;
}

// How many single characters must be changed, added or removed.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

const std::vector<Setting>& Settings() {
  static const auto* const settings = new std::vector<Setting>(MakeSettings());
  return *settings;
}

const Setting* FindSetting(absl::string_view name) {
  for (const Setting& setting : Settings()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

std::string VariableName(absl::string_view setting) {
  return absl::StrCat(
      "OCTET_SERVER_",
      absl::AsciiStrToUpper(absl::StrReplaceAll(setting, {{"-", "_"}})));
}

std::string NearestName(absl::string_view name,
                        const std::vector<std::string>& known) {
  // Further away than this it is another word.
  size_t best = std::max<size_t>(name.size() / 3, 2) + 1;
  std::string nearest;
  for (const std::string& candidate : known) {
    const size_t longer = std::max(candidate.size(), name.size());
    const size_t shorter = std::min(candidate.size(), name.size());
    if (longer - shorter >= best) continue;
    const size_t distance = EditDistance(name, candidate);
    if (distance >= best) continue;
    best = distance;
    nearest = candidate;
  }
  return nearest;
}

}  // namespace octet
