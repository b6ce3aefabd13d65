// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/plan/requantization.h"
#include "engine/simd/copy_runs.h"
#include "engine/simd/indexed_copy.h"
#include "engine/simd/padded_copy.h"
#include "engine/simd/steps.h"
#include "engine/simd/strided_copy.h"

// Steps that move elements of any type without looking at them.
namespace octet::simd {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<plan::Step>>;

// Distances, in elements, between neighbours along each axis.
Shape DenseStrides(const Shape& shape) {
  Shape strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

// UNIMPLEMENTED unless input `i` and the output have one dtype and, where they
// have one scale, the same: then the bytes are all there is to move.
absl::Status ExpectMoved(const plan::StepRequest& request, size_t i) {
  const ir::TensorType& from = request.graph.type(request.node.inputs[i]);
  const ir::TensorType& to = request.graph.type(request.node.outputs[0]);
  // Per channel, the axis moves with the data, so the two differ rightly.
  const bool per_channel = from.quantization && to.quantization &&
                           !from.quantization->per_tensor() &&
                           !to.quantization->per_tensor();
  if (from.dtype == to.dtype &&
      (per_channel || from.quantization == to.quantization)) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError("the types of input and output differ");
}

// A step of anything that moves bytes from its first input by items.
template <typename Copy>
std::unique_ptr<plan::Step> MakeCopyStep(absl::string_view name, Copy copy) {
  return MakeKernelStep(
      absl::StrCat("simd:", name), 0,
      [copy = std::move(copy)](const plan::Bindings& bindings) {
        ShareOut(bindings.pool, copy.work_items(), MoveNs(copy.bytes()),
                 [&](int64_t begin, int64_t end) {
                   copy.Run(bindings.inputs[0], bindings.outputs[0], begin,
                            end);
                 });
      });
}

StepOr CreateStridedStep(const plan::StepRequest& request,
                         absl::string_view name, Shape strides,
                         int64_t offset) {
  OCTET_RETURN_IF_ERROR(ExpectMoved(request, 0));
  StridedCopyParams params;
  const ir::TensorType& type = request.graph.type(request.node.outputs[0]);
  params.element_bytes = static_cast<int64_t>(SizeOf(type.dtype));
  params.sizes = ir::ConcreteShape(type.dims);
  params.strides = std::move(strides);
  params.offset = offset;
  OCTET_ASSIGN_OR_RETURN(StridedCopy copy, StridedCopy::Create(params));
  return MakeCopyStep(name, std::move(copy));
}

// The bytes of `value`, in real units, as an element of `type`.
absl::StatusOr<std::array<std::byte, 8>> FillOf(float value,
                                                const ir::TensorType& type) {
  std::array<std::byte, 8> bytes = {};
  if (type.quantization) {
    const auto range = plan::RangeOf(type.dtype);
    if (!type.quantization->per_tensor() || !range) {
      return absl::UnimplementedError("padding of channels of many scales");
    }
    const int32_t q =
        plan::QuantizeOne(value, type.quantization->scales[0],
                          type.quantization->zero_points[0], *range);
    // The low bytes come first on every machine that octet runs on.
    std::memcpy(bytes.data(), &q, sizeof(q));
    return bytes;
  }
  if (type.dtype == DType::kFloat32) {
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
  }
  // Zero is all zero bits in every type.
  if (value == 0) return bytes;
  return absl::UnimplementedError("padding of this type by other than 0");
}

// The entry of an axis of `size` that position `at` of the padded axis repeats,
// counted from the first that is not padding. REQUIRES: size > 0.
int64_t RepeatedEntry(ir::PadMode mode, int64_t at, int64_t size) {
  if (at >= 0 && at < size) return at;
  if (mode == ir::PadMode::kEdge || size == 1) return at < 0 ? 0 : size - 1;
  // Reflected, the mirrors stand on the first and the last entry.
  const bool wraps = mode == ir::PadMode::kWrap;
  const int64_t period = wraps ? size : 2 * (size - 1);
  const int64_t phase = (at % period + period) % period;
  return wraps ? phase : std::min(phase, period - phase);
}

// Padding that repeats what is inside.
StepOr CreateRepeatingPadStep(const plan::StepRequest& request,
                              const ir::Pad& op) {
  const ir::TensorType& type = request.graph.type(request.node.outputs[0]);
  IndexedCopyParams params;
  params.element_bytes = static_cast<int64_t>(SizeOf(type.dtype));
  params.sizes = request.shape(request.node.inputs[0]);
  if (ElementCount(params.sizes) == 0) {
    return absl::UnimplementedError("padding of nothing");
  }
  for (size_t axis = 0; axis < params.sizes.size(); ++axis) {
    const int64_t size = params.sizes[axis];
    std::vector<int64_t> entries;
    for (int64_t at = -op.begin[axis]; at < size + op.end[axis]; ++at) {
      entries.push_back(RepeatedEntry(op.mode, at, size));
    }
    params.entries.push_back(std::move(entries));
  }
  OCTET_ASSIGN_OR_RETURN(IndexedCopy copy, IndexedCopy::Create(params));
  return MakeCopyStep("pad", std::move(copy));
}

// [outer, inner] pieces that Concat copies, one per input.
struct Piece {
  int64_t bytes = 0;   // of one outer index
  int64_t offset = 0;  // in one outer index of the output
};

}  // namespace

StepOr CreateTransposeStep(const plan::StepRequest& request,
                           const ir::Transpose& op) {
  const Shape own = DenseStrides(request.shape(request.node.inputs[0]));
  Shape strides;
  for (int axis : op.perm) strides.push_back(own[axis]);
  return CreateStridedStep(request, "transpose", std::move(strides), 0);
}

StepOr CreateSliceStep(const plan::StepRequest& request, const ir::Slice& op) {
  Shape strides = DenseStrides(request.shape(request.node.inputs[0]));
  int64_t offset = 0;
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    offset += op.starts[axis] * strides[axis];
    strides[axis] *= op.steps[axis];
  }
  return CreateStridedStep(request, "slice", std::move(strides), offset);
}

StepOr CreateReshapeStep(const plan::StepRequest& request) {
  return CreateStridedStep(
      request, "copy", DenseStrides(request.shape(request.node.outputs[0])), 0);
}

StepOr CreateExpandStep(const plan::StepRequest& request) {
  const Shape shape = request.shape(request.node.inputs[0]);
  const Shape dense = DenseStrides(shape);
  const size_t rank = request.shape(request.node.outputs[0]).size();
  Shape strides(rank, 0);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] != 1) strides[rank - shape.size() + axis] = dense[axis];
  }
  return CreateStridedStep(request, "expand", std::move(strides), 0);
}

StepOr CreatePadStep(const plan::StepRequest& request, const ir::Pad& op) {
  OCTET_RETURN_IF_ERROR(ExpectMoved(request, 0));
  if (op.mode != ir::PadMode::kConstant) {
    return CreateRepeatingPadStep(request, op);
  }
  const ir::TensorType& type = request.graph.type(request.node.outputs[0]);
  PaddedCopyParams params;
  params.element_bytes = static_cast<int64_t>(SizeOf(type.dtype));
  params.sizes = request.shape(request.node.inputs[0]);
  params.begin = op.begin;
  params.end = op.end;
  OCTET_ASSIGN_OR_RETURN(params.fill, FillOf(op.value, type));
  OCTET_ASSIGN_OR_RETURN(PaddedCopy copy, PaddedCopy::Create(params));
  return MakeCopyStep("pad", std::move(copy));
}

StepOr CreateConcatStep(const plan::StepRequest& request,
                        const ir::Concat& op) {
  const ir::TensorType& output = request.graph.type(request.node.outputs[0]);
  const Shape shape = ir::ConcreteShape(output.dims);
  const int64_t outer =
      ElementCount(absl::MakeConstSpan(shape).subspan(0, op.axis));
  const auto element = static_cast<int64_t>(SizeOf(output.dtype));
  std::vector<Piece> pieces;
  int64_t row = 0;
  for (size_t i = 0; i < request.node.inputs.size(); ++i) {
    OCTET_RETURN_IF_ERROR(ExpectMoved(request, i));
    const Shape part = request.shape(request.node.inputs[i]);
    const int64_t bytes =
        ElementCount(absl::MakeConstSpan(part).subspan(op.axis)) * element;
    pieces.push_back({bytes, row});
    row += bytes;
  }
  return MakeKernelStep(
      "simd:concat", 0, [pieces, outer, row](const plan::Bindings& bindings) {
        ShareOut(bindings.pool, outer, MoveNs(outer * row),
                 [&](int64_t begin, int64_t end) {
                   for (size_t i = 0; i < pieces.size(); ++i) {
                     const Piece& piece = pieces[i];
                     CopyRuns(
                         piece.bytes, bindings.inputs[i] + begin * piece.bytes,
                         piece.bytes, end - begin,
                         bindings.outputs[0] + begin * row + piece.offset, row);
                   }
                 });
      });
}

}  // namespace octet::simd
