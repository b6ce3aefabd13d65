// SPDX-License-Identifier: Apache-2.0
// octet load and octet unload: which models of the repository are served.
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cli/command.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"
#include "nlohmann/json.hpp"
#include "proto/model_config.pb.h"

namespace octet::cli {
namespace {

constexpr int64_t kMaxConfigBytes = 1 << 20;

struct LoadFlags {
  std::string model;
  std::string file;
  std::string config;
  int64_t file_version = 1;
};

// What there is to say when `action` ("loaded") took `elapsed`.
void Report(const GlobalFlags& flags, const std::string& server,
            const std::string& model, const std::string& action,
            absl::Duration elapsed) {
  const double milliseconds = absl::ToDoubleMilliseconds(elapsed);
  if (flags.json) {
    nlohmann::json json = {
        {"model", model}, {action, true}, {"ms", milliseconds}};
    if (flags.servers.size() > 1) json["server"] = server;
    std::cout << json.dump() << "\n";
  } else {
    std::cout << absl::StreamFormat(
        "%s is %s (%.0f ms)%s\n", model, action, milliseconds,
        flags.servers.size() > 1 ? absl::StrCat(" at ", server) : "");
  }
}

absl::StatusOr<std::string> AsJson(const inference::ModelConfig& config) {
  std::string json;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (!google::protobuf::util::MessageToJsonString(config, &json, options)
           .ok()) {
    return absl::InternalError("a configuration cannot be written as JSON");
  }
  return json;
}

// A configuration file as the protocol wants it: JSON stays, the text form of
// config.pbtxt is converted.
absl::StatusOr<std::string> ReadConfig(const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(std::string text, io::ReadFile(path, kMaxConfigBytes));
  if (!absl::EndsWith(path, ".pbtxt")) return text;
  inference::ModelConfig config;
  if (!google::protobuf::TextFormat::ParseFromString(text, &config)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path,
                     ": no text form of inference.ModelConfig; the lines above "
                     "say where it breaks"));
  }
  return AsJson(config);
}

absl::StatusOr<client::LoadRequest> MakeLoadRequest(const LoadFlags& flags) {
  client::LoadRequest request;
  request.model = flags.model;
  if (!flags.config.empty()) {
    OCTET_ASSIGN_OR_RETURN(request.config, ReadConfig(flags.config));
  }
  if (!flags.file.empty()) {
    OCTET_ASSIGN_OR_RETURN(std::string bytes, io::ReadFile(flags.file));
    request.files.push_back(
        {absl::StrCat(flags.file_version, "/model.onnx"), std::move(bytes)});
  }
  return request;
}

// Files are only taken with a configuration: the one that the model is served
// with, or for a new model one that leaves everything open.
absl::Status AddServedConfig(client::Client* client,
                             client::LoadRequest* request) {
  const auto served = client->ModelConfig({request->model, ""});
  if (served.ok()) {
    OCTET_ASSIGN_OR_RETURN(request->config, AsJson(served->config()));
    return absl::OkStatus();
  }
  if (absl::IsNotFound(served.status()) ||
      absl::IsFailedPrecondition(served.status()) ||
      absl::IsUnimplemented(served.status())) {
    request->config = "{}";
    return absl::OkStatus();
  }
  return served.status();
}

// A sent file is called what the configuration wants.
void NameFiles(int64_t version, client::LoadRequest* request) {
  inference::ModelConfig config;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  // What is wrong with a configuration the server says.
  if (!google::protobuf::util::JsonStringToMessage(request->config, &config,
                                                   options)
           .ok() ||
      config.default_model_filename().empty()) {
    return;
  }
  for (auto& [path, bytes] : request->files) {
    path = absl::StrCat(version, "/", config.default_model_filename());
  }
}

absl::Status RunLoad(const LoadFlags& load, const GlobalFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto request, MakeLoadRequest(load));
  for (const std::string& server : flags.servers) {
    OCTET_ASSIGN_OR_RETURN(const auto client,
                           ConnectTo(server, flags, absl::Minutes(5)));
    const absl::Time start = absl::Now();
    client::LoadRequest of_server = request;
    if (!request.files.empty() && request.config.empty()) {
      OCTET_RETURN_IF_ERROR(AddServedConfig(client.get(), &of_server));
    }
    NameFiles(load.file_version, &of_server);
    OCTET_RETURN_IF_ERROR(client->LoadModel(of_server));
    Report(flags, server, load.model, "loaded", absl::Now() - start);
  }
  return absl::OkStatus();
}

absl::Status RunUnload(const std::string& model, const GlobalFlags& flags) {
  for (const std::string& server : flags.servers) {
    OCTET_ASSIGN_OR_RETURN(const auto client,
                           ConnectTo(server, flags, absl::Minutes(5)));
    const absl::Time start = absl::Now();
    OCTET_RETURN_IF_ERROR(client->UnloadModel(model));
    Report(flags, server, model, "unloaded", absl::Now() - start);
  }
  return absl::OkStatus();
}

}  // namespace

void AddLoadCommand(CLI::App* app, const GlobalFlags& flags, Action* action) {
  CLI::App* command = app->add_subcommand(
      "load",
      "Load a model of the repository, or load it again, and wait until it is "
      "ready; of several servers, on each one");
  auto load = std::make_shared<LoadFlags>();
  command
      ->add_option("MODEL", load->model,
                   "The model's name in the server's repository")
      ->required();
  auto* file =
      command
          ->add_option("--file", load->file,
                       "Send this ONNX file first; it becomes a version of "
                       "the model in the server's repository")
          ->type_name("FILE.onnx")
          ->check(CLI::ExistingFile);
  command
      ->add_option("--file-version", load->file_version,
                   "The version that --file becomes, in place of what is "
                   "there")
      ->check(CLI::Range(1, 2147483647))
      ->type_name("N")
      ->capture_default_str()
      ->needs(file);
  command
      ->add_option("--config", load->config,
                   "The model's configuration, as config.pbtxt or as JSON "
                   "(inference.ModelConfig), instead of the repository's "
                   "until the next load [with --file, as it is served]")
      ->type_name("FILE.pbtxt|FILE.json")
      ->check(CLI::ExistingFile);
  command->callback([load, &flags, action] {
    *action = [load, &flags] { return RunLoad(*load, flags); };
  });
}

void AddUnloadCommand(CLI::App* app, const GlobalFlags& flags, Action* action) {
  CLI::App* command = app->add_subcommand(
      "unload",
      "Take a model out of service, on each of several servers; its files "
      "stay");
  auto model = std::make_shared<std::string>();
  command->add_option("MODEL", *model, "The model's name")->required();
  command->callback([model, &flags, action] {
    *action = [model, &flags] { return RunUnload(*model, flags); };
  });
}

}  // namespace octet::cli
