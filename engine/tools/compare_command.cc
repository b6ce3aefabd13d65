// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/evaluation/saturation.h"
#include "engine/io/labels.h"
#include "engine/io/named_files.h"
#include "engine/tools/command_line.h"
#include "engine/tools/commands.h"
#include "engine/tools/comparison.h"
#include "engine/tools/report.h"
#include "engine/tools/run_model.h"

namespace octet::tools {
namespace {

struct CompareFlags {
  std::string model_a;
  std::string model_b;
  std::vector<std::string> inputs;
  std::string labels;
  bool drop_first_class = false;
  int64_t count_saturation = 0;  // samples
  ModelFlags load;
  bool json = false;
};

bool HasInput(const Model& model, const std::string& name) {
  return std::any_of(model.inputs().begin(), model.inputs().end(),
                     [&](const TensorSpec& spec) { return spec.name == name; });
}

// `inputs` under the names of `to`'s inputs: the same name where `to` has it,
// else the name at the same place among the inputs of `from`.
std::vector<NamedTensor> Renamed(std::vector<NamedTensor> inputs,
                                 const Model& from, const Model& to) {
  for (NamedTensor& input : inputs) {
    if (HasInput(to, input.name)) continue;
    for (size_t i = 0; i < from.inputs().size(); ++i) {
      if (from.inputs()[i].name == input.name && i < to.inputs().size()) {
        input.name = to.inputs()[i].name;
        break;
      }
    }
  }
  return inputs;
}

// What the command finds out.
struct Findings {
  Comparison comparison;
  std::optional<Saturation> saturation;  // of B
};

absl::StatusOr<Findings> CompareFiles(const CompareFlags& flags) {
  ComparisonOptions options;
  options.drop_first_class = flags.drop_first_class;
  if (!flags.labels.empty()) {
    OCTET_ASSIGN_OR_RETURN(options.labels, io::ReadLabels(flags.labels));
  }
  OCTET_ASSIGN_OR_RETURN(const std::vector<NamedTensor> inputs,
                         io::ReadNamedTensors(flags.inputs));
  const auto a = Model::FromFile(flags.model_a, flags.load.ToOptions());
  if (!a.ok()) return InContextOf(flags.model_a, a.status());
  const auto b = Model::FromFile(flags.model_b, flags.load.ToOptions());
  if (!b.ok()) return InContextOf(flags.model_b, b.status());
  const auto answer_a = RunSamples(*a, inputs);
  if (!answer_a.ok()) return InContextOf(flags.model_a, answer_a.status());
  const auto answer_b = RunSamples(*b, Renamed(inputs, **a, **b));
  if (!answer_b.ok()) return InContextOf(flags.model_b, answer_b.status());
  Findings findings;
  OCTET_ASSIGN_OR_RETURN(
      findings.comparison,
      Compare(answer_a->outputs, answer_b->outputs, options));
  if (flags.count_saturation == 0) return findings;
  OCTET_ASSIGN_OR_RETURN(const std::string bytes,
                         ReadSelfContainedModel(flags.model_b));
  const auto saturation = CountSaturation(bytes, Renamed(inputs, **a, **b),
                                          flags.count_saturation, nullptr);
  if (!saturation.ok()) return InContextOf(flags.model_b, saturation.status());
  findings.saturation = *saturation;
  return findings;
}

void PrintSaturation(const Saturation& result) {
  std::printf(
      "saturation  %lld of %lld sums of two products leave 16 bits (%lld "
      "samples):\n"
      "            what a runtime loses that multiplies B by vpmaddubsw, on a "
      "processor without VNNI; octet does not\n",
      static_cast<long long>(result.saturated()),
      static_cast<long long>(result.sums()),
      static_cast<long long>(result.samples));
  for (const LayerSaturation& layer : result.layers) {
    if (layer.saturated == 0) continue;
    std::printf("  %12lld  %8.4f %%  %s\n",
                static_cast<long long>(layer.saturated),
                100.0 * static_cast<double>(layer.saturated) /
                    static_cast<double>(layer.sums),
                layer.name.c_str());
  }
}

Json ToJson(const Saturation& result) {
  Json json = {{"samples", result.samples},
               {"sums", result.sums()},
               {"saturated", result.saturated()},
               {"layers", Json::array()}};
  for (const LayerSaturation& layer : result.layers) {
    json["layers"].push_back({{"name", layer.name},
                              {"sums", layer.sums},
                              {"saturated", layer.saturated}});
  }
  return json;
}

void PrintText(const CompareFlags& flags, const Comparison& result) {
  std::printf("A          %s\nB          %s\n", flags.model_a.c_str(),
              flags.model_b.c_str());
  std::printf("rows       %lld\n", static_cast<long long>(result.rows));
  std::printf("agreement  %.2f %% of the rows have the same top class\n",
              100 * result.agreement);
  if (result.identical) {
    std::printf("SQNR       infinite: every output element is equal\n");
  } else {
    std::printf("SQNR       %.2f dB of B against A\n", result.sqnr_db);
  }
  if (result.top1_a && result.top1_b) {
    std::printf("top-1      A %.2f %%, B %.2f %%\n", 100 * *result.top1_a,
                100 * *result.top1_b);
  }
}

absl::Status RunCompare(const CompareFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const Findings findings, CompareFiles(flags));
  const Comparison& result = findings.comparison;
  if (!flags.json) {
    PrintText(flags, result);
    if (findings.saturation) PrintSaturation(*findings.saturation);
    return absl::OkStatus();
  }
  Json json = {{"rows", result.rows},
               {"agreement", result.agreement},
               {"sqnr_db", result.sqnr_db},
               {"identical", result.identical}};
  if (result.top1_a) json["top1_a"] = *result.top1_a;
  if (result.top1_b) json["top1_b"] = *result.top1_b;
  if (findings.saturation) json["saturation"] = ToJson(*findings.saturation);
  PrintJson(json);
  return absl::OkStatus();
}

}  // namespace

void AddCompareCommand(CLI::App& app, Command* command) {
  auto flags = std::make_shared<CompareFlags>();
  CLI::App* compare = app.add_subcommand(
      "compare",
      "How far the answers of model B are from those of model A on the same "
      "inputs");
  AddModelArgument(*compare, "model_a", &flags->model_a);
  AddModelArgument(*compare, "model_b", &flags->model_b);
  AddNamedFiles(*compare, "--input", &flags->inputs,
                "the tensor of an input, its leading axis the rows. Repeated, "
                "once for each input")
      ->required();
  compare
      ->add_option("--labels", flags->labels,
                   "the right class of each row, from 0: integers in a .npy, "
                   "or the column 'label' of a .csv (default: none)")
      ->type_name("FILE.npy|FILE.csv");
  compare->add_flag("--drop-first-class", flags->drop_first_class,
                    "leave class 0 out and count from class 1: for models "
                    "with a background class (default: off)");
  compare
      ->add_option("--count-saturation", flags->count_saturation,
                   "count, on the first N rows, the sums of two products u8 * "
                   "s8 of neighbouring input channels that leave 16 bits in "
                   "B, layer by layer: runtimes that use vpmaddubsw saturate "
                   "there on processors without VNNI (default: not counted)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 30))
      ->type_name("N");
  AddModelFlags(*compare, &flags->load);
  AddMaxBatchFlag(*compare, &flags->load);
  AddExactQdqFlag(*compare, &flags->load);
  AddJsonFlag(*compare, &flags->json);
  compare->footer(absl::StrCat(
      "JSON: rows, agreement (0 to 1), sqnr_db (decibels; ", kInfiniteDb,
      " when every element is equal), identical;\nwith labels top1_a and "
      "top1_b (0 to 1); with --count-saturation saturation: samples, sums, "
      "saturated, layers."));
  compare->callback([=] { *command = [=] { return RunCompare(*flags); }; });
}

}  // namespace octet::tools
