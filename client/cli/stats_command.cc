// SPDX-License-Identifier: Apache-2.0
// octet stats: what the server has counted of a model's requests.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/table.h"
#include "engine/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace octet::cli {
namespace {

using Duration = inference::StatisticDuration;

// Mean microseconds of one request, or nothing where there was none.
std::string Mean(const Duration& duration) {
  if (duration.count() == 0) return "-";
  return absl::StrFormat("%.1f", static_cast<double>(duration.ns()) / 1000 /
                                     static_cast<double>(duration.count()));
}

nlohmann::json AsJson(const Duration& duration) {
  return {{"count", duration.count()}, {"ns", duration.ns()}};
}

nlohmann::json AsJson(const inference::ModelStatistics& model) {
  const auto& times = model.inference_stats();
  nlohmann::json batches = nlohmann::json::array();
  for (const auto& batch : model.batch_stats()) {
    batches.push_back({{"batch_size", batch.batch_size()},
                       {"compute_input", AsJson(batch.compute_input())},
                       {"compute_infer", AsJson(batch.compute_infer())},
                       {"compute_output", AsJson(batch.compute_output())}});
  }
  nlohmann::json memory = nlohmann::json::array();
  for (const auto& usage : model.memory_usage()) {
    memory.push_back({{"type", usage.type()},
                      {"id", usage.id()},
                      {"bytes", usage.byte_size()}});
  }
  return {{"model", model.name()},
          {"version", model.version()},
          {"last_inference_ms", model.last_inference()},
          {"rows", model.inference_count()},
          {"batches", model.execution_count()},
          {"success", AsJson(times.success())},
          {"fail", AsJson(times.fail())},
          {"queue", AsJson(times.queue())},
          {"compute_input", AsJson(times.compute_input())},
          {"compute_infer", AsJson(times.compute_infer())},
          {"compute_output", AsJson(times.compute_output())},
          {"batch_sizes", batches},
          {"memory", memory}};
}

std::string AsText(const inference::ModelStatisticsResponse& response) {
  if (response.model_stats_size() == 0) return "no model is served\n";
  std::vector<std::vector<std::string>> rows = {
      {"MODEL", "VERSION", "REQUESTS", "FAILED", "ROWS", "BATCHES", "QUEUE us",
       "INPUT us", "COMPUTE us", "OUTPUT us", "WHOLE us"}};
  std::vector<std::vector<std::string>> batches = {
      {"MODEL", "VERSION", "BATCH SIZE", "BATCHES", "INPUT us", "COMPUTE us",
       "OUTPUT us"}};
  for (const auto& model : response.model_stats()) {
    const auto& times = model.inference_stats();
    rows.push_back({model.name(), model.version(),
                    absl::StrCat(times.success().count()),
                    absl::StrCat(times.fail().count()),
                    absl::StrCat(model.inference_count()),
                    absl::StrCat(model.execution_count()), Mean(times.queue()),
                    Mean(times.compute_input()), Mean(times.compute_infer()),
                    Mean(times.compute_output()), Mean(times.success())});
    for (const auto& batch : model.batch_stats()) {
      batches.push_back(
          {model.name(), model.version(), absl::StrCat(batch.batch_size()),
           absl::StrCat(batch.compute_infer().count()),
           Mean(batch.compute_input()), Mean(batch.compute_infer()),
           Mean(batch.compute_output())});
    }
  }
  std::string text = FormatTable(rows);
  if (batches.size() > 1) absl::StrAppend(&text, "\n", FormatTable(batches));
  return text;
}

absl::Status RunStats(const client::ModelId& model, const GlobalFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags, absl::Seconds(10)));
  OCTET_ASSIGN_OR_RETURN(const auto response, client->ModelStatistics(model));
  if (!flags.json) {
    std::cout << AsText(response);
    return absl::OkStatus();
  }
  nlohmann::json models = nlohmann::json::array();
  for (const auto& statistics : response.model_stats()) {
    models.push_back(AsJson(statistics));
  }
  std::cout << nlohmann::json{{"models", models}}.dump() << "\n";
  return absl::OkStatus();
}

}  // namespace

void AddStatsCommand(CLI::App* app, const GlobalFlags& flags, Action* action) {
  CLI::App* command = app->add_subcommand(
      "stats",
      "Show counts and mean times since the models were loaded, microseconds a "
      "request (a batch, by batch size)");
  auto model = std::make_shared<client::ModelId>();
  command->add_option("MODEL", model->name, "The model's name [all models]");
  command->add_option("--model-version", model->version,
                      "Version to show [all versions]");
  command->callback([model, &flags, action] {
    RequireOneServer(flags);
    *action = [model, &flags] { return RunStats(*model, flags); };
  });
}

}  // namespace octet::cli
