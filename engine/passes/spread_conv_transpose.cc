// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/spread_conv_transpose.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace octet::passes {
namespace {

using ir::Dims;
using ir::Graph;
using ir::GraphPatch;
using ir::Node;
using ir::TensorType;
using ir::ValueId;

// A stride far beyond the kernel has phases without taps.
constexpr int64_t kMostPhases = 256;

// One spatial axis.
struct Axis {
  int64_t inputs = 1;
  int64_t outputs = 1;
  int64_t kernel = 1;
  int64_t stride = 1;     // phases
  int64_t dilation = 1;   // 1 unless the stride is
  int64_t taps = 1;       // of a phase
  int64_t pad_begin = 0;  // of the transposed convolution
  // Of the convolution: pads, and how many positions it has. Its position q is
  // position q + first_position counted with pad_begin.
  int64_t pads_front = 0;
  int64_t pads_behind = 0;
  int64_t positions = 1;
  int64_t first_position = 0;

  // The tap of the kernel that tap `t` of the convolution is in phase `phase`;
  // beyond the kernel where the phase has one less.
  int64_t KernelTap(int64_t phase, int64_t t) const {
    return phase + stride * (taps - 1 - t);
  }
  // Where the outputs begin among the phases of all positions.
  int64_t start() const { return pad_begin - first_position * stride; }
};

bool SetUpAxis(Axis& axis) {
  if ((axis.dilation > 1 && axis.stride > 1) || axis.pad_begin < 0) {
    return false;
  }
  axis.taps = (axis.kernel + axis.stride - 1) / axis.stride;
  const int64_t reach = (axis.taps - 1) * axis.dilation;
  axis.first_position = std::min(axis.pad_begin / axis.stride, reach);
  axis.pads_front = reach - axis.first_position;
  axis.positions = (axis.outputs - 1 + axis.pad_begin) / axis.stride -
                   axis.first_position + 1;
  axis.pads_behind = axis.positions + reach - axis.inputs - axis.pads_front;
  if (axis.pads_behind < 0) {
    axis.positions -= axis.pads_behind;
    axis.pads_behind = 0;
  }
  return true;
}

struct Spread {
  std::vector<Axis> axes;
  int64_t groups = 1;
  int64_t group_inputs = 1;
  int64_t group_outputs = 1;

  int64_t phases() const {
    int64_t count = 1;
    for (const Axis& axis : axes) count *= axis.stride;
    return count;
  }
  int64_t channels() const { return groups * phases() * group_outputs; }
  // Channel `c` of the convolution is one of the output and of its group.
  int64_t GroupOf(int64_t c) const { return c / group_outputs / phases(); }
  int64_t OutputOf(int64_t c) const {
    return GroupOf(c) * group_outputs + c % group_outputs;
  }
};

// Whether the convolution's weights are many times those that it is made of:
// phases that the kernel does not reach are zeros.
bool GrowsMuch(const Spread& spread) {
  constexpr double kFreeElements = 1 << 20;
  constexpr double kMostGrowth = 16;
  double grown = static_cast<double>(spread.groups * spread.group_outputs) *
                 static_cast<double>(spread.group_inputs);
  double growth = 1;
  for (const Axis& axis : spread.axes) {
    const auto taps = static_cast<double>(axis.taps * axis.stride);
    grown *= taps;
    growth *= taps / static_cast<double>(axis.kernel);
  }
  return grown > kFreeElements && growth > kMostGrowth;
}

std::optional<Spread> SetUp(const Graph& graph, const Node& node,
                            const ir::ConvTranspose& op) {
  const Dims& x = graph.type(node.inputs[0]).dims;
  const Dims& w = graph.type(node.inputs[1]).dims;
  const Dims& y = graph.type(node.outputs[0]).dims;
  Spread spread;
  spread.groups = op.groups;
  spread.group_inputs = w.front().value / op.groups;
  spread.group_outputs = w.back().value;
  if (spread.group_inputs < 1 || spread.group_outputs < 1) return std::nullopt;
  int64_t phases = 1;
  for (size_t i = 0; i < op.window.kernel.size(); ++i) {
    Axis axis;
    axis.inputs = x[i + 1].value;
    axis.outputs = y[i + 1].value;
    axis.kernel = op.window.kernel[i];
    axis.stride = op.window.strides[i];
    axis.dilation = op.window.dilations[i];
    axis.pad_begin = op.window.pads_begin[i];
    if (!SetUpAxis(axis) || axis.stride > kMostPhases / phases) {
      return std::nullopt;
    }
    phases *= axis.stride;
    spread.axes.push_back(axis);
  }
  if (GrowsMuch(spread)) return std::nullopt;
  return spread;
}

// `index` of a row-major list of `sizes`, one per axis.
std::vector<int64_t> Unravel(int64_t index, const std::vector<int64_t>& sizes) {
  std::vector<int64_t> at(sizes.size());
  for (size_t i = sizes.size(); i-- > 0;) {
    at[i] = index % sizes[i];
    index /= sizes[i];
  }
  return at;
}

std::vector<int64_t> EachAxis(const Spread& spread, int64_t Axis::*field) {
  std::vector<int64_t> values;
  for (const Axis& axis : spread.axes) values.push_back(axis.*field);
  return values;
}

// The place in the kernel of tap `tap` in phase `phase`; nothing beyond it.
std::optional<int64_t> PlaceOf(const Spread& spread,
                               const std::vector<int64_t>& phase,
                               const std::vector<int64_t>& tap) {
  int64_t place = 0;
  for (size_t i = 0; i < spread.axes.size(); ++i) {
    const Axis& axis = spread.axes[i];
    const int64_t k = axis.KernelTap(phase[i], tap[i]);
    if (k >= axis.kernel) return std::nullopt;
    place = place * axis.kernel + k;
  }
  return place;
}

// The weights of the convolution, [groups * phases * O/groups, taps...,
// I/groups], from [I, kernel..., O/groups].
template <typename T>
Tensor PhaseWeights(const Spread& spread, const Tensor& weights) {
  const std::vector<int64_t> strides = EachAxis(spread, &Axis::stride);
  const std::vector<int64_t> taps = EachAxis(spread, &Axis::taps);
  Shape shape = {spread.channels()};
  shape.insert(shape.end(), taps.begin(), taps.end());
  shape.push_back(spread.group_inputs);
  Tensor result(weights.dtype(), shape);
  const int64_t tap_count =
      result.size() / spread.channels() / spread.group_inputs;
  const int64_t places =
      weights.size() / weights.shape().front() / spread.group_outputs;
  const auto from = weights.data<T>();
  T* to = result.mutable_data<T>().data();
  for (int64_t c = 0; c < spread.channels(); ++c) {
    const std::vector<int64_t> phase =
        Unravel(c / spread.group_outputs % spread.phases(), strides);
    for (int64_t t = 0; t < tap_count; ++t, to += spread.group_inputs) {
      const auto place = PlaceOf(spread, phase, Unravel(t, taps));
      if (!place) continue;  // stays 0
      for (int64_t i = 0; i < spread.group_inputs; ++i) {
        const int64_t input = spread.GroupOf(c) * spread.group_inputs + i;
        to[i] = from[(input * places + *place) * spread.group_outputs +
                     c % spread.group_outputs];
      }
    }
  }
  return result;
}

// The scales of the output's channels, for each phase, along axis 0.
std::optional<ir::Quantization> PhaseScales(
    const Spread& spread, const std::optional<ir::Quantization>& scales) {
  if (!scales || scales->per_tensor()) return scales;
  ir::Quantization result;
  result.axis = 0;
  for (int64_t c = 0; c < spread.channels(); ++c) {
    result.scales.push_back(scales->scales[spread.OutputOf(c)]);
    result.zero_points.push_back(scales->zero_points[spread.OutputOf(c)]);
  }
  return result;
}

// bias [O] for each phase.
template <typename T>
Tensor PhaseBias(const Spread& spread, const Tensor& bias) {
  Tensor result(bias.dtype(), {spread.channels()});
  for (int64_t c = 0; c < spread.channels(); ++c) {
    result.mutable_data<T>()[c] = bias.data<T>()[spread.OutputOf(c)];
  }
  return result;
}

// Adds the convolution; returns its value, [N, positions..., channels()].
ValueId AddConvolution(const Graph& graph, const Node& node,
                       const ir::ConvTranspose& op, const Spread& spread,
                       GraphPatch& patch) {
  const ir::Value& weights = graph.value(node.inputs[1]);
  const bool integers = weights.type.quantization.has_value();
  std::vector<ValueId> inputs = {
      node.inputs[0],
      patch.AddConstant(weights.name + "_phases",
                        integers
                            ? PhaseWeights<int8_t>(spread, *weights.constant)
                            : PhaseWeights<float>(spread, *weights.constant),
                        PhaseScales(spread, weights.type.quantization))};
  if (op.has_bias) {
    const ir::Value& bias = graph.value(node.inputs[2]);
    inputs.push_back(
        patch.AddConstant(bias.name + "_phases",
                          integers ? PhaseBias<int32_t>(spread, *bias.constant)
                                   : PhaseBias<float>(spread, *bias.constant),
                          PhaseScales(spread, bias.type.quantization)));
  }
  ir::Conv conv;
  conv.layout = ir::Layout::kChannelsLast;
  conv.groups = op.groups;
  conv.has_bias = op.has_bias;
  conv.activation = op.activation;
  conv.window.kernel = EachAxis(spread, &Axis::taps);
  conv.window.strides.assign(spread.axes.size(), 1);
  conv.window.pads_begin = EachAxis(spread, &Axis::pads_front);
  conv.window.pads_end = EachAxis(spread, &Axis::pads_behind);
  conv.window.dilations = EachAxis(spread, &Axis::dilation);
  TensorType type = graph.type(node.outputs[0]);
  for (size_t i = 0; i < spread.axes.size(); ++i) {
    type.dims[i + 1] = ir::Dim::Fixed(spread.axes[i].positions);
  }
  type.dims.back() = ir::Dim::Fixed(spread.channels());
  return patch.AddNode(node.name, std::move(conv), std::move(inputs),
                       graph.value(node.outputs[0]).name + "_phases", type);
}

// Adds the operators that put the phases in their places.
ValueId AddPlacing(const Graph& graph, const Node& node, const Spread& spread,
                   ValueId phases, GraphPatch& patch) {
  const auto axes = static_cast<int>(spread.axes.size());
  const std::string stem = graph.value(node.outputs[0]).name;
  TensorType type = graph.type(node.outputs[0]);
  const auto add = [&](ir::Op op, Dims dims, const char* name) {
    type.dims = std::move(dims);
    phases =
        patch.AddNode(node.name, std::move(op), {phases}, stem + name, type);
  };
  const ir::Dim rows = type.dims[0];
  // [N, positions..., groups, strides..., O/groups]
  Dims apart = {rows};
  for (const Axis& axis : spread.axes) {
    apart.push_back(ir::Dim::Fixed(axis.positions));
  }
  apart.push_back(ir::Dim::Fixed(spread.groups));
  for (const Axis& axis : spread.axes) {
    apart.push_back(ir::Dim::Fixed(axis.stride));
  }
  apart.push_back(ir::Dim::Fixed(spread.group_outputs));
  add(ir::Reshape{apart}, apart, "_apart");
  // Each axis of positions with that of its phases.
  ir::Transpose transpose;
  transpose.perm = {0};
  for (int i = 0; i < axes; ++i) {
    transpose.perm.push_back(1 + i);
    transpose.perm.push_back(2 + axes + i);
  }
  transpose.perm.push_back(1 + axes);
  transpose.perm.push_back(2 + 2 * axes);
  Dims turned;
  for (int axis : transpose.perm) turned.push_back(apart[axis]);
  add(transpose, turned, "_turned");
  Dims whole = {rows};
  ir::Slice slice;
  slice.starts = {0};
  slice.sizes = {0};
  for (const Axis& axis : spread.axes) {
    whole.push_back(ir::Dim::Fixed(axis.positions * axis.stride));
    slice.starts.push_back(axis.start());
    slice.sizes.push_back(axis.outputs);
  }
  const Dims result = graph.type(node.outputs[0]).dims;
  whole.push_back(result.back());
  add(ir::Reshape{whole}, whole, "_whole");
  slice.starts.push_back(0);
  slice.sizes.push_back(result.back().value);
  if (!rows.per_row) slice.sizes[0] = rows.value;
  slice.steps.assign(slice.starts.size(), 1);
  add(slice, result, "_placed");
  return phases;
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> SpreadConvTranspose(
    const Graph& graph, const PassContext& /*context*/) {
  for (const Node& node : graph.nodes()) {
    const auto* op = std::get_if<ir::ConvTranspose>(&node.op);
    if (op == nullptr || op->layout != ir::Layout::kChannelsLast) continue;
    const bool constant =
        std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                    [&](ValueId id) { return graph.value(id).is_constant(); });
    if (!constant) continue;
    const std::optional<Spread> spread = SetUp(graph, node, *op);
    if (!spread) continue;
    GraphPatch patch(graph);
    const ValueId phases = AddConvolution(graph, node, *op, *spread, patch);
    patch.Replace(node.outputs[0],
                  AddPlacing(graph, node, *spread, phases, patch));
    return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
