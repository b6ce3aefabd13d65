// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/step_table.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/status_macros.h"

namespace octet::tools {
namespace {

bool ReadsIntegers(const StepDescription& step) {
  return absl::StartsWith(step.types, "int8") ||
         absl::StartsWith(step.types, "uint8") ||
         absl::StrContains(step.types, " x int8");
}

bool IsConversion(const StepDescription& step) {
  return step.op == "Quantize" || step.op == "Dequantize";
}

bool IsFloat(const StepDescription& step) {
  return step.types == "float32 -> float32";
}

// The time of each node, summed over the steps that it became.
absl::StatusOr<std::map<std::string, double>> TimesByNode(
    const Model& model, int rows, absl::Duration budget) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<double> ms,
                         TimeSteps(model, rows, budget));
  const std::vector<StepDescription> steps = model.Steps();
  std::map<std::string, double> times;
  for (size_t i = 0; i < steps.size(); ++i) times[steps[i].name] += ms[i];
  return times;
}

void RateStep(const MachinePeak& peak, int rows, int threads, TimedStep& step) {
  if (step.step.macs == 0 || step.ms <= 0) return;
  step.gmacs = static_cast<double>(step.step.macs) * rows / step.ms * 1e-6;
  const double most =
      (ReadsIntegers(step.step) ? peak.int8_gmacs : peak.float_gmacs) * threads;
  if (most > 0) step.peak_share = step.gmacs / most;
}

std::string Cell(double value, const char* empty) {
  return value == 0 ? empty : absl::StrFormat("%.1f", value);
}

}  // namespace

absl::StatusOr<StepTable> MakeStepTable(const Model& model, const Model* other,
                                        int rows, absl::Duration budget) {
  StepTable table;
  table.rows = rows;
  table.peak = MeasurePeak();
  std::map<std::string, double> others;
  if (other != nullptr) {
    OCTET_ASSIGN_OR_RETURN(others, TimesByNode(*other, rows, budget));
  }
  OCTET_ASSIGN_OR_RETURN(const std::vector<double> ms,
                         TimeSteps(model, rows, budget));
  const std::vector<StepDescription> steps = model.Steps();
  for (size_t i = 0; i < steps.size(); ++i) {
    TimedStep step{steps[i], ms[i], std::nullopt, 0, 0};
    const auto found = others.find(steps[i].name);
    if (found != others.end()) step.other_ms = found->second;
    RateStep(table.peak, rows, model.options().threads, step);
    table.total_ms += ms[i];
    if (IsConversion(steps[i])) table.conversion_ms += ms[i];
    if (IsFloat(steps[i])) table.float_ms += ms[i];
    table.steps.push_back(std::move(step));
  }
  return table;
}

void PrintStepTable(const StepTable& table, bool quantized) {
  std::printf(
      "%zu steps, %.4g ms for %d row%s; peak of a core %.0f GMAC/s int8, %.0f "
      "float\n",
      table.steps.size(), table.total_ms, table.rows,
      table.rows == 1 ? "" : "s", table.peak.int8_gmacs,
      table.peak.float_gmacs);
  if (quantized) {
    std::printf("%.4g ms in float steps, %.4g ms in conversions\n",
                table.float_ms, table.conversion_ms);
  }
  const bool compared =
      std::any_of(table.steps.begin(), table.steps.end(),
                  [](const TimedStep& step) { return step.other_ms; });
  std::vector<std::vector<std::string>> cells = {
      {"ms", "%", "op", "kernel", "types", "GMAC/s", "% of peak"}};
  if (compared) cells[0].push_back("ms in the other");
  cells[0].push_back("name");
  for (const TimedStep& step : table.steps) {
    cells.push_back({absl::StrFormat("%.4f", step.ms),
                     absl::StrFormat("%.1f", 100 * step.ms / table.total_ms),
                     step.step.op, step.step.kernel, step.step.types,
                     Cell(step.gmacs, "-"), Cell(100 * step.peak_share, "-")});
    if (compared) {
      cells.back().push_back(
          step.other_ms ? absl::StrFormat("%.4f", *step.other_ms) : "-");
    }
    cells.back().push_back(step.step.name);
  }
  std::printf("%s", FormatTable(cells).c_str());
}

Json StepTableToJson(const StepTable& table) {
  Json json;
  json["rows"] = table.rows;
  json["total_ms"] = table.total_ms;
  json["float_ms"] = table.float_ms;
  json["conversion_ms"] = table.conversion_ms;
  json["peak_int8_gmacs"] = table.peak.int8_gmacs;
  json["peak_float_gmacs"] = table.peak.float_gmacs;
  json["steps"] = Json::array();
  for (const TimedStep& step : table.steps) {
    Json one = {{"name", step.step.name},     {"op", step.step.op},
                {"kernel", step.step.kernel}, {"types", step.step.types},
                {"macs", step.step.macs},     {"ms", step.ms},
                {"gmacs", step.gmacs},        {"peak_share", step.peak_share}};
    if (step.other_ms) one["other_ms"] = *step.other_ms;
    json["steps"].push_back(std::move(one));
  }
  return json;
}

}  // namespace octet::tools
