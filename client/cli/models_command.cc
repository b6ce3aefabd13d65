// SPDX-License-Identifier: Apache-2.0
// octet models: the repository's models with their state and their tensors.
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command.h"
#include "client/cli/table.h"
#include "engine/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace octet::cli {
namespace {

using TensorMetadata = inference::ModelMetadataResponse::TensorMetadata;
using Tensors = google::protobuf::RepeatedPtrField<TensorMetadata>;

// One version of a model; tensors only where it is ready.
struct ModelEntry {
  inference::RepositoryIndexResponse::ModelIndex index;
  inference::ModelMetadataResponse metadata;
};

absl::StatusOr<std::vector<ModelEntry>> ReadEntries(client::Client* client) {
  OCTET_ASSIGN_OR_RETURN(const auto index, client->RepositoryIndex());
  std::vector<ModelEntry> entries;
  for (const auto& model : index.models()) {
    ModelEntry entry{model, {}};
    if (model.state() == "READY") {
      auto metadata = client->ModelMetadata({model.name(), model.version()});
      // Between the two calls the version may have been unloaded.
      if (!metadata.ok() && !absl::IsNotFound(metadata.status()) &&
          !absl::IsFailedPrecondition(metadata.status())) {
        return metadata.status();
      }
      if (metadata.ok()) entry.metadata = *std::move(metadata);
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string Describe(const Tensors& tensors) {
  return absl::StrJoin(
      tensors, ", ", [](std::string* text, const TensorMetadata& tensor) {
        absl::StrAppend(text, tensor.name(), " ", tensor.datatype(), " [",
                        absl::StrJoin(tensor.shape(), ", "), "]");
      });
}

nlohmann::json TensorsAsJson(const Tensors& tensors) {
  nlohmann::json list = nlohmann::json::array();
  for (const TensorMetadata& tensor : tensors) {
    list.push_back({{"name", tensor.name()},
                    {"datatype", tensor.datatype()},
                    {"shape", std::vector<int64_t>(tensor.shape().begin(),
                                                   tensor.shape().end())}});
  }
  return list;
}

void PrintJson(const std::vector<ModelEntry>& entries) {
  nlohmann::json models = nlohmann::json::array();
  for (const ModelEntry& entry : entries) {
    models.push_back({{"name", entry.index.name()},
                      {"version", entry.index.version()},
                      {"state", entry.index.state()},
                      {"reason", entry.index.reason()},
                      {"inputs", TensorsAsJson(entry.metadata.inputs())},
                      {"outputs", TensorsAsJson(entry.metadata.outputs())}});
  }
  std::cout << nlohmann::json{{"models", models}}.dump() << "\n";
}

void PrintText(const std::vector<ModelEntry>& entries) {
  if (entries.empty()) {
    std::cout << "the repository holds no models\n";
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"MODEL", "VERSION", "STATE", "INPUTS -> OUTPUTS, OR WHY NOT READY"}};
  for (const ModelEntry& entry : entries) {
    const auto& index = entry.index;
    std::string last = index.reason();
    if (entry.metadata.inputs_size() > 0) {
      last = absl::StrCat(Describe(entry.metadata.inputs()), " -> ",
                          Describe(entry.metadata.outputs()));
    }
    rows.push_back({index.name(), index.version(), index.state(), last});
  }
  std::cout << FormatTable(rows);
}

absl::Status RunModels(const GlobalFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags, absl::Seconds(10)));
  OCTET_ASSIGN_OR_RETURN(const auto entries, ReadEntries(client.get()));
  if (flags.json) {
    PrintJson(entries);
  } else {
    PrintText(entries);
  }
  return absl::OkStatus();
}

}  // namespace

void AddModelsCommand(CLI::App* app, const GlobalFlags& flags, Action* action) {
  CLI::App* command = app->add_subcommand(
      "models",
      "List the repository's models: versions, states, inputs and outputs (-1 "
      "is a free size)");
  command->callback([&flags, action] {
    RequireOneServer(flags);
    *action = [&flags] { return RunModels(flags); };
  });
}

}  // namespace octet::cli
