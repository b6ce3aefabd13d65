// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/tools/command_line.h"
#include "engine/tools/commands.h"
#include "engine/tools/report.h"
#include "engine/tools/run_model.h"

namespace octet::tools {
namespace {

struct DumpFlags {
  std::string model;
  std::string stage = "plan";
  std::vector<std::string> inputs;
  ModelFlags load;
  bool json = false;
};

DumpStage ToStage(const std::string& name) {
  if (name == "imported") return DumpStage::kImported;
  if (name == "optimized") return DumpStage::kOptimized;
  if (name == "lowered") return DumpStage::kLowered;
  return DumpStage::kPlan;
}

absl::Status RunDump(const DumpFlags& flags) {
  const auto model = Model::FromFile(flags.model, flags.load.ToOptions());
  if (!model.ok()) return InContextOf(flags.model, model.status());
  const absl::Status planned = PlanForInputs(*model, flags.inputs);
  if (!planned.ok()) return InContextOf(flags.model, planned);
  const std::string text = (*model)->Dump(ToStage(flags.stage));
  if (flags.json) {
    PrintJson({{"stage", flags.stage}, {"text", text}});
    return absl::OkStatus();
  }
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.empty() && text.back() != '\n') std::fputc('\n', stdout);
  return absl::OkStatus();
}

}  // namespace

void AddDumpCommand(CLI::App& app, Command* command) {
  auto flags = std::make_shared<DumpFlags>();
  CLI::App* dump = app.add_subcommand(
      "dump", "Print a model as text, as it is at a stage of its life");
  AddModelArgument(*dump, "model", &flags->model);
  dump->add_option("--stage", flags->stage,
                   "imported: as the file has it; optimized: after the passes "
                   "that keep its meaning; lowered: with integer operators "
                   "and layouts; plan: steps and buffers")
      ->check(CLI::IsMember({"imported", "optimized", "lowered", "plan"}))
      ->capture_default_str();
  AddNamedFiles(*dump, "--input", &flags->inputs,
                "for a model with dynamic shapes: a tensor whose shape to "
                "plan for. Repeated, once for each input");
  AddModelFlags(*dump, &flags->load);
  AddMaxBatchFlag(*dump, &flags->load);
  AddJsonFlag(*dump, &flags->json);
  dump->callback([=] { *command = [=] { return RunDump(*flags); }; });
}

}  // namespace octet::tools
