// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onednn/steps.h"

// A transposed convolution of stride s is s convolutions of stride 1 for each
// axis, one for each phase of the output's positions: position o (counted with
// the pads in front) is reached by the taps k = o mod s, o mod s + s, ... from
// the elements o / s, o / s - 1, ... All phases are channels of one
// convolution, which oneDNN runs, and are then put in their places.
namespace octet::onednn {
namespace {

constexpr int kAxes = 3;

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

  // Where output position `o` is, in positions and phases.
  int64_t Position(int64_t o) const {
    return (o + pad_begin) / stride - first_position;
  }
  int64_t Phase(int64_t o) const { return (o + pad_begin) % stride; }
  // The tap of the kernel that tap `t` of the convolution is in phase `phase`;
  // beyond the kernel where the phase has one less.
  int64_t KernelTap(int64_t phase, int64_t t) const {
    return phase + stride * (taps - 1 - t);
  }
};

struct Spread {
  std::array<Axis, kAxes> axes;  // missing ones in front
  int first_axis = 0;            // that the tensors have
  int64_t batch = 1;
  int64_t groups = 1;
  int64_t group_inputs = 1;
  int64_t group_outputs = 1;

  int64_t phases() const {
    return axes[0].stride * axes[1].stride * axes[2].stride;
  }
  int64_t channels() const { return groups * phases() * group_outputs; }
};

absl::Status SetUpAxis(Axis& axis) {
  if (axis.dilation > 1 && axis.stride > 1) {
    return absl::UnimplementedError("a dilated kernel with a stride");
  }
  if (axis.pad_begin < 0) return absl::UnimplementedError("negative pads");
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
  return absl::OkStatus();
}

absl::StatusOr<Spread> SetUp(const plan::StepRequest& request,
                             const ir::ConvTranspose& op) {
  const ir::Graph& graph = request.graph;
  const ir::Node& node = request.node;
  const Shape x = ir::ConcreteShape(graph.type(node.inputs[0]).dims);
  const Shape w = ir::ConcreteShape(graph.type(node.inputs[1]).dims);
  const Shape y = ir::ConcreteShape(graph.type(node.outputs[0]).dims);
  Spread spread;
  const int axes = static_cast<int>(op.window.kernel.size());
  spread.first_axis = kAxes - axes;
  spread.batch = x[0];
  spread.groups = op.groups;
  spread.group_inputs = w.front() / op.groups;
  spread.group_outputs = w.back();
  for (int i = 0; i < axes; ++i) {
    Axis& axis = spread.axes[spread.first_axis + i];
    axis.inputs = x[i + 1];
    axis.outputs = y[i + 1];
    axis.kernel = op.window.kernel[i];
    axis.stride = op.window.strides[i];
    axis.dilation = op.window.dilations[i];
    axis.pad_begin = op.window.pads_begin[i];
    OCTET_RETURN_IF_ERROR(SetUpAxis(axis));
  }
  // A stride far beyond the kernel has phases without taps.
  constexpr int64_t kMostPhases = 256;
  if (spread.phases() > kMostPhases) {
    return absl::UnimplementedError("a stride with many phases");
  }
  return spread;
}

// The phase that the strides of `axes` number `index`, row-major.
std::array<int64_t, kAxes> PhaseOf(const std::array<Axis, kAxes>& axes,
                                   int64_t index) {
  return {index / axes[2].stride / axes[1].stride,
          index / axes[2].stride % axes[1].stride, index % axes[2].stride};
}

// The weights of the convolution, [groups * phases * O/groups, taps...,
// I/groups], from [I, kernel..., O/groups].
Tensor PhaseWeights(const Spread& spread, const Tensor& weights) {
  const std::array<Axis, kAxes>& axes = spread.axes;
  Shape shape = {spread.channels()};
  for (int i = spread.first_axis; i < kAxes; ++i) shape.push_back(axes[i].taps);
  shape.push_back(spread.group_inputs);
  Tensor result(DType::kFloat32, std::move(shape));
  const auto from = weights.data<float>();
  float* to = result.mutable_data<float>().data();
  const int64_t taps = axes[0].taps * axes[1].taps * axes[2].taps;
  const int64_t kernel = axes[0].kernel * axes[1].kernel * axes[2].kernel;
  for (int64_t c = 0; c < spread.channels(); ++c) {
    const int64_t output = c % spread.group_outputs;
    const int64_t group = c / spread.group_outputs / spread.phases();
    const auto phase =
        PhaseOf(axes, c / spread.group_outputs % spread.phases());
    for (int64_t t = 0; t < taps; ++t, to += spread.group_inputs) {
      const int64_t tap[] = {t / axes[2].taps / axes[1].taps,
                             t / axes[2].taps % axes[1].taps, t % axes[2].taps};
      bool inside = true;
      int64_t place = 0;
      for (int i = 0; i < kAxes; ++i) {
        const int64_t k = axes[i].KernelTap(phase[i], tap[i]);
        inside = inside && k < axes[i].kernel;
        place = place * axes[i].kernel + k;
      }
      if (!inside) continue;  // stays 0
      for (int64_t i = 0; i < spread.group_inputs; ++i) {
        const int64_t input = group * spread.group_inputs + i;
        to[i] = from[(input * kernel + place) * spread.group_outputs + output];
      }
    }
  }
  return result;
}

// bias [O] for each phase.
Tensor PhaseBias(const Spread& spread, const Tensor& bias) {
  Tensor result(DType::kFloat32, {spread.channels()});
  const auto from = bias.data<float>();
  const auto to = result.mutable_data<float>();
  for (int64_t c = 0; c < spread.channels(); ++c) {
    const int64_t group = c / spread.group_outputs / spread.phases();
    to[c] = from[group * spread.group_outputs + c % spread.group_outputs];
  }
  return result;
}

// The graph of the one convolution; its output is where the phases lie:
// [N, positions..., groups * phases * O/groups].
ir::Graph PhaseConvolution(const plan::StepRequest& request,
                           const ir::ConvTranspose& op, const Spread& spread) {
  const ir::Graph& source = request.graph;
  const ir::Node& node = request.node;
  const ir::Value& weights = source.value(node.inputs[1]);
  ir::Conv conv;
  conv.layout = ir::Layout::kChannelsLast;
  conv.groups = op.groups;
  conv.has_bias = op.has_bias;
  conv.activation = op.activation;
  Shape output = {spread.batch};
  for (int i = spread.first_axis; i < kAxes; ++i) {
    const Axis& axis = spread.axes[i];
    conv.window.kernel.push_back(axis.taps);
    conv.window.strides.push_back(1);
    conv.window.pads_begin.push_back(axis.pads_front);
    conv.window.pads_end.push_back(axis.pads_behind);
    conv.window.dilations.push_back(axis.dilation);
    output.push_back(axis.positions);
  }
  output.push_back(spread.channels());
  ir::Graph graph;
  std::vector<ir::ValueId> inputs = {
      graph.AddValue(source.value(node.inputs[0])),
      graph.AddConstant(absl::StrCat(weights.name, "/phases"),
                        PhaseWeights(spread, *weights.constant))};
  if (op.has_bias) {
    const ir::Value& bias = source.value(node.inputs[2]);
    inputs.push_back(graph.AddConstant(absl::StrCat(bias.name, "/phases"),
                                       PhaseBias(spread, *bias.constant)));
  }
  graph.AddNode(node.name, std::move(conv), std::move(inputs),
                source.value(node.outputs[0]).name,
                {DType::kFloat32, ir::FixedDims(output), std::nullopt});
  return graph;
}

// Copies the elements of one row of the output along its width.
void PlaceRow(const Spread& spread, const float* phases, float* output,
              int64_t row) {
  const std::array<Axis, kAxes>& axes = spread.axes;
  const int64_t h = row % axes[1].outputs;
  const int64_t d = row / axes[1].outputs % axes[0].outputs;
  const int64_t n = row / axes[1].outputs / axes[0].outputs;
  const int64_t line =
      (n * axes[0].positions + axes[0].Position(d)) * axes[1].positions +
      axes[1].Position(h);
  const int64_t row_phase =
      (axes[0].Phase(d) * axes[1].stride + axes[1].Phase(h)) * axes[2].stride;
  const int64_t length = spread.group_outputs;
  float* to = output + row * axes[2].outputs * spread.groups * length;
  for (int64_t w = 0; w < axes[2].outputs; ++w) {
    const float* from =
        phases +
        (line * axes[2].positions + axes[2].Position(w)) * spread.channels() +
        (row_phase + axes[2].Phase(w)) * length;
    for (int64_t g = 0; g < spread.groups; ++g, to += length) {
      std::memcpy(to, from + g * spread.phases() * length,
                  length * sizeof(float));
    }
  }
}

class BoundSpread : public plan::BoundStep {
 public:
  BoundSpread(const Spread& spread, std::unique_ptr<plan::BoundStep> conv,
              const float* phases, float* output, ThreadPool* pool)
      : spread_(spread),
        conv_(std::move(conv)),
        phases_(phases),
        output_(output),
        pool_(pool) {}

  absl::Status Run() override {
    OCTET_RETURN_IF_ERROR(conv_->Run());
    pool_->ParallelRun(
        spread_.batch * spread_.axes[0].outputs * spread_.axes[1].outputs,
        [&](int64_t row) { PlaceRow(spread_, phases_, output_, row); });
    return absl::OkStatus();
  }

 private:
  const Spread spread_;
  const std::unique_ptr<plan::BoundStep> conv_;
  const float* const phases_;
  float* const output_;
  ThreadPool* const pool_;
};

// Runs a convolution into scratch memory and puts the phases in their places.
class SpreadStep : public plan::Step {
 public:
  SpreadStep(const Spread& spread, std::unique_ptr<plan::Step> conv)
      : spread_(spread), conv_(std::move(conv)) {
    int64_t elements = spread.batch * spread.channels();
    for (const Axis& axis : spread.axes) elements *= axis.positions;
    // The convolution's own scratch memory begins behind, aligned like this.
    constexpr size_t kAlignment = 64;
    phase_bytes_ =
        (elements * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
  }

  std::string kernel() const override { return conv_->kernel(); }
  size_t scratch_bytes() const override {
    return phase_bytes_ + conv_->scratch_bytes();
  }
  bool reads_input(size_t index) const override {
    return conv_->reads_input(index);
  }
  absl::StatusOr<std::unique_ptr<plan::BoundStep>> Bind(
      const plan::Bindings& bindings) const override {
    std::byte* const outputs[] = {bindings.scratch};
    const plan::Bindings inner = {bindings.inputs, outputs,
                                  bindings.scratch + phase_bytes_,
                                  bindings.pool};
    OCTET_ASSIGN_OR_RETURN(std::unique_ptr<plan::BoundStep> conv,
                           conv_->Bind(inner));
    return std::make_unique<BoundSpread>(
        spread_, std::move(conv),
        reinterpret_cast<const float*>(bindings.scratch),
        reinterpret_cast<float*>(bindings.outputs[0]), bindings.pool);
  }

 private:
  const Spread spread_;
  const std::unique_ptr<plan::Step> conv_;
  size_t phase_bytes_ = 0;
};

// Whether the convolution's output is the result as it is.
bool IsInPlace(const Spread& spread) {
  return std::all_of(spread.axes.begin(), spread.axes.end(),
                     [](const Axis& axis) {
                       return axis.stride == 1 && axis.Position(0) == 0 &&
                              axis.positions == axis.outputs;
                     });
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateConvTransposeStep(
    const plan::StepRequest& request, const ir::ConvTranspose& op) {
  if (op.layout != ir::Layout::kChannelsLast) {
    return absl::UnimplementedError("channels-first convolution");
  }
  const ir::Graph& graph = request.graph;
  for (size_t i = 1; i < request.node.inputs.size(); ++i) {
    if (!graph.value(request.node.inputs[i]).is_constant()) {
      return absl::UnimplementedError("weights that are no constant");
    }
  }
  if (graph.type(request.node.outputs[0]).dtype != DType::kFloat32) {
    return absl::UnimplementedError("an output of other types than float32");
  }
  OCTET_ASSIGN_OR_RETURN(const Spread spread, SetUp(request, op));
  const ir::Graph convolution = PhaseConvolution(request, op, spread);
  const ir::Node& node = convolution.nodes().front();
  OCTET_ASSIGN_OR_RETURN(
      std::unique_ptr<plan::Step> conv,
      CreateConvStep({convolution, node, request.threads, request.weights},
                     std::get<ir::Conv>(node.op)));
  if (IsInPlace(spread)) return conv;
  return std::make_unique<SpreadStep>(spread, std::move(conv));
}

}  // namespace octet::onednn
