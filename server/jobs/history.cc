// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/history.h"

#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/dtype.h"
#include "engine/report/json_report.h"
#include "engine/report/wording.h"
#include "nlohmann/json.hpp"

namespace octet {
namespace {

// Keeps its order, so that people find the same things in the same places.
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

std::string TimeText(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

// Names in a model need not be UTF-8; JSON must be.
std::string Text(const Json& json) {
  return absl::StrCat(json.dump(2, ' ', false, Json::error_handler_t::replace),
                      "\n");
}

Json Source(const HistoryFacts& facts) {
  Json source = {{"model", nullptr},
                 {"version", nullptr},
                 {"sha256", facts.source_sha256},
                 {"bytes", facts.source_bytes}};
  if (!facts.request.model.empty()) {
    source["model"] = facts.request.model;
    source["version"] = absl::StrCat(facts.source_version);
  }
  return source;
}

Json Head(const HistoryFacts& facts, const char* kind) {
  return {{"format", kFormat},
          {"kind", kind},
          {"job", facts.job_id},
          {"octet_version", facts.octet_version},
          {"isa", facts.isa},
          {"created", TimeText(facts.created)},
          {"started", TimeText(facts.started)},
          {"published", TimeText(facts.published)},
          {"source", Source(facts)}};
}

Json Settings(const QuantizationRequest& request) {
  const QuantizationOptions& options = request.options;
  Json settings = {
      {"method", std::string(report::Name(options.method))},
      {"activation_scheme", std::string(report::Name(options.activations))},
      {"bias_correction", options.bias_correction != BiasCorrection::kOff},
      {"bias_correction_kind",
       report::BiasCorrectionKind(options.bias_correction)},
      {"format", std::string(report::Name(options.format))},
      {"time_budget_seconds", nullptr},
      {"memory_budget_bytes", nullptr},
      {"recorded_samples", request.recorded_samples},
      {"synthetic_samples", request.synthetic_samples},
      {"calibration_path", nullptr}};
  if (options.budget.time < absl::InfiniteDuration()) {
    settings["time_budget_seconds"] =
        absl::ToDoubleSeconds(options.budget.time);
  }
  if (options.budget.memory_bytes) {
    settings["memory_budget_bytes"] = *options.budget.memory_bytes;
  }
  if (!request.calibration_path.empty()) {
    settings["calibration_path"] = request.calibration_path;
  }
  return settings;
}

// Values with one scale: the activations. The weights' scales are in the model.
Json Activations(const QuantizationResult& result) {
  Json tensors = Json::array();
  for (const QuantizedTensor& tensor : result.tensors) {
    if (tensor.scales.size() != 1 || tensor.zero_points.size() != 1) continue;
    tensors.push_back({{"name", tensor.name},
                       {"type", std::string(Name(tensor.dtype))},
                       {"min", tensor.min},
                       {"max", tensor.max},
                       {"scale", tensor.scales[0]},
                       {"zero_point", tensor.zero_points[0]}});
  }
  return tensors;
}

}  // namespace

std::string QuantizedHistory(const HistoryFacts& facts,
                             const QuantizationResult& result,
                             absl::string_view model_sha256) {
  Json json = Head(facts, "quantized");
  json["model_sha256"] = std::string(model_sha256);
  json["settings"] = Settings(facts.request);
  json["samples"] = result.samples;
  json["figures"] = {{"float_bytes", result.float_bytes},
                     {"quantized_bytes", result.quantized_bytes},
                     {"integer_steps", result.integer_steps},
                     {"float_steps", result.float_steps},
                     {"sqnr_db", nullptr}};
  // Infinite where nothing differs, which JSON cannot say.
  if (std::isfinite(result.sqnr_db)) {
    json["figures"]["sqnr_db"] = result.sqnr_db;
  }
  json["activations"] = Activations(result);
  return Text(json);
}

std::string UploadedHistory(const HistoryFacts& facts) {
  return Text(Head(facts, "uploaded"));
}

}  // namespace octet
