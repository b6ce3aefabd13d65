// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>

#include "engine/base/status_macros.h"
#include "engine/reference/entry_index.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

// Operators that take elements from where their second input says.
namespace octet::reference {

absl::StatusOr<StepPtr> MakeStep(const ir::Gather& op, const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  const AroundAxis around = Around(node.input_shape(0), op.axis, op.axis + 1);
  const int64_t count = ElementCount(node.input_shape(1));
  const DType index_type = node.input(1).dtype;
  const int64_t bytes = around.inner * SizeOf(node.output().dtype);
  return MakeLoopStep([=](const LoopMemory& memory) {
    memory.pool->ParallelRun(around.outer * count, [&](int64_t i) {
      const int64_t entry =
          NearestEntry(memory, 1, index_type, i % count, around.length);
      const int64_t source = i / count * around.length + entry;
      std::memcpy(memory.outputs[0] + i * bytes,
                  memory.inputs[0] + source * bytes, bytes);
    });
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::GatherElements& op,
                                 const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  const Shape x_shape = node.input_shape(0);
  const Shape shape = node.input_shape(1);
  const int64_t extent = x_shape[op.axis];
  const int64_t axis_stride = StridesOf(x_shape)[op.axis];
  Shape other_strides = StridesOf(x_shape);
  other_strides[op.axis] = 0;
  const DType index_type = node.input(1).dtype;
  const size_t bytes = SizeOf(node.output().dtype);
  return MakeLoopStep([=](const LoopMemory& memory) {
    memory.pool->ParallelRun(ElementCount(shape), [&](int64_t i) {
      const int64_t entry = NearestEntry(memory, 1, index_type, i, extent);
      const int64_t source =
          OffsetOf(i, shape, other_strides) + entry * axis_stride;
      std::memcpy(memory.outputs[0] + i * bytes,
                  memory.inputs[0] + source * bytes, bytes);
    });
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::GatherNd& op,
                                 const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  const Shape x_shape = node.input_shape(0);
  const Shape x_strides = StridesOf(x_shape);
  const Shape shape = node.input_shape(1);
  const int64_t coordinates = shape.back();
  const int first = op.batch_dims;
  const int behind = first + static_cast<int>(coordinates);
  const int64_t lookups = ElementCount(shape) / coordinates;
  const int64_t batches = Around(shape, first, first).outer;
  // Entries of x in one batch, and what one lookup copies.
  const int64_t batch_stride = Around(x_shape, first, first).inner;
  const int64_t bytes =
      Around(x_shape, behind, behind).inner * SizeOf(node.output().dtype);
  const int64_t element_bytes = SizeOf(node.output().dtype);
  const DType index_type = node.input(1).dtype;
  if (lookups == 0 || bytes == 0) {
    return MakeLoopStep([](const LoopMemory&) {});
  }
  const int64_t lookups_per_batch = lookups / batches;
  return MakeLoopStep([=](const LoopMemory& memory) {
    memory.pool->ParallelRun(lookups, [&](int64_t i) {
      int64_t source = i / lookups_per_batch * batch_stride;
      for (int64_t c = 0; c < coordinates; ++c) {
        const int64_t axis = first + c;
        source +=
            x_strides[axis] * NearestEntry(memory, 1, index_type,
                                           i * coordinates + c, x_shape[axis]);
      }
      std::memcpy(memory.outputs[0] + i * bytes,
                  memory.inputs[0] + source * element_bytes, bytes);
    });
  });
}

}  // namespace octet::reference
