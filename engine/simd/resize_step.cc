// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/resize.h"

#include <algorithm>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/simd/kernel_step.h"
#include "engine/simd/steps.h"

namespace octet::simd {
namespace {

// Every element is what it was: the taps of an axis that does not change.
plan::ResizeTaps WholeAxis(int64_t size) {
  plan::ResizeTaps taps;
  for (int64_t i = 0; i < size; ++i) taps.first.push_back(i);
  taps.weights.assign(size, 1);
  return taps;
}

plan::ResizeTaps TapsOf(const ir::Resize& op, size_t axis, int64_t inputs) {
  if (plan::IsLeftAlone(op, axis, inputs)) return WholeAxis(inputs);
  return plan::MakeResizeTaps(op, axis, inputs);
}

// The axes that change: one, or two next to each other.
absl::StatusOr<ResizeParams> ParamsOf(const plan::StepRequest& request,
                                      ir::Resize op) {
  const ir::TensorType& type = request.graph.type(request.node.inputs[0]);
  const Shape x = ir::ConcreteShape(type.dims);
  op.sizes =
      ir::ConcreteShape(request.graph.type(request.node.outputs[0]).dims);
  size_t first = x.size();
  size_t last = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (plan::IsLeftAlone(op, i, x[i])) continue;
    first = std::min(first, i);
    last = i;
  }
  if (x.empty() || first > last) return absl::UnimplementedError("a copy");
  // A row of one axis: the row taps are those of the axis of 1 in front.
  if (last - first > 1) {
    return absl::UnimplementedError("axes that are no neighbours");
  }
  ResizeParams params;
  params.element_bytes = static_cast<int64_t>(SizeOf(type.dtype));
  for (size_t i = 0; i < first; ++i) params.outer *= x[i];
  for (size_t i = last + 1; i < x.size(); ++i) params.inner *= x[i];
  params.row_taps = WholeAxis(1);
  if (first < last) {
    params.rows = x[first];
    params.out_rows = op.sizes[first];
    params.row_taps = TapsOf(op, first, x[first]);
  }
  params.columns = x[last];
  params.out_columns = op.sizes[last];
  params.column_taps = TapsOf(op, last, x[last]);
  return params;
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateResizeStep(
    const plan::StepRequest& request, const ir::Resize& op) {
  const ir::TensorType& from = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& to = request.graph.type(request.node.outputs[0]);
  const bool nearest = op.mode == ir::ResizeMode::kNearest;
  if (op.coordinates == ir::ResizeCoordinates::kTfCropAndResize) {
    return absl::UnimplementedError("a cropped region");
  }
  if (from.dtype != to.dtype || from.quantization != to.quantization ||
      (!nearest && (from.dtype != DType::kFloat32 || from.quantization))) {
    return absl::UnimplementedError(
        "interpolation of other types than float32");
  }
  OCTET_ASSIGN_OR_RETURN(ResizeParams params, ParamsOf(request, op));
  OCTET_ASSIGN_OR_RETURN(Resize resize, Resize::Create(std::move(params)));
  const int64_t scratch = resize.scratch_floats();
  return MakeKernelStep(
      "simd:resize", request.threads * scratch * sizeof(float),
      [resize = std::move(resize), scratch](const plan::Bindings& bindings) {
        auto* floats = reinterpret_cast<float*>(bindings.scratch);
        const auto run = [&](int64_t begin, int64_t end, int thread) {
          resize.Run(bindings.inputs[0], bindings.outputs[0],
                     floats + thread * scratch, begin, end);
        };
        if (MoveNs(resize.bytes()) < kSharedWorkNs) {
          run(0, resize.work_items(), 0);
        } else {
          bindings.pool->ParallelRanges(resize.work_items(), run);
        }
      });
}

}  // namespace octet::simd
