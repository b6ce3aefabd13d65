// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "engine/simd/copy_runs.h"
#include "engine/simd/steps.h"

namespace octet::simd {
namespace {

// A tensor [outer, length, run] of which the entries that the indices name are
// taken for each outer index.
struct GatherShape {
  int64_t outer = 1;
  int64_t length = 1;
  int64_t run_bytes = 1;
  int64_t indices = 1;
};

// Items [begin, end) of [outer * indices].
template <typename Index>
void GatherRuns(const GatherShape& shape, const plan::Bindings& bindings,
                int64_t begin, int64_t end) {
  const auto* indices = reinterpret_cast<const Index*>(bindings.inputs[1]);
  const std::byte* x = bindings.inputs[0];
  std::byte* y = bindings.outputs[0];
  ForRunOf(shape.run_bytes, [&](auto run) {
    int64_t outer = begin / shape.indices;
    int64_t i = begin % shape.indices;
    for (int64_t item = begin; item < end; ++item) {
      int64_t entry = indices[i];
      // Indices come with the data: what is out of range takes the nearest.
      if (entry < 0) entry += shape.length;
      entry = std::clamp<int64_t>(entry, 0, shape.length - 1);
      CopyRun(run, shape.run_bytes,
              x + (outer * shape.length + entry) * shape.run_bytes,
              y + item * shape.run_bytes);
      if (++i == shape.indices) {
        i = 0;
        ++outer;
      }
    }
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateGatherStep(
    const plan::StepRequest& request, const ir::Gather& op) {
  const ir::TensorType& data = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& indices = request.graph.type(request.node.inputs[1]);
  const ir::TensorType& output = request.graph.type(request.node.outputs[0]);
  if (data.dtype != output.dtype || data.quantization != output.quantization) {
    return absl::UnimplementedError("the types of input and output differ");
  }
  const bool wide = indices.dtype == DType::kInt64;
  if (!wide && indices.dtype != DType::kInt32) {
    return absl::UnimplementedError("indices of another type");
  }
  const Shape sizes = ir::ConcreteShape(data.dims);
  const absl::Span<const int64_t> dims(sizes);
  GatherShape shape;
  shape.outer = ElementCount(dims.subspan(0, op.axis));
  shape.length = dims[op.axis];
  shape.run_bytes = ElementCount(dims.subspan(op.axis + 1)) *
                    static_cast<int64_t>(SizeOf(data.dtype));
  shape.indices = ElementCount(ir::ConcreteShape(indices.dims));
  const int64_t bytes = shape.outer * shape.indices * shape.run_bytes;
  if (bytes > 0 && shape.length == 0) {
    return absl::UnimplementedError("entries of an empty axis");
  }
  return MakeKernelStep("simd:gather", 0, [=](const plan::Bindings& bindings) {
    if (bytes == 0) return;
    ShareOut(bindings.pool, shape.outer * shape.indices, MoveNs(bytes),
             [&](int64_t begin, int64_t end) {
               if (wide) {
                 GatherRuns<int64_t>(shape, bindings, begin, end);
               } else {
                 GatherRuns<int32_t>(shape, bindings, begin, end);
               }
             });
  });
}

}  // namespace octet::simd
