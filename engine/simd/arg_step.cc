// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "engine/base/status_macros.h"
#include "engine/simd/steps.h"

// Where the largest or smallest float along an axis is.
namespace octet::simd {
namespace {

// Neighbours that are searched side by side.
constexpr int64_t kColumns = 64;
constexpr int64_t kSearchPerNs = 1;

// Whether `value` takes the place of `best`, which comes before it. NaN, as
// numpy has it, beats every number, and the first one stays.
struct Better {
  bool largest;
  bool last;

  bool operator()(float value, float best) const {
    const bool beats = largest ? value > best : value < best;
    const bool takes = beats || value != value || (last && value == best);
    return takes && best == best;
  }
};

// The axis of a tensor [outer, length, inner].
struct SearchShape {
  int64_t outer = 1;
  int64_t length = 1;
  int64_t inner = 1;
};

// `columns` neighbours of one outer index, `stride` apart along the axis.
void SearchColumns(const Better& better, const SearchShape& shape,
                   const float* x, int64_t columns, int64_t* y) {
  float best[kColumns];
  std::copy_n(x, columns, best);
  std::fill_n(y, columns, 0);
  for (int64_t i = 1; i < shape.length; ++i) {
    const float* row = x + i * shape.inner;
    for (int64_t c = 0; c < columns; ++c) {
      const bool takes = better(row[c], best[c]);
      best[c] = takes ? row[c] : best[c];
      y[c] = takes ? i : y[c];
    }
  }
}

// Items [begin, end) of [outer * blocks of columns].
void Search(const Better& better, const SearchShape& shape,
            const plan::Bindings& bindings, int64_t begin, int64_t end) {
  const auto* x = reinterpret_cast<const float*>(bindings.inputs[0]);
  auto* y = reinterpret_cast<int64_t*>(bindings.outputs[0]);
  const int64_t blocks = (shape.inner + kColumns - 1) / kColumns;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t outer = item / blocks;
    const int64_t first = item % blocks * kColumns;
    SearchColumns(better, shape, x + outer * shape.length * shape.inner + first,
                  std::min(kColumns, shape.inner - first),
                  y + outer * shape.inner + first);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateArgReduceStep(
    const plan::StepRequest& request, const ir::ArgReduce& op) {
  const ir::TensorType& input = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& output = request.graph.type(request.node.outputs[0]);
  if (input.dtype != DType::kFloat32 || output.dtype != DType::kInt64) {
    return absl::UnimplementedError("no kernel for this type");
  }
  const Shape sizes = ir::ConcreteShape(input.dims);
  const absl::Span<const int64_t> dims(sizes);
  SearchShape shape;
  shape.outer = ElementCount(dims.subspan(0, op.axis));
  shape.length = dims[op.axis];
  shape.inner = ElementCount(dims.subspan(op.axis + 1));
  const int64_t size = ElementCount(sizes);
  if (size == 0) return absl::UnimplementedError("a search in nothing");
  const Better better = {op.largest, op.last_index};
  return MakeKernelStep(
      "simd:arg_reduce", 0,
      [better, shape, size](const plan::Bindings& bindings) {
        const int64_t blocks = (shape.inner + kColumns - 1) / kColumns;
        ShareOut(bindings.pool, shape.outer * blocks, size / kSearchPerNs,
                 [&](int64_t begin, int64_t end) {
                   Search(better, shape, bindings, begin, end);
                 });
      });
}

}  // namespace octet::simd
