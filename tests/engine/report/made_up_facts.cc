// SPDX-License-Identifier: Apache-2.0
#include "tests/engine/report/made_up_facts.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace octet::report {
namespace {

constexpr int kBins = 64;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

LayerEvaluation MadeUpLayer(int index) {
  LayerEvaluation layer;
  layer.name = absl::StrCat("block", index / 3, "/layer", index);
  layer.op = index % 3 == 2 ? "Add" : "Conv";
  layer.tensor = absl::StrCat("tensor", index);
  layer.integer = true;
  layer.rounding = LayerRounding{DType::kUInt8, 0.02f, 128, -2.56, 2.54, 0};
  layer.rounding->clipped_share = 1e-4 * index;
  layer.own_sqnr_db = 36 + 6 * std::sin(index);
  layer.sqnr_db = 34 - 0.3 * index + 3 * std::cos(index);
  layer.cosine = 0.999;
  layer.min = -3.0 - 0.1 * index;
  layer.max = 3.2;
  layer.histogram = {
      static_cast<float>(layer.min), static_cast<float>(layer.max), {}};
  for (int bin = 0; bin < kBins; ++bin) {
    const double x = (bin - kBins / 2) / 9.0;
    layer.histogram.counts.push_back(
        static_cast<int64_t>(100000 * std::exp(-x * x / 2)));
  }
  layer.exact_us = 20.0 + 7 * (index % 5);
  layer.rounded_us = 9.0 + 4 * (index % 7);
  layer.exact_kernel = "onednn:jit";
  layer.rounded_kernel = "simd:conv";
  return layer;
}

}  // namespace

ReportFacts MadeUpFacts(int layers) {
  ReportFacts facts;
  facts.model = "models/made_up.onnx";
  facts.result = "models/made_up_int8.onnx";
  facts.options.method = QuantizationMethod::kHistogram;
  facts.quantization.samples = 100;
  facts.quantization.integer_steps = layers;
  facts.quantization.sqnr_db = 29.5;
  facts.quantization.remedies = {
      {"histogram thresholds", 21.2, 26.4, 0.4, true, "18 of 30 tensors clip"},
      {"cross-layer equalization", 26.4, 26.1, 0.2, false, "made it worse"},
      {"bias correction", 26.4, 29.5, 1.1, true, "28 layers"}};
  ModelEvaluation& evaluation = facts.evaluation;
  evaluation.samples = 1000;
  evaluation.sqnr_db = {29.2, 28.9, 29.5};
  evaluation.cosine = {0.9994, 0.9993, 0.9995};
  evaluation.agreement = Estimate{0.987, 0.978, 0.993};
  evaluation.exact_accuracy = Estimate{0.814, 0.789, 0.837};
  evaluation.rounded_accuracy = Estimate{0.812, 0.787, 0.835};
  evaluation.accuracy_change = Estimate{-0.002, -0.009, 0.005};
  evaluation.exact_bytes = 1096123;
  evaluation.rounded_bytes = 305512;
  evaluation.timing =
      PairedTiming{500, {0.81, 0.86}, {0.31, 0.33}, {2.61, 2.58, 2.64}};
  evaluation.layer_samples = 32;
  for (int i = 0; i < layers; ++i) evaluation.layers.push_back(MadeUpLayer(i));
  evaluation.exact_other_us = 3;
  evaluation.rounded_other_us = 5;
  facts.machine.cpu = "a processor";
  facts.machine.isa = "avx2";
  facts.octet_version = "0.1.0";
  return facts;
}

ReportFacts HostileFacts() {
  ReportFacts facts = MadeUpFacts(24);
  facts.model = facts.result = kHostileName;
  facts.octet_version = facts.machine.cpu = facts.machine.isa = kHostileName;
  for (RemedyEffect& remedy : facts.quantization.remedies) {
    remedy.name = remedy.note = kHostileName;
    remedy.before_db = std::nan("");
    remedy.after_db = kInfinity;
  }
  ModelEvaluation& evaluation = facts.evaluation;
  evaluation.accuracy_change = Estimate{-0.2, -0.25, -0.15};
  evaluation.sqnr_db = {-kInfinity, -kInfinity, kInfinity};
  for (size_t i = 0; i < evaluation.layers.size(); ++i) {
    LayerEvaluation& layer = evaluation.layers[i];
    layer.name = layer.op = layer.exact_kernel = layer.rounded_kernel =
        kHostileName;
    layer.tensor = absl::StrCat(kHostileName, i);
    QuantizedTensor tensor;
    tensor.name = layer.tensor;
    tensor.dtype = DType::kUInt8;
    tensor.threshold = kHostileName;
    facts.quantization.tensors.push_back(tensor);
  }
  evaluation.layers[0].name = std::string(4000, 'x');
  evaluation.layers[1].sqnr_db = std::nan("");
  evaluation.layers[2].sqnr_db = -kInfinity;
  evaluation.layers[2].own_sqnr_db = kInfinity;
  evaluation.layers[3].rounding->low = -kInfinity;
  evaluation.layers[4].histogram.counts.assign(kBins, 0);
  evaluation.layers[5].histogram.counts.clear();
  evaluation.layers[6].rounding.reset();
  evaluation.layers[7].histogram.min = evaluation.layers[7].histogram.max = 0;
  evaluation.layers[8].rounded_us = 0;
  evaluation.layers[9].exact_us = 1e12;
  evaluation.layers[10].rounding->scale = 1e38f;
  evaluation.layers[10].rounding->high = 1e40;
  return facts;
}

}  // namespace octet::report
