// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/layers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "engine/base/status_macros.h"
#include "engine/compile.h"
#include "engine/evaluation/estimates.h"
#include "engine/evaluation/graph_probe.h"
#include "engine/quant/scheme.h"

namespace octet::internal {
namespace {

constexpr int kBins = 96;

// What the samples say of one value, in two rounds: first its range, then the
// rest.
class Figures {
 public:
  explicit Figures(const std::optional<LayerRounding>& rounding)
      : rounding_(rounding), counts_(kBins, 0) {}

  void AddToRange(absl::Span<const float> exact) {
    for (const float value : exact) {
      if (!std::isfinite(value)) continue;
      min_ = std::min(min_, value);
      max_ = std::max(max_, value);
    }
  }

  void AddExact(absl::Span<const float> exact) {
    const double width = (static_cast<double>(max_) - min_) / kBins;
    const double low = rounding_ ? rounding_->low - rounding_->scale / 2 : 0;
    const double high = rounding_ ? rounding_->high + rounding_->scale / 2 : 0;
    for (const float value : exact) {
      if (!std::isfinite(value)) continue;
      const int bin = width > 0 ? static_cast<int>((value - min_) / width) : 0;
      ++counts_[std::clamp(bin, 0, kBins - 1)];
      clipped_ += value < low || value > high;
    }
    elements_ += static_cast<int64_t>(exact.size());
  }

  void AddError(absl::Span<const float> exact, absl::Span<const float> rounded,
                absl::Span<const float> own) {
    error_.Add(exact, rounded);
    own_.Add(exact, own);
  }

  void Fill(LayerEvaluation& layer) const {
    layer.rounding = rounding_;
    if (layer.rounding && elements_ > 0) {
      layer.rounding->clipped_share =
          static_cast<double>(clipped_) / static_cast<double>(elements_);
    }
    layer.sqnr_db = error_.SqnrDb();
    layer.own_sqnr_db = own_.SqnrDb();
    layer.cosine = error_.Cosine();
    if (min_ > max_) return;  // nothing finite
    layer.min = min_;
    layer.max = max_;
    layer.histogram = {min_, max_, counts_};
  }

 private:
  const std::optional<LayerRounding> rounding_;
  float min_ = std::numeric_limits<float>::infinity();
  float max_ = -std::numeric_limits<float>::infinity();
  std::vector<int64_t> counts_;
  int64_t clipped_ = 0;
  int64_t elements_ = 0;
  ErrorSums error_;
  ErrorSums own_;
};

std::optional<LayerRounding> RoundingOf(const ir::TensorType& type) {
  if (!type.quantization || !type.quantization->per_tensor()) {
    return std::nullopt;
  }
  LayerRounding rounding;
  rounding.dtype = type.dtype;
  rounding.scale = type.quantization->scales[0];
  rounding.zero_point = type.quantization->zero_points[0];
  const int least = type.dtype == DType::kInt8 ? -128 : 0;
  const quant::Scheme scheme = {type.dtype, rounding.scale,
                                rounding.zero_point};
  rounding.low = quant::DequantizeValue(least, scheme);
  rounding.high = quant::DequantizeValue(least + 255, scheme);
  return rounding;
}

absl::Status Report(QuantizationObserver* observer, int64_t done,
                    int64_t total) {
  if (observer == nullptr) return absl::OkStatus();
  return observer->OnProgress({"layers", done, total});
}

// Brings values of the float graph into the units that the int8 graph has them
// in.
class Units {
 public:
  static absl::StatusOr<Units> Create(
      const ModelPair& models, absl::Span<const ChangedChannels> changed) {
    Units units;
    for (const ValuePair& pair : models.pairs()) {
      OfTensor& tensor = units.tensors_.emplace_back();
      const ir::Value& value = models.exact().value(pair.exact);
      const auto found = std::find_if(changed.begin(), changed.end(),
                                      [&](const ChangedChannels& channels) {
                                        return channels.tensor == value.name;
                                      });
      if (found == changed.end()) continue;
      const ir::Dims& dims = value.type.dims;
      const int rank = static_cast<int>(dims.size());
      if (found->axis < 0 || found->axis >= rank ||
          found->offsets.size() != found->divisors.size() ||
          dims[found->axis].value !=
              static_cast<int64_t>(found->divisors.size())) {
        return absl::InvalidArgumentError(absl::StrCat(
            "changed channels of ", value.name, ": ", found->offsets.size(),
            " offsets and ", found->divisors.size(), " divisors along axis ",
            found->axis, "; it is ", ir::DimsToString(dims)));
      }
      tensor.offsets = found->offsets;
      tensor.divisors = found->divisors;
      for (size_t axis = found->axis + 1; axis < dims.size(); ++axis) {
        tensor.inner *= dims[axis].value;
      }
    }
    return units;
  }

  // `values` of pair `index`, or what has become of them, which is valid until
  // the next call for this pair.
  absl::Span<const float> Of(size_t index, absl::Span<const float> values) {
    OfTensor& tensor = tensors_[index];
    if (tensor.divisors.empty()) return values;
    tensor.values.resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      const size_t channel = i / tensor.inner % tensor.divisors.size();
      tensor.values[i] =
          (values[i] - tensor.offsets[channel]) / tensor.divisors[channel];
    }
    return tensor.values;
  }

 private:
  struct OfTensor {
    std::vector<float> offsets;
    std::vector<float> divisors;  // none: the same units
    size_t inner = 1;             // elements from one channel to the next
    std::vector<float> values;
  };
  std::vector<OfTensor> tensors_;  // by pair
};

// The float graph, the int8 graph, and the latter cut into layers.
class Probes {
 public:
  static absl::StatusOr<Probes> Create(const ModelPair& models,
                                       const EvaluationOptions& options) {
    const int threads = options.threads;
    std::vector<ir::ValueId> exact;
    std::vector<ir::ValueId> rounded;
    for (const ValuePair& pair : models.pairs()) {
      exact.push_back(pair.exact);
      rounded.push_back(pair.rounded);
    }
    OCTET_ASSIGN_OR_RETURN(Units units,
                           Units::Create(models, options.changed_channels));
    Probes probes(std::move(units));
    OCTET_ASSIGN_OR_RETURN(
        probes.exact_,
        GraphProbe::Create(Showing(models.exact(), exact), threads));
    OCTET_ASSIGN_OR_RETURN(
        probes.rounded_,
        GraphProbe::Create(Showing(models.rounded(), rounded), threads));
    OCTET_ASSIGN_OR_RETURN(
        probes.layers_,
        GraphProbe::Create(CutIntoLayers(models.rounded(), models.pairs()),
                           threads));
    return probes;
  }

  absl::Status AddToRanges(const std::vector<const void*>& inputs,
                           std::vector<Figures>& figures) {
    OCTET_RETURN_IF_ERROR(exact_->Run(inputs));
    for (size_t i = 0; i < figures.size(); ++i) {
      figures[i].AddToRange(units_.Of(i, exact_->Output(i)));
    }
    return absl::OkStatus();
  }

  absl::Status AddErrors(const std::vector<const void*>& inputs,
                         std::vector<Figures>& figures) {
    OCTET_RETURN_IF_ERROR(exact_->Run(inputs));
    OCTET_RETURN_IF_ERROR(rounded_->Run(inputs));
    std::vector<const void*> fed = inputs;
    std::vector<absl::Span<const float>> exact;
    for (size_t i = 0; i < figures.size(); ++i) {
      // Floats of the arena or of units_, which stay until the next run.
      exact.push_back(units_.Of(i, exact_->Output(i)));
      fed.push_back(exact.back().data());
    }
    OCTET_RETURN_IF_ERROR(layers_->Run(fed));
    for (size_t i = 0; i < figures.size(); ++i) {
      figures[i].AddExact(exact[i]);
      figures[i].AddError(exact[i], rounded_->Output(i), layers_->Output(i));
    }
    return absl::OkStatus();
  }

 private:
  explicit Probes(Units units) : units_(std::move(units)) {}

  Units units_;
  std::unique_ptr<GraphProbe> exact_;
  std::unique_ptr<GraphProbe> rounded_;
  std::unique_ptr<GraphProbe> layers_;
};

LayerEvaluation Named(const ModelPair& models, const ValuePair& pair) {
  LayerEvaluation layer;
  layer.tensor = models.exact().value(pair.exact).name;
  for (const ir::Node& node : models.exact().nodes()) {
    if (std::count(node.outputs.begin(), node.outputs.end(), pair.exact) == 0) {
      continue;
    }
    layer.name = node.name.empty() ? layer.tensor : node.name;
    layer.op = std::string(ir::OpName(node.op));
  }
  for (const ir::Node& node : models.rounded().nodes()) {
    if (std::count(node.outputs.begin(), node.outputs.end(), pair.rounded) >
        0) {
      layer.integer =
          !node.inputs.empty() &&
          models.rounded().type(node.inputs[0]).quantization.has_value();
    }
  }
  return layer;
}

// The type that the int8 graph rounds its input `id` to, if it does.
const ir::TensorType* RoundedInput(const ir::Graph& rounded, ir::ValueId id) {
  for (const ir::Node& node : rounded.nodes()) {
    if (std::holds_alternative<ir::Quantize>(node.op) && node.inputs[0] == id) {
      return &rounded.type(node.outputs[0]);
    }
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<std::vector<LayerEvaluation>> EvaluateLayers(
    const ModelPair& models, const CalibrationRun& samples, int64_t count,
    const EvaluationOptions& options, QuantizationObserver* observer) {
  std::vector<Figures> figures;
  for (const ValuePair& pair : models.pairs()) {
    figures.emplace_back(RoundingOf(models.rounded().type(pair.rounded)));
  }
  OCTET_ASSIGN_OR_RETURN(Probes probes, Probes::Create(models, options));
  for (int64_t s = 0; s < count; ++s) {
    OCTET_RETURN_IF_ERROR(Report(observer, s, 2 * count));
    OCTET_ASSIGN_OR_RETURN(const Sample sample, samples.Read(s));
    OCTET_RETURN_IF_ERROR(probes.AddToRanges(sample.inputs(), figures));
  }
  for (int64_t s = 0; s < count; ++s) {
    OCTET_RETURN_IF_ERROR(Report(observer, count + s, 2 * count));
    OCTET_ASSIGN_OR_RETURN(const Sample sample, samples.Read(s));
    OCTET_RETURN_IF_ERROR(probes.AddErrors(sample.inputs(), figures));
  }
  OCTET_RETURN_IF_ERROR(Report(observer, 2 * count, 2 * count));
  std::vector<LayerEvaluation> layers;
  for (size_t i = 0; i < figures.size(); ++i) {
    layers.push_back(Named(models, models.pairs()[i]));
    figures[i].Fill(layers.back());
  }
  return layers;
}

absl::StatusOr<std::vector<LayerEvaluation>> EvaluateInputs(
    const ModelPair& models, const CalibrationRun& samples, int64_t count) {
  std::vector<LayerEvaluation> layers;
  for (size_t i = 0; i < models.rounded().inputs().size(); ++i) {
    const ir::ValueId id = models.rounded().inputs()[i];
    const ir::TensorType* type = RoundedInput(models.rounded(), id);
    if (type == nullptr || !type->quantization->per_tensor()) continue;
    Figures figures(RoundingOf(*type));
    const quant::Scheme scheme = {type->dtype, type->quantization->scales[0],
                                  type->quantization->zero_points[0]};
    for (int64_t s = 0; s < count; ++s) {
      OCTET_ASSIGN_OR_RETURN(const Sample sample, samples.Read(s));
      figures.AddToRange(sample.tensor(i).data<float>());
    }
    for (int64_t s = 0; s < count; ++s) {
      OCTET_ASSIGN_OR_RETURN(const Sample sample, samples.Read(s));
      const absl::Span<const float> exact = sample.tensor(i).data<float>();
      std::vector<float> rounded(exact.size());
      std::transform(exact.begin(), exact.end(), rounded.begin(),
                     [&](float value) {
                       return quant::DequantizeValue(
                           quant::QuantizeValue(value, scheme), scheme);
                     });
      figures.AddExact(exact);
      figures.AddError(exact, rounded, rounded);
    }
    LayerEvaluation& layer = layers.emplace_back();
    layer.name = models.rounded().value(id).name;
    layer.tensor = layer.name;
    layer.op = "input";
    figures.Fill(layer);
  }
  return layers;
}

}  // namespace octet::internal
