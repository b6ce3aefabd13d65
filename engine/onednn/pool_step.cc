// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/onednn/dnnl_boundary.h"
#include "engine/onednn/layouts.h"
#include "engine/onednn/steps.h"

namespace octet::onednn {
namespace {

using dnnl::algorithm;

absl::StatusOr<std::unique_ptr<plan::Step>> CreatePooling(
    const plan::StepRequest& request, algorithm kind,
    const ir::Window& window) {
  const ir::TensorType& input = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& output = request.graph.type(request.node.outputs[0]);
  if (input.dtype != DType::kFloat32 || output.dtype != DType::kFloat32) {
    return absl::UnimplementedError("pooling of other types than float32");
  }
  OCTET_ASSIGN_OR_RETURN(dnnl::memory::desc source,
                         ImageDesc(ir::ConcreteShape(input.dims), input.dtype));
  OCTET_ASSIGN_OR_RETURN(
      dnnl::memory::desc destination,
      ImageDesc(ir::ConcreteShape(output.dims), output.dtype));
  dnnl::memory::dims dilations;
  for (int64_t dilation : window.dilations) dilations.push_back(dilation - 1);
  const dnnl::pooling_forward::primitive_desc desc(
      CpuEngine(), dnnl::prop_kind::forward_inference, kind, source,
      destination, window.strides, window.kernel, dilations, window.pads_begin,
      window.pads_end, BaseAttributes());
  PrimitiveStepParts parts;
  parts.primitive = dnnl::pooling_forward(desc);
  parts.kernel = absl::StrCat("onednn:", desc.impl_info_str());
  parts.scratch_bytes = desc.scratchpad_desc().get_size();
  parts.arguments = {
      {DNNL_ARG_SRC, source, Argument::Source::kInput, 0, nullptr},
      {DNNL_ARG_DST, destination, Argument::Source::kOutput, 0, nullptr},
      {DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc(), Argument::Source::kScratch,
       0, nullptr},
  };
  return MakePrimitiveStep(std::move(parts));
}

algorithm AverageKind(bool count_include_pad) {
  return count_include_pad ? algorithm::pooling_avg_include_padding
                           : algorithm::pooling_avg_exclude_padding;
}

// oneDNN has no ceil_mode: the pads behind say where the last window ends.
void PadToOutput(const plan::StepRequest& request, ir::Window& window) {
  const Shape x =
      ir::ConcreteShape(request.graph.type(request.node.inputs[0]).dims);
  const Shape y =
      ir::ConcreteShape(request.graph.type(request.node.outputs[0]).dims);
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    const int64_t extent = (window.kernel[i] - 1) * window.dilations[i] + 1;
    const int64_t end = (y[i + 1] - 1) * window.strides[i] + extent;
    window.pads_end[i] =
        std::max(window.pads_end[i], end - x[i + 1] - window.pads_begin[i]);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreatePoolStep(
    const plan::StepRequest& request, const ir::Pool& op) {
  if (op.layout != ir::Layout::kChannelsLast) {
    return absl::UnimplementedError("channels-first pooling");
  }
  // What hangs over the padding would count like the padding.
  if (op.ceil_mode && op.kind == ir::PoolKind::kAverage &&
      op.count_include_pad) {
    return absl::UnimplementedError("an average beyond the padding");
  }
  ir::Window window = op.window;
  if (op.ceil_mode) PadToOutput(request, window);
  return CreatePooling(request,
                       op.kind == ir::PoolKind::kMax
                           ? algorithm::pooling_max
                           : AverageKind(op.count_include_pad),
                       window);
}

absl::StatusOr<std::unique_ptr<plan::Step>> CreateGlobalPoolStep(
    const plan::StepRequest& request, const ir::GlobalPool& op) {
  if (op.layout != ir::Layout::kChannelsLast) {
    return absl::UnimplementedError("channels-first pooling");
  }
  const Shape shape =
      ir::ConcreteShape(request.graph.type(request.node.inputs[0]).dims);
  const size_t axes = shape.size() - 2;
  ir::Window window;
  window.kernel.assign(shape.begin() + 1, shape.end() - 1);
  window.strides = window.kernel;
  window.pads_begin.assign(axes, 0);
  window.pads_end.assign(axes, 0);
  window.dilations.assign(axes, 1);
  return CreatePooling(request,
                       op.kind == ir::PoolKind::kMax ? algorithm::pooling_max
                                                     : AverageKind(false),
                       window);
}

}  // namespace octet::onednn
