// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/half_types.h"
#include "engine/base/status_macros.h"
#include "engine/plan/requantization.h"
#include "engine/reference/integer_from_real.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// The bytes of `value`, in real units, as an element of `type`.
absl::StatusOr<std::vector<std::byte>> ElementOf(float value,
                                                 const ir::TensorType& type,
                                                 const NodeTypes& node) {
  std::vector<std::byte> bytes(SizeOf(type.dtype));
  auto store = [&](auto element) {
    static_assert(sizeof(element) <= 8);
    std::memcpy(bytes.data(), &element, bytes.size());
  };
  if (type.quantization.has_value()) {
    const auto range = plan::RangeOf(type.dtype);
    if (!type.quantization->per_tensor() || !range.has_value() ||
        bytes.size() > sizeof(int32_t)) {
      return node.Unsupported(absl::StrCat(
          "the input is ", ir::TypeToString(type), "; expected one scale"));
    }
    // The low bytes come first on every machine that octet runs on.
    store(plan::QuantizeOne(value, type.quantization->scales[0],
                            type.quantization->zero_points[0], *range));
    return bytes;
  }
  switch (type.dtype) {
    case DType::kFloat32:
      store(value);
      break;
    case DType::kFloat64:
      store(static_cast<double>(value));
      break;
    case DType::kFloat16:
      store(HalfFromFloat(value));
      break;
    case DType::kBFloat16:
      store(BFloat16FromFloat(value));
      break;
    case DType::kBool:
      store(value != 0);
      break;
    case DType::kUInt64:
      store(IntegerFromReal<uint64_t>(value));
      break;
    default:
      store(IntegerFromReal<int64_t>(value));
      break;
  }
  return bytes;
}

// Where entry `position` of a padded axis of `extent` entries, counted from the
// first that is not padding, has its value: an entry of the axis, or -1 for the
// constant. Repeats as often as the padding asks for.
int64_t SourceOf(int64_t position, int64_t extent, ir::PadMode mode) {
  if (position >= 0 && position < extent) return position;
  switch (mode) {
    case ir::PadMode::kConstant:
      return -1;
    case ir::PadMode::kEdge:
      return position < 0 ? 0 : extent - 1;
    case ir::PadMode::kWrap:
      return (position % extent + extent) % extent;
    case ir::PadMode::kReflect: {
      if (extent == 1) return 0;
      // The mirrors stand on the first and the last entry.
      const int64_t period = 2 * (extent - 1);
      const int64_t phase = (position % period + period) % period;
      return std::min(phase, period - phase);
    }
  }
  return -1;
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Pad& op, const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  std::vector<std::byte> fill(SizeOf(node.output().dtype));
  if (op.mode == ir::PadMode::kConstant) {
    OCTET_ASSIGN_OR_RETURN(fill, ElementOf(op.value, node.output(), node));
  }
  const Shape x_shape = node.input_shape(0);
  const Shape y_shape = node.output_shape();
  const Shape x_strides = StridesOf(x_shape);
  const Shape y_strides = StridesOf(y_shape);
  const size_t element_bytes = fill.size();
  return MakeLoopStep(
      [=, mode = op.mode, begin = op.begin](const LoopMemory& memory) {
        memory.pool->ParallelRun(ElementCount(y_shape), [&](int64_t i) {
          int64_t offset = 0;
          bool inside = true;
          for (size_t axis = 0; axis < y_shape.size(); ++axis) {
            const int64_t source =
                SourceOf(i / y_strides[axis] % y_shape[axis] - begin[axis],
                         x_shape[axis], mode);
            inside = inside && source >= 0;
            offset += source * x_strides[axis];
          }
          std::memcpy(
              memory.outputs[0] + i * element_bytes,
              inside ? memory.inputs[0] + offset * element_bytes : fill.data(),
              element_bytes);
        });
      });
}

}  // namespace octet::reference
