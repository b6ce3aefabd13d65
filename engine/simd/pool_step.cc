// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/pool.h"
#include "engine/simd/steps.h"

namespace octet::simd {
namespace {

// Sizes and types that every pool of images over one or two axes has.
absl::StatusOr<PoolParams> SizesOf(const plan::StepRequest& request,
                                   ir::Layout layout) {
  const ir::TensorType& input = request.graph.type(request.node.inputs[0]);
  const Shape x = ir::ConcreteShape(input.dims);
  const Shape y =
      ir::ConcreteShape(request.graph.type(request.node.outputs[0]).dims);
  if (layout != ir::Layout::kChannelsLast) {
    return absl::UnimplementedError("channels-first pooling");
  }
  if (x.size() != 3 && x.size() != 4) {
    return absl::UnimplementedError(
        absl::StrCat("pooling over ", x.size() - 2, " axes"));
  }
  PoolParams params;
  OCTET_ASSIGN_OR_RETURN(params.input, ToByteType(input));
  const size_t last = x.size() - 1;
  params.batch = x[0];
  params.channels = x[last];
  params.width = x[last - 1];
  params.out_width = y[last - 1];
  if (x.size() == 4) {
    params.height = x[1];
    params.out_height = y[1];
  }
  return params;
}

absl::Status SetKind(const plan::StepRequest& request, ir::PoolKind kind,
                     PoolParams& params) {
  if (kind == ir::PoolKind::kMax) {
    params.kind = PoolParams::Kind::kMax;
    return absl::OkStatus();
  }
  params.kind = PoolParams::Kind::kAverage;
  OCTET_ASSIGN_OR_RETURN(
      plan::Rescaling numbers,
      plan::Rescale(request.graph.type(request.node.inputs[0]),
                    request.graph.type(request.node.outputs[0])));
  params.multiplier = numbers.multiplier;
  OCTET_ASSIGN_OR_RETURN(params.output, ToOutputSpec(numbers.output));
  return absl::OkStatus();
}

void SetWindow(const ir::Window& window, PoolParams& params) {
  const size_t last = window.kernel.size() - 1;
  params.kernel_w = window.kernel[last];
  params.stride_w = window.strides[last];
  params.dilation_w = window.dilations[last];
  params.pad_left = window.pads_begin[last];
  params.pad_right = window.pads_end[last];
  if (last == 0) return;
  params.kernel_h = window.kernel[0];
  params.stride_h = window.strides[0];
  params.dilation_h = window.dilations[0];
  params.pad_top = window.pads_begin[0];
  params.pad_bottom = window.pads_end[0];
}

absl::StatusOr<std::unique_ptr<plan::Step>> MakePoolStep(
    const PoolParams& params) {
  OCTET_ASSIGN_OR_RETURN(Pool pool, Pool::Create(params));
  return MakeKernelStep(
      absl::StrCat("simd:pool:", IsaName(ActiveIsa())), 0,
      [pool](const plan::Bindings& bindings) {
        bindings.pool->ParallelRanges(
            pool.work_items(), [&](int64_t begin, int64_t end, int) {
              pool.Run(bindings.inputs[0], bindings.outputs[0], begin, end);
            });
      });
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreatePoolStep(
    const plan::StepRequest& request, const ir::Pool& op) {
  OCTET_ASSIGN_OR_RETURN(PoolParams params, SizesOf(request, op.layout));
  SetWindow(op.window, params);
  const bool dilated = params.dilation_h > 1 || params.dilation_w > 1;
  if (dilated && op.ceil_mode && op.count_include_pad) {
    return absl::UnimplementedError("a dilated average beyond the padding");
  }
  params.count_include_pad = op.count_include_pad;
  OCTET_RETURN_IF_ERROR(SetKind(request, op.kind, params));
  return MakePoolStep(params);
}

absl::StatusOr<std::unique_ptr<plan::Step>> CreateGlobalPoolStep(
    const plan::StepRequest& request, const ir::GlobalPool& op) {
  OCTET_ASSIGN_OR_RETURN(PoolParams params, SizesOf(request, op.layout));
  params.kernel_h = params.height;
  params.kernel_w = params.width;
  OCTET_RETURN_IF_ERROR(SetKind(request, op.kind, params));
  return MakePoolStep(params);
}

}  // namespace octet::simd
