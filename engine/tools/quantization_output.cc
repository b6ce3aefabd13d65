// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/quantization_output.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "engine/report/json_report.h"
#include "engine/report/wording.h"
#include "engine/tools/comparison.h"

namespace octet::tools {
namespace {

// Null where real samples calibrated.
Json SyntheticJson(const QuantizationOptions& options,
                   const QuantizationResult& result) {
  if (options.synthetic.empty()) return nullptr;
  Json json = {{"trust", report::WithoutData(options, result)},
               {"batch_norms", result.batch_norms},
               {"inputs", Json::array()}};
  for (const SyntheticInput& input : options.synthetic) {
    json["inputs"].push_back({{"name", input.name},
                              {"min", input.min},
                              {"max", input.max},
                              {"declared", input.declared},
                              {"picture", input.picture}});
  }
  return json;
}

Json RemediesJson(const std::vector<RemedyEffect>& remedies) {
  Json list = Json::array();
  for (const RemedyEffect& remedy : remedies) {
    list.push_back({{"name", remedy.name},
                    {"before_db", BoundedDb(remedy.before_db)},
                    {"after_db", BoundedDb(remedy.after_db)},
                    {"gain_error_db", remedy.gain_error_db},
                    {"kept", remedy.kept},
                    {"note", remedy.note}});
  }
  return list;
}

// What was kept, with the decibels before and after, and what was not.
void PrintRemedies(const std::vector<RemedyEffect>& remedies) {
  std::vector<std::string> kept;
  std::vector<std::string> dropped;
  for (const RemedyEffect& remedy : remedies) {
    if (!remedy.kept) {
      dropped.push_back(remedy.name);
      continue;
    }
    kept.push_back(absl::StrFormat("%s (%.1f to %.1f dB)", remedy.name,
                                   BoundedDb(remedy.before_db),
                                   BoundedDb(remedy.after_db)));
  }
  if (!kept.empty()) {
    std::printf("remedies kept: %s\n", absl::StrJoin(kept, ", ").c_str());
  }
  if (!dropped.empty()) {
    std::printf("without gain on calibration samples, so dropped: %s\n",
                absl::StrJoin(dropped, ", ").c_str());
  }
}

}  // namespace

Json QuantizationJson(const std::string& output,
                      const QuantizationOptions& options,
                      const QuantizationResult& result) {
  Json json = {
      {"output", output},
      {"method", std::string(report::Name(options.method))},
      {"format", std::string(report::Name(options.format))},
      {"activations", std::string(report::Name(options.activations))},
      {"bias_correction", options.bias_correction != BiasCorrection::kOff},
      {"bias_correction_kind",
       report::BiasCorrectionKind(options.bias_correction)},
      {"samples", result.samples},
      {"synthetic", SyntheticJson(options, result)},
      {"float_bytes", result.float_bytes},
      {"quantized_bytes", result.quantized_bytes},
      {"integer_steps", result.integer_steps},
      {"float_steps", result.float_steps},
      {"sqnr_db", BoundedDb(result.sqnr_db)},
      {"remedies", RemediesJson(result.remedies)},
      {"left_out", result.left_out},
      {"tensors", Json::array()}};
  for (const QuantizedTensor& tensor : result.tensors) {
    json["tensors"].push_back({{"name", tensor.name},
                               {"dtype", std::string(Name(tensor.dtype))},
                               {"scales", tensor.scales},
                               {"zero_points", tensor.zero_points},
                               {"min", tensor.min},
                               {"max", tensor.max},
                               {"threshold", tensor.threshold},
                               {"clipped_share", tensor.clipped_share}});
  }
  if (options.keep_faster_float) {
    json["slower_layers"] = SlowerLayersJson(result.slower_layers);
  }
  return json;
}

Json SlowerLayersJson(const std::vector<SlowerLayers>& slower) {
  Json list = Json::array();
  for (const SlowerLayers& layers : slower) {
    list.push_back({{"nodes", layers.nodes},
                    {"float_ms", layers.float_ms},
                    {"int8_ms", layers.int8_ms},
                    {"network_int8_ms", layers.network_int8_ms},
                    {"network_float_ms", layers.network_float_ms},
                    {"kept_float", layers.kept_float}});
  }
  return list;
}

void PrintSlowerLayers(const std::vector<SlowerLayers>& slower) {
  if (slower.empty()) {
    std::printf("no layer is slower in int8 than in float on this machine\n");
  }
  for (const SlowerLayers& layers : slower) {
    std::printf(
        "%zu layers from %s on: %.4g ms in int8, %.4g in float; the network "
        "%.4g ms with them in int8, %.4g in float: %s\n",
        layers.nodes.size(), layers.nodes[0].c_str(), layers.int8_ms,
        layers.float_ms, layers.network_int8_ms, layers.network_float_ms,
        layers.kept_float ? "kept float" : "kept int8");
  }
}

void PrintQuantization(const std::string& output,
                       const QuantizationOptions& options,
                       const QuantizationResult& result) {
  const double share =
      100.0 * result.quantized_bytes / std::max<int64_t>(result.float_bytes, 1);
  std::printf("%s: %s, %.0f %% of the float model's %s\n", output.c_str(),
              FormatBytes(result.quantized_bytes).c_str(), share,
              FormatBytes(result.float_bytes).c_str());
  std::printf("steps: %lld integer, %lld float\n",
              static_cast<long long>(result.integer_steps),
              static_cast<long long>(result.float_steps));
  if (options.keep_faster_float) PrintSlowerLayers(result.slower_layers);
  PrintRemedies(result.remedies);
  if (!result.left_out.empty()) {
    std::printf(
        "left out for want of time: %s; a larger --time-budget tries "
        "them\n",
        absl::StrJoin(result.left_out, ", ").c_str());
  }
  const double sqnr_db = BoundedDb(result.sqnr_db);
  std::printf("SQNR of the outputs on the %s: %s\n",
              report::CalibrationSamples(options, result.samples).c_str(),
              sqnr_db == kInfiniteDb
                  ? "infinite, every element is equal"
                  : absl::StrFormat("%.1f dB", sqnr_db).c_str());
  const std::string without_data = report::WithoutData(options, result);
  if (!without_data.empty()) std::printf("%s\n", without_data.c_str());
}

}  // namespace octet::tools
