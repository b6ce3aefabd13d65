// SPDX-License-Identifier: Apache-2.0
#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/config.h"
#include "server/config_file.h"
#include "server/setting.h"

namespace octet {
namespace {

constexpr int kUsageError = 2;
constexpr char kVariablePrefix[] = "OCTET_SERVER_";
// How much of a wrong value a complaint shows.
constexpr size_t kShownBytes = 128;

std::vector<std::string> KnownNames(const std::string& prefix) {
  std::vector<std::string> names;
  for (const Setting& setting : Settings()) {
    names.push_back(prefix.empty() ? setting.name : prefix + setting.name);
  }
  names.push_back(absl::StrCat(prefix, "config"));
  return names;
}

std::vector<std::string> KnownVariables() {
  std::vector<std::string> names;
  for (const std::string& name : KnownNames("")) {
    names.push_back(VariableName(name));
  }
  return names;
}

// "; did you mean X?", or how to see all names.
std::string Suggestion(absl::string_view name,
                       const std::vector<std::string>& known) {
  const std::string nearest = NearestName(name, known);
  return nearest.empty() ? std::string("; --help lists the settings")
                         : absl::StrCat("; did you mean ", nearest, "?");
}

// Whether Kubernetes sets this variable by itself, in every container beside a
// service called "octet-server": SERVICE_HOST, SERVICE_PORT, SERVICE_PORT_NAME,
// PORT, PORT_80_TCP, PORT_80_TCP_ADDR and so on.
bool IsServiceLink(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kVariablePrefix)) return false;
  if (name == "SERVICE_HOST" || name == "SERVICE_PORT" || name == "PORT" ||
      absl::StartsWith(name, "SERVICE_PORT_")) {
    return true;
  }
  if (!absl::ConsumePrefix(&name, "PORT_")) return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '_');
  const auto is_one_of = [](absl::string_view part,
                            std::initializer_list<absl::string_view> words) {
    return std::find(words.begin(), words.end(), part) != words.end();
  };
  int port = 0;
  return (parts.size() == 2 || parts.size() == 3) &&
         absl::SimpleAtoi(parts[0], &port) &&
         is_one_of(parts[1], {"TCP", "UDP", "SCTP"}) &&
         (parts.size() == 2 || is_one_of(parts[2], {"PROTO", "PORT", "ADDR"}));
}

// The values of all sources on their way into one configuration.
class Gathering {
 public:
  explicit Gathering(ServerConfig* config) : config_(config) {}

  // `where` says what to look at: a flag, a variable, or a file and its key.
  void Set(const Setting& setting, const std::string& value,
           SettingSource source, const std::string& where) {
    if (setting.parse(value, config_)) {
      config_->sources[setting.name] = source;
      return;
    }
    Complain(absl::StrCat(where, ": got ",
                          ShownText(value.substr(0, kShownBytes)),
                          ", expected ", setting.expected));
  }

  void Complain(std::string problem) {
    problems_.push_back(std::move(problem));
  }

  const std::vector<std::string>& problems() const { return problems_; }

 private:
  ServerConfig* const config_;
  std::vector<std::string> problems_;
};

struct Flags {
  std::map<std::string, std::string> values;  // by the setting's name
  std::optional<std::string> config;          // of --config
  bool health = false;                        // --health
};

// CLI11 takes `--name=` for a flag whose value is the next argument.
std::vector<std::string> SplitEmptyValues(
    const std::vector<std::string>& arguments) {
  std::vector<std::string> split;
  for (const std::string& argument : arguments) {
    if (absl::StartsWith(argument, "--") && argument.size() > 3 &&
        argument.find('=') == argument.size() - 1) {
      split.push_back(argument.substr(0, argument.size() - 1));
      split.emplace_back();
    } else {
      split.push_back(argument);
    }
  }
  return split;
}

void AddFlags(CLI::App* app, Flags* flags) {
  const ServerConfig defaults;
  for (const Setting& setting : Settings()) {
    const std::string usual = setting.print(defaults);
    app->add_option_function<std::string>(
           absl::StrCat("--", setting.name),
           [flags, name = setting.name](const std::string& value) {
             flags->values[name] = value;
           },
           absl::StrCat(setting.help, " (", setting.expected, ")"))
        ->type_name("")
        ->default_str(usual.empty() ? "\"\"" : usual);
  }
  app->add_option("--config", flags->config,
                  "JSON file with settings by their names without dashes, as "
                  "{\"grpc-port\": 8001}; // begins a comment");
  app->add_flag("--health", flags->health,
                "Serve nothing: ask the server that runs here with these "
                "settings whether it is ready. Exit code 0 when it is");
}

// The flags, or the code to exit with.
std::optional<int> ParseFlags(const Invocation& invocation, std::ostream& out,
                              std::ostream& err, Flags* flags) {
  CLI::App app(
      "octet-server serves the ONNX models of a repository over gRPC.\n"
      "When it is ready it prints one line of JSON with grpc_port, http_port "
      "and models; everything else goes to standard error.\n"
      "Every setting is a flag, a variable (OCTET_SERVER_GRPC_PORT for "
      "--grpc-port) and a key of the file of --config (OCTET_SERVER_CONFIG). A "
      "flag goes before a variable, a variable before the file.\n"
      "Exit codes: 0 after SIGTERM or SIGINT, 1 failure, 2 wrong settings.",
      "octet-server");
  app.set_version_flag("--version",
                       absl::StrCat("octet-server ", invocation.version));
  app.allow_extras();
  AddFlags(&app, flags);
  try {
    std::vector<std::string> arguments = SplitEmptyValues(invocation.arguments);
    // CLI11 wants the last one first.
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? 0 : kUsageError;
  }
  if (const auto extras = app.remaining(); !extras.empty()) {
    const std::string flag = extras[0].substr(0, extras[0].find('='));
    err << "octet-server: " << ShownText(flag.substr(0, kShownBytes))
        << ": there is no such flag" << Suggestion(flag, KnownNames("--"))
        << std::endl;
    return kUsageError;
  }
  return std::nullopt;
}

void TakeFile(const std::string& path, Gathering* gathering) {
  const absl::StatusOr<std::vector<FileSetting>> settings =
      ReadConfigFile(path);
  if (!settings.ok()) {
    gathering->Complain(std::string(settings.status().message()));
    return;
  }
  for (const FileSetting& given : *settings) {
    const std::string where = absl::StrCat(
        ShownText(path), ": key ", ShownText(given.key.substr(0, kShownBytes)));
    const Setting* const setting = FindSetting(given.key);
    if (setting == nullptr) {
      gathering->Complain(absl::StrCat(where, ": there is no such setting",
                                       Suggestion(given.key, KnownNames(""))));
    } else {
      gathering->Set(*setting, given.value, SettingSource::kFile, where);
    }
  }
}

// The variables of octet-server, by name; others are not looked at.
std::map<std::string, std::string> Variables(
    const std::vector<std::string>& environment) {
  std::map<std::string, std::string> variables;
  for (const std::string& entry : environment) {
    const size_t equals = entry.find('=');
    const std::string name = entry.substr(0, equals);
    if (equals == std::string::npos || IsServiceLink(name) ||
        !absl::StartsWith(name, kVariablePrefix)) {
      continue;
    }
    variables[name] = entry.substr(equals + 1);
  }
  return variables;
}

void TakeVariables(const std::map<std::string, std::string>& variables,
                   Gathering* gathering) {
  std::map<std::string, const Setting*> known;
  for (const Setting& setting : Settings()) {
    known[VariableName(setting.name)] = &setting;
  }
  for (const auto& [name, value] : variables) {
    if (name == VariableName("config")) continue;
    const auto found = known.find(name);
    if (found == known.end()) {
      gathering->Complain(absl::StrCat(ShownText(name.substr(0, kShownBytes)),
                                       ": there is no such setting",
                                       Suggestion(name, KnownVariables())));
    } else {
      gathering->Set(*found->second, value, SettingSource::kEnvironment, name);
    }
  }
}

// What no value is wrong in by itself.
void CheckTogether(const ServerConfig& config, bool health,
                   Gathering* gathering) {
  if (config.http_port == 0 && health) {
    gathering->Complain(
        "--health needs the --http-port that the server has: 0 is any free "
        "one");
  }
  if (config.model_repository.empty() && !health) {
    gathering->Complain(
        "--model-repository is required: the folder with "
        "<model>/<version>/model.onnx in it");
  }
  if (!config.tls_client_ca.empty() && config.tls_folder.empty()) {
    gathering->Complain(
        "--tls-client-ca needs --tls-folder: there are no client certificates "
        "without TLS");
  }
  if (config.control_access == ControlAccessSetting::kCertificate &&
      config.tls_client_ca.empty()) {
    gathering->Complain(
        "--control-access certificate needs --tls-client-ca: nothing else says "
        "which certificates are good");
  }
}

}  // namespace

CommandLine ReadCommandLine(const Invocation& invocation, std::ostream& out,
                            std::ostream& err) {
  CommandLine line;
  Flags flags;
  line.exit_code = ParseFlags(invocation, out, err, &flags);
  if (line.exit_code) return line;
  const std::map<std::string, std::string> variables =
      Variables(invocation.environment);
  Gathering gathering(&line.config);
  const auto file = variables.find(VariableName("config"));
  if (flags.config) {
    TakeFile(*flags.config, &gathering);
  } else if (file != variables.end() && !file->second.empty()) {
    TakeFile(file->second, &gathering);
  }
  TakeVariables(variables, &gathering);
  for (const auto& [name, value] : flags.values) {
    gathering.Set(*FindSetting(name), value, SettingSource::kFlag, "--" + name);
  }
  if (gathering.problems().empty()) {
    CheckTogether(line.config, flags.health, &gathering);
  }
  for (const std::string& problem : gathering.problems()) {
    err << "octet-server: " << problem << std::endl;
  }
  if (!gathering.problems().empty()) line.exit_code = kUsageError;
  line.health = flags.health;
  return line;
}

}  // namespace octet
