// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/quant/synthetic_data.h"

namespace octet {
namespace {

// As many pictures show nearly all that more of them do.
constexpr int64_t kSamples = 64;
constexpr int64_t kFewestSamples = 4;
constexpr int64_t kMostBytes = int64_t{256} << 20;

struct Bounds {
  double low = 0;
  double high = 0;
};

template <typename T>
Bounds BoundsOfType() {
  return {static_cast<double>(std::numeric_limits<T>::lowest()),
          static_cast<double>(std::numeric_limits<T>::max())};
}

// Beyond 2^53 whole numbers have gaps as doubles, and as floats sooner.
constexpr Bounds kWholeFloats = {-16777216.0, 16777216.0};

Bounds BoundsOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return {-65504.0, 65504.0};
    case DType::kBFloat16:
    case DType::kFloat32:
    case DType::kFloat64:
      return BoundsOfType<float>();
    case DType::kInt8:
      return BoundsOfType<int8_t>();
    case DType::kUInt8:
      return BoundsOfType<uint8_t>();
    case DType::kInt16:
      return BoundsOfType<int16_t>();
    case DType::kUInt16:
      return BoundsOfType<uint16_t>();
    case DType::kInt32:
    case DType::kInt64:
      return kWholeFloats;
    case DType::kUInt32:
    case DType::kUInt64:
      return {0, kWholeFloats.high};
    case DType::kBool:
      return {0, 1};
  }
  OCTET_CHECK(false);
}

// Where nobody says: what normalized data spans; every byte; indices and
// lengths that any model has.
quant::SyntheticRange AssumedRange(DType dtype) {
  if (IsFloat(dtype)) return {{-1}, {1}};
  if (dtype == DType::kUInt8) return {{0}, {255}};
  if (dtype == DType::kInt8) return {{-128}, {127}};
  return {{0}, {1}};
}

absl::Status CheckRange(const TensorSpec& spec, const InputRange& range) {
  const std::string what = absl::StrCat("range of input ", spec.name, ": ");
  const auto picture = quant::AsPicture(spec.row_shape);
  const auto pairs = static_cast<int64_t>(range.min.size());
  const int64_t channels = picture ? picture->channels : 1;
  if (range.min.size() != range.max.size() ||
      (pairs != 1 && pairs != channels)) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, "got ", range.min.size(), " least and ", range.max.size(),
        " largest values, expected one each",
        channels > 1 ? absl::StrCat(", or ", channels, ", one a channel")
                     : ""));
  }
  const Bounds bounds = BoundsOf(spec.dtype);
  for (size_t c = 0; c < range.min.size(); ++c) {
    const float min = range.min[c];
    const float max = range.max[c];
    if (!(std::isfinite(min) && std::isfinite(max) && min <= max)) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, "got ", min, " to ", max,
                       ", expected two finite numbers, the lesser first"));
    }
    if (min < bounds.low || max > bounds.high) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, "got ", min, " to ", max, ", expected values from ", bounds.low,
          " to ", bounds.high, " for ", Name(spec.dtype)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNames(const Model& model,
                        absl::Span<const InputRange> ranges) {
  for (const InputRange& range : ranges) {
    const auto is_it = [&](const TensorSpec& spec) {
      return spec.name == range.input;
    };
    if (range.input.empty() ||
        std::any_of(model.inputs().begin(), model.inputs().end(), is_it)) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "range of input ", range.input, ": no such input; the model's are ",
        absl::StrJoin(model.inputs(), ", ",
                      [](std::string* out, const TensorSpec& spec) {
                        absl::StrAppend(out, spec.name);
                      })));
  }
  return absl::OkStatus();
}

// What was declared for an input, or null.
const InputRange* RangeFor(const TensorSpec& spec,
                           absl::Span<const InputRange> ranges) {
  const InputRange* for_all = nullptr;
  for (const InputRange& range : ranges) {
    if (range.input == spec.name) return &range;
    if (range.input.empty()) for_all = &range;
  }
  return quant::AsPicture(spec.row_shape) ? for_all : nullptr;
}

int64_t SamplesFor(const Model& model) {
  int64_t bytes = 1;
  for (const TensorSpec& spec : model.inputs()) {
    bytes += static_cast<int64_t>(spec.row_bytes());
  }
  return std::clamp(kMostBytes / bytes, kFewestSamples, kSamples);
}

}  // namespace

absl::StatusOr<SyntheticSamples> MakeSyntheticSamples(
    absl::string_view bytes, absl::Span<const InputRange> ranges) {
  ModelOptions options;
  options.max_batch = 1;
  OCTET_ASSIGN_OR_RETURN(const auto model, Model::FromBytes(bytes, options));
  if (model->has_dynamic_shapes()) {
    return absl::UnimplementedError(absl::StrCat(
        "the model's shapes are not known before it runs (",
        model->why_dynamic(),
        "); octet quantizes models of fixed shapes: export it with these"));
  }
  OCTET_RETURN_IF_ERROR(CheckNames(*model, ranges));
  SyntheticSamples samples;
  uint32_t seed = 0;
  for (const TensorSpec& spec : model->inputs()) {
    const InputRange* given = RangeFor(spec, ranges);
    quant::SyntheticRange range = AssumedRange(spec.dtype);
    if (given != nullptr) {
      OCTET_RETURN_IF_ERROR(CheckRange(spec, *given));
      range = {given->min, given->max};
    }
    samples.tensors.push_back(
        {spec.name, quant::SyntheticRows(spec.dtype, spec.row_shape,
                                         SamplesFor(*model), range, ++seed)});
    samples.inputs.push_back(
        {spec.name, *std::min_element(range.min.begin(), range.min.end()),
         *std::max_element(range.max.begin(), range.max.end()),
         given != nullptr, quant::AsPicture(spec.row_shape).has_value()});
  }
  return samples;
}

}  // namespace octet
