// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/work.h"

#include <algorithm>
#include <cmath>
#include <type_traits>

namespace octet::ir {
namespace {

using Types = absl::Span<const TensorType>;

double Product(absl::Span<const int64_t> values) {
  double product = 1;
  for (int64_t value : values) product *= static_cast<double>(value);
  return product;
}

double Elements(const TensorType& type) {
  double count = 1;
  for (const Dim& dim : type.dims) count *= static_cast<double>(dim.value);
  return count;
}

double Extent(const TensorType& type, size_t from_back) {
  const size_t rank = type.dims.size();
  if (from_back >= rank) return 1;
  return static_cast<double>(type.dims[rank - 1 - from_back].value);
}

double LeadingExtent(const TensorType& type) {
  return type.dims.empty() ? 1 : static_cast<double>(type.dims[0].value);
}

// Operations beside reading the inputs and writing the outputs.
template <typename T>
double MoreWork(const T&, Types, Types) {
  return 0;
}

double MoreWork(const Conv&, Types inputs, Types outputs) {
  const double channels = std::max(LeadingExtent(inputs[1]), 1.0);
  return Elements(outputs[0]) * Elements(inputs[1]) / channels;
}

double MoreWork(const ConvTranspose&, Types inputs, Types) {
  const double channels = std::max(LeadingExtent(inputs[1]), 1.0);
  return Elements(inputs[0]) * Elements(inputs[1]) / channels;
}

double MoreWork(const Pool& op, Types, Types outputs) {
  return Elements(outputs[0]) * Product(op.window.kernel);
}

double MoreWork(const MaxPoolIndices& op, Types, Types outputs) {
  return Elements(outputs[0]) * Product(op.window.kernel);
}

double MoreWork(const Resize& op, Types inputs, Types outputs) {
  if (op.mode == ResizeMode::kNearest) return 0;
  // Axis by axis at worst: every element of the input is read by as many
  // outputs as its filter reaches.
  const double taps = op.mode == ResizeMode::kCubic ? 4 : 2;
  double reach = 1;
  for (size_t i = 0; i < op.sizes.size(); ++i) {
    const bool shrinks = op.antialias && op.scales[i] < 1;
    if (op.scales[i] == 1) continue;
    reach *= taps * (shrinks ? 2 / std::max(op.scales[i], 1e-9f) : 1);
  }
  const double most = std::max(Elements(inputs[0]), 1.0);
  return Elements(outputs[0]) * std::min(reach, 64 * most);
}

double MoreWork(const Lrn& op, Types inputs, Types) {
  const auto size = static_cast<double>(op.size);
  const auto channels = static_cast<double>(inputs[0].dims[op.axis].value);
  return Elements(inputs[0]) * std::min(size, channels);
}

double MoreWork(const RoiAlign& op, Types inputs, Types outputs) {
  // Samples beside the input are skipped, so a bin has at most as many as lie
  // within it.
  const auto ratio = static_cast<double>(op.sampling_ratio);
  const double picture = Extent(inputs[0], 0) * Extent(inputs[0], 1);
  const double bins = static_cast<double>(op.output_height) * op.output_width;
  const double samples =
      op.sampling_ratio > 0 ? ratio * ratio : 4 + 4 * picture / bins;
  return Elements(outputs[0]) * samples;
}

double MoreWork(const GridSample&, Types, Types outputs) {
  return Elements(outputs[0]) * 16;
}

double MoreWork(const MatMul&, Types inputs, Types outputs) {
  return Elements(outputs[0]) * Extent(inputs[0], 0);
}

double MoreWork(const Attention& op, Types inputs, Types outputs) {
  // Every query meets every key.
  const double keys = Extent(inputs[1], op.heads_inner ? 2 : 1);
  return (Elements(inputs[0]) + Elements(outputs[0])) * keys;
}

double MoreWork(const Recurrent&, Types inputs, Types) {
  // x is [steps, batch, features]; every step multiplies all weights.
  const double steps =
      LeadingExtent(inputs[0]) *
      (inputs[0].dims.size() > 1 ? static_cast<double>(inputs[0].dims[1].value)
                                 : 1);
  return steps * (Elements(inputs[1]) + Elements(inputs[2]));
}

double MoreWork(const TopK&, Types inputs, Types) {
  const double elements = Elements(inputs[0]);
  return elements * std::log2(elements + 2);
}

}  // namespace

double WorkOf(const Op& op, Types inputs, Types outputs) {
  double work = 1;
  for (const TensorType& type : inputs) work += Elements(type);
  for (const TensorType& type : outputs) work += Elements(type);
  return work + std::visit(
                    [&](const auto& known) {
                      return MoreWork(known, inputs, outputs);
                    },
                    op);
}

}  // namespace octet::ir
