// SPDX-License-Identifier: Apache-2.0
#include "engine/report/json_report.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "engine/report/wording.h"
#include "nlohmann/json.hpp"

namespace octet::report {
namespace {

// Keeps its order, so that people find the same things in the same places.
using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

// Null where nothing differs.
Json DecibelsJson(double db) {
  if (db > kMostDb) return nullptr;
  if (!(db >= -kMostDb)) return -kMostDb;
  return db;
}

Json EstimateJson(const Estimate& estimate) {
  return {{"value", estimate.value},
          {"low", estimate.low},
          {"high", estimate.high}};
}

Json DecibelsEstimateJson(const Estimate& db) {
  return {{"value", DecibelsJson(db.value)},
          {"low", DecibelsJson(db.low)},
          {"high", DecibelsJson(db.high)}};
}

Json OptionalJson(const std::optional<Estimate>& estimate) {
  return estimate ? EstimateJson(*estimate) : Json(nullptr);
}

Json OptionalJson(const std::optional<double>& number) {
  return number ? Json(*number) : Json(nullptr);
}

Json TimingJson(const std::optional<PairedTiming>& timing) {
  if (!timing) return nullptr;
  const auto run = [](const RunTiming& times) {
    return Json{{"min_ms", times.min_ms}, {"median_ms", times.median_ms}};
  };
  return {{"batch", 1},
          {"threads", 1},
          {"pairs", timing->pairs},
          {"float", run(timing->exact)},
          {"int8", run(timing->rounded)},
          {"speedup", EstimateJson(timing->speedup)}};
}

Json ModelJson(const ReportFacts& facts) {
  const ModelEvaluation& evaluation = facts.evaluation;
  return {
      {"samples", evaluation.samples},
      {"on_calibration_samples", facts.on_calibration_samples},
      {"confidence", 0.95},
      {"identical", evaluation.identical},
      {"sqnr_db", DecibelsEstimateJson(evaluation.sqnr_db)},
      {"cosine", EstimateJson(evaluation.cosine)},
      {"agreement", OptionalJson(evaluation.agreement)},
      {"accuracy",
       {{"float", OptionalJson(evaluation.exact_accuracy)},
        {"int8", OptionalJson(evaluation.rounded_accuracy)},
        {"change", OptionalJson(evaluation.accuracy_change)}}},
      {"bytes",
       {{"float", evaluation.exact_bytes}, {"int8", evaluation.rounded_bytes}}},
      {"timing", TimingJson(evaluation.timing)},
      {"other_us",
       {{"float", evaluation.exact_other_us},
        {"int8", evaluation.rounded_other_us}}}};
}

Json HistogramJson(const ValueHistogram& histogram) {
  if (histogram.counts.empty()) return nullptr;
  return {{"min", histogram.min},
          {"max", histogram.max},
          {"counts", histogram.counts}};
}

Json LayerJson(const LayerEvaluation& layer) {
  Json json = {{"name", layer.name},
               {"op", layer.op},
               {"tensor", layer.tensor},
               {"integer", layer.integer},
               {"type", nullptr},
               {"scale", nullptr},
               {"zero_point", nullptr},
               {"range", nullptr},
               {"clipped_share", nullptr},
               {"sqnr_db", DecibelsJson(layer.sqnr_db)},
               {"own_sqnr_db", DecibelsJson(layer.own_sqnr_db)},
               {"cosine", layer.cosine},
               {"min", layer.min},
               {"max", layer.max},
               {"float_us", OptionalJson(layer.exact_us)},
               {"int8_us", OptionalJson(layer.rounded_us)},
               {"float_kernel", layer.exact_kernel},
               {"int8_kernel", layer.rounded_kernel},
               {"histogram", HistogramJson(layer.histogram)}};
  if (layer.rounding) {
    json["type"] = std::string(octet::Name(layer.rounding->dtype));
    json["scale"] = layer.rounding->scale;
    json["zero_point"] = layer.rounding->zero_point;
    json["range"] = {layer.rounding->low, layer.rounding->high};
    json["clipped_share"] = layer.rounding->clipped_share;
  }
  return json;
}

// Null where real samples calibrated.
Json SyntheticJson(const ReportFacts& facts) {
  if (facts.options.synthetic.empty()) return nullptr;
  Json json = {{"batch_norms", facts.quantization.batch_norms},
               {"inputs", Json::array()}};
  for (const SyntheticInput& input : facts.options.synthetic) {
    json["inputs"].push_back({{"name", input.name},
                              {"min", input.min},
                              {"max", input.max},
                              {"declared", input.declared},
                              {"picture", input.picture}});
  }
  return json;
}

Json QuantizationJson(const ReportFacts& facts) {
  const QuantizationResult& result = facts.quantization;
  Json json = {{"method", std::string(Name(facts.options.method))},
               {"format", std::string(Name(facts.options.format))},
               {"activations", std::string(Name(facts.options.activations))},
               {"bias_correction",
                facts.options.bias_correction != BiasCorrection::kOff},
               {"bias_correction_kind",
                BiasCorrectionKind(facts.options.bias_correction)},
               {"samples", result.samples},
               {"synthetic", SyntheticJson(facts)},
               {"integer_steps", result.integer_steps},
               {"float_steps", result.float_steps},
               {"sqnr_db", DecibelsJson(result.sqnr_db)},
               {"remedies", Json::array()},
               {"left_out", result.left_out},
               {"tensors", Json::array()}};
  for (const RemedyEffect& remedy : result.remedies) {
    json["remedies"].push_back({{"name", remedy.name},
                                {"before_db", DecibelsJson(remedy.before_db)},
                                {"after_db", DecibelsJson(remedy.after_db)},
                                {"gain_error_db", remedy.gain_error_db},
                                {"kept", remedy.kept},
                                {"note", remedy.note}});
  }
  for (const QuantizedTensor& tensor : result.tensors) {
    json["tensors"].push_back(
        {{"name", tensor.name},
         {"dtype", std::string(octet::Name(tensor.dtype))},
         {"scales", tensor.scales},
         {"zero_points", tensor.zero_points},
         {"min", tensor.min},
         {"max", tensor.max},
         {"threshold", tensor.threshold},
         {"clipped_share", tensor.clipped_share}});
  }
  return json;
}

}  // namespace

Json BiasCorrectionKind(BiasCorrection correction) {
  if (correction == BiasCorrection::kOff) return nullptr;
  return std::string(Name(correction));
}

std::string JsonReport(const ReportFacts& facts, const Verdict& verdict) {
  Json json = {
      {"format", kFormat},
      {"verdict", Name(verdict.conclusion)},
      {"headline", verdict.headline},
      {"advice", verdict.advice},
      {"model", facts.model},
      {"result", facts.result},
      {"octet_version", facts.octet_version},
      {"machine", {{"cpu", facts.machine.cpu}, {"isa", facts.machine.isa}}},
      {"evaluation", ModelJson(facts)},
      {"quantization", QuantizationJson(facts)},
      {"layer_samples", facts.evaluation.layer_samples},
      {"layers", Json::array()}};
  for (const LayerEvaluation& layer : facts.evaluation.layers) {
    json["layers"].push_back(LayerJson(layer));
  }
  // Names in a model need not be UTF-8; JSON must be.
  return absl::StrCat(json.dump(1, ' ', false, Json::error_handler_t::replace),
                      "\n");
}

}  // namespace octet::report
