// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "engine/onednn/dnnl_boundary.h"
#include "engine/onednn/steps.h"

namespace octet::onednn {

absl::StatusOr<std::unique_ptr<plan::Step>> CreateSoftmaxStep(
    const plan::StepRequest& request, const ir::Softmax& op) {
  const ir::TensorType& type = request.graph.type(request.node.inputs[0]);
  if (type.dtype != DType::kFloat32) {
    return absl::UnimplementedError("softmax of other types than float32");
  }
  // [outer, axis, inner]: oneDNN takes any axis of a plain tensor.
  const Shape shape = ir::ConcreteShape(type.dims);
  const absl::Span<const int64_t> dims(shape);
  const int64_t outer = ElementCount(dims.subspan(0, op.axis));
  const int64_t length = op.through_last_axis
                             ? ElementCount(dims.subspan(op.axis))
                             : shape[op.axis];
  const int64_t inner =
      op.through_last_axis ? 1 : ElementCount(dims.subspan(op.axis + 1));
  if (outer * length * inner == 0) {
    return absl::UnimplementedError("softmax of nothing");
  }
  // engine/simd computes rows as short as that side by side: rows of two take
  // a quarter of the time there.
  constexpr int64_t kShort = 16;
  if (length < kShort) {
    return absl::UnimplementedError(
        "softmax of short rows, which another backend is to compute");
  }
  const dnnl::memory::desc desc({outer, length, inner},
                                dnnl::memory::data_type::f32,
                                dnnl::memory::format_tag::abc);
  const dnnl::softmax_forward::primitive_desc softmax(
      CpuEngine(), dnnl::prop_kind::forward_inference,
      op.log ? dnnl::algorithm::softmax_log : dnnl::algorithm::softmax_accurate,
      desc, desc, /*axis=*/1, BaseAttributes());
  PrimitiveStepParts parts;
  parts.primitive = dnnl::softmax_forward(softmax);
  parts.kernel = absl::StrCat("onednn:", softmax.impl_info_str());
  parts.scratch_bytes = softmax.scratchpad_desc().get_size();
  parts.arguments = {
      {DNNL_ARG_SRC, desc, Argument::Source::kInput, 0, nullptr},
      {DNNL_ARG_DST, desc, Argument::Source::kOutput, 0, nullptr},
      {DNNL_ARG_SCRATCHPAD, softmax.scratchpad_desc(),
       Argument::Source::kScratch, 0, nullptr},
  };
  return MakePrimitiveStep(std::move(parts));
}

}  // namespace octet::onednn
