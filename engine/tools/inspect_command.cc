// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/tools/command_line.h"
#include "engine/tools/commands.h"
#include "engine/tools/quantization_output.h"
#include "engine/tools/report.h"
#include "engine/tools/run_model.h"

namespace octet::tools {
namespace {

struct InspectFlags {
  std::string model;
  std::vector<std::string> inputs;
  ModelFlags load;
  bool json = false;
};

// What inspect says, gathered once for both forms of output.
struct Facts {
  std::string path;
  int64_t file_bytes = 0;
  std::vector<StepDescription> steps;
  int64_t reference_steps = 0;
  int64_t macs = 0;  // of one row
  MachineDescription machine;
};

Facts Gather(const Model& model, const std::string& path) {
  Facts facts;
  facts.path = path;
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  facts.file_bytes = error ? 0 : static_cast<int64_t>(size);
  facts.steps = model.Steps();
  facts.machine = DescribeMachine();
  for (const StepDescription& step : facts.steps) {
    facts.reference_steps += absl::StartsWith(step.kernel, "reference");
    facts.macs += step.macs;
  }
  return facts;
}

Json SpecsToJson(const std::vector<TensorSpec>& specs) {
  Json list = Json::array();
  for (const TensorSpec& spec : specs) {
    list.push_back({{"name", spec.name},
                    {"dtype", std::string(Name(spec.dtype))},
                    {"row_shape", spec.row_shape}});
  }
  return list;
}

Json StepsToJson(const std::vector<StepDescription>& steps) {
  Json list = Json::array();
  for (const StepDescription& step : steps) {
    list.push_back({{"name", step.name},
                    {"op", step.op},
                    {"kernel", step.kernel},
                    {"types", step.types},
                    {"macs", step.macs}});
  }
  return list;
}

Json ToJson(const Model& model, const Facts& facts) {
  Json json;
  json["model"] = facts.path;
  json["file_bytes"] = facts.file_bytes;
  json["inputs"] = SpecsToJson(model.inputs());
  json["outputs"] = SpecsToJson(model.outputs());
  json["batches"] = model.batches();
  json["why_not_batched"] = model.why_not_batched();
  json["dynamic_shapes"] = model.has_dynamic_shapes();
  json["why_dynamic"] = model.why_dynamic();
  json["quantized"] = model.quantized();
  if (model.options().keep_faster_float) {
    json["slower_layers"] = SlowerLayersJson(model.slower_layers());
  }
  json["buckets"] = model.buckets();
  json["threads"] = model.options().threads;
  json["weight_bytes"] = model.weight_bytes();
  json["arena_bytes"] = model.arena_bytes();
  json["machine"] = {
      {"cpu", facts.machine.cpu},
      {"isa", facts.machine.isa},
      {"exact_int8_in_onednn", facts.machine.exact_int8_in_onednn},
      {"untested_isa", facts.machine.untested_isa}};
  json["macs_per_row"] = facts.macs;
  json["reference_steps"] = facts.reference_steps;
  json["steps"] = StepsToJson(facts.steps);
  return json;
}

std::string MachineLine(const MachineDescription& machine) {
  return absl::StrCat(
      machine.cpu, ", ", machine.isa, ", int8 in oneDNN ",
      machine.exact_int8_in_onednn ? "exact" : "saturates in 16 bits",
      machine.untested_isa.empty()
          ? ""
          : absl::StrCat(", UNTESTED by octet: ", machine.untested_isa));
}

void PrintSpecs(const char* heading, const std::vector<TensorSpec>& specs,
                bool batches) {
  for (const TensorSpec& spec : specs) {
    std::printf("%-10s %s%s\n", heading, FormatSpec(spec).c_str(),
                batches ? " a row" : "");
    heading = "";
  }
}

void PrintText(const Model& model, const Facts& facts) {
  std::printf("%-10s %s, %s\n", "model", facts.path.c_str(),
              FormatBytes(facts.file_bytes).c_str());
  PrintSpecs("inputs", model.inputs(), model.batches());
  PrintSpecs("outputs", model.outputs(), model.batches());
  std::printf("%-10s %s\n", "batches",
              model.batches()
                  ? absl::StrCat("yes, planned for ",
                                 absl::StrJoin(model.buckets(), ", "), " rows")
                        .c_str()
                  : absl::StrCat("no: ", model.why_not_batched()).c_str());
  if (model.has_dynamic_shapes()) {
    std::printf(
        "%-10s known when it runs (%s); plans are made as shapes come\n",
        "shapes", model.why_dynamic().c_str());
  }
  if (model.has_dynamic_shapes() && facts.steps.empty()) {
    std::printf("%-10s --input NAME=FILE.npy shows the plan for its shape\n",
                "");
    return;
  }
  std::printf("%-10s %s\n", "quantized", model.quantized() ? "yes" : "no");
  if (model.options().keep_faster_float) {
    PrintSlowerLayers(model.slower_layers());
  }
  std::printf("%-10s weights %s, arena %s\n", "memory",
              FormatBytes(model.weight_bytes()).c_str(),
              FormatBytes(model.arena_bytes()).c_str());
  std::printf("%-10s %s\n", "machine", MachineLine(facts.machine).c_str());
  std::printf(
      "%-10s %zu, %lld of them on the reference backend, %.4g MMAC a "
      "row\n\n",
      "steps", facts.steps.size(),
      static_cast<long long>(facts.reference_steps), facts.macs / 1e6);
  std::vector<std::vector<std::string>> table = {
      {"op", "kernel", "types", "MACs", "name"}};
  for (const StepDescription& step : facts.steps) {
    table.push_back(
        {step.op, step.kernel, step.types, absl::StrCat(step.macs), step.name});
  }
  std::printf("%s", FormatTable(table).c_str());
}

absl::Status Inspect(const InspectFlags& flags) {
  const auto model = Model::FromFile(flags.model, flags.load.ToOptions());
  if (!model.ok()) return InContextOf(flags.model, model.status());
  const absl::Status planned = PlanForInputs(*model, flags.inputs);
  if (!planned.ok()) return InContextOf(flags.model, planned);
  const Facts facts = Gather(**model, flags.model);
  if (flags.json) {
    PrintJson(ToJson(**model, facts));
  } else {
    PrintText(**model, facts);
  }
  return absl::OkStatus();
}

}  // namespace

void AddInspectCommand(CLI::App& app, Command* command) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App* inspect = app.add_subcommand(
      "inspect",
      "What a model takes and gives, whether it batches, and the steps of its "
      "plan with the kernel of each");
  AddModelArgument(*inspect, "model", &flags->model);
  AddNamedFiles(*inspect, "--input", &flags->inputs,
                "for a model with dynamic shapes: a tensor whose shape to "
                "plan for. Repeated, once for each input");
  AddModelFlags(*inspect, &flags->load);
  AddMaxBatchFlag(*inspect, &flags->load);
  AddKeepFasterFloatFlag(*inspect, &flags->load);
  AddJsonFlag(*inspect, &flags->json);
  inspect->callback([=] { *command = [=] { return Inspect(*flags); }; });
}

}  // namespace octet::tools
