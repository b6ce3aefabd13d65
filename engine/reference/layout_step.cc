// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

// Operators that move elements without looking at them: any dtype, by size.
namespace octet::reference {
namespace {

// Copies rows (along the last axis) of the output from where `strides` and
// `base` say that they are in the input, in elements.
struct StridedCopy {
  Shape rows;          // the output's shape without its last axis
  Shape row_strides;   // in the input, one per axis of `rows`
  int64_t length = 1;  // of a row
  int64_t stride = 1;  // in the input
  int64_t base = 0;

  StridedCopy(Shape output, Shape strides, int64_t base) : base(base) {
    if (output.empty()) return;
    length = output.back();
    stride = strides.back();
    output.pop_back();
    strides.pop_back();
    rows = std::move(output);
    row_strides = std::move(strides);
  }

  template <typename Word>
  void Run(const LoopMemory& memory) const {
    const Word* x = memory.in<Word>(0);
    Word* y = memory.out<Word>();
    memory.pool->ParallelRun(ElementCount(rows), [&](int64_t row) {
      const int64_t first = base + OffsetOf(row, rows, row_strides);
      for (int64_t i = 0; i < length; ++i) {
        y[row * length + i] = x[first + i * stride];
      }
    });
  }
};

StepPtr MakeCopyStep(StridedCopy copy, size_t element_bytes) {
  return MakeLoopStep(
      [copy = std::move(copy), element_bytes](const LoopMemory& memory) {
        switch (element_bytes) {
          case 1:
            return copy.Run<uint8_t>(memory);
          case 2:
            return copy.Run<uint16_t>(memory);
          case 4:
            return copy.Run<uint32_t>(memory);
          default:
            return copy.Run<uint64_t>(memory);
        }
      });
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Concat& op, const NodeTypes& node) {
  const size_t element_bytes = SizeOf(node.output().dtype);
  // Bytes that each input adds to a slice of the output.
  std::vector<int64_t> block_bytes;
  int64_t slice_bytes = 0;
  int64_t outer = 0;
  for (int i = 0; i < node.input_count(); ++i) {
    OCTET_RETURN_IF_ERROR(node.ExpectMoved(i));
    const AroundAxis around = Around(node.input_shape(i), op.axis, op.axis + 1);
    outer = around.outer;
    block_bytes.push_back(around.length * around.inner * element_bytes);
    slice_bytes += block_bytes.back();
  }
  return MakeLoopStep([=](const LoopMemory& memory) {
    memory.pool->ParallelRun(outer, [&](int64_t slice) {
      std::byte* y = memory.outputs[0] + slice * slice_bytes;
      for (size_t i = 0; i < block_bytes.size(); ++i) {
        std::memcpy(y, memory.inputs[i] + slice * block_bytes[i],
                    block_bytes[i]);
        y += block_bytes[i];
      }
    });
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::Slice& op, const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  const Shape x_strides = StridesOf(node.input_shape(0));
  Shape strides(x_strides.size());
  int64_t base = 0;
  for (size_t axis = 0; axis < strides.size(); ++axis) {
    base += op.starts[axis] * x_strides[axis];
    strides[axis] = op.steps[axis] * x_strides[axis];
  }
  return MakeCopyStep(StridedCopy(node.output_shape(), strides, base),
                      SizeOf(node.output().dtype));
}

absl::StatusOr<StepPtr> MakeStep(const ir::Transpose& op,
                                 const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  const Shape x_strides = StridesOf(node.input_shape(0));
  Shape strides;
  for (int axis : op.perm) strides.push_back(x_strides[axis]);
  return MakeCopyStep(StridedCopy(node.output_shape(), strides, 0),
                      SizeOf(node.output().dtype));
}

absl::StatusOr<StepPtr> MakeStep(const ir::Reshape& op, const NodeTypes& node) {
  static_cast<void>(op);
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  const size_t bytes =
      ElementCount(node.output_shape()) * SizeOf(node.output().dtype);
  return MakeLoopStep([bytes](const LoopMemory& memory) {
    // A plan may give both the same memory.
    std::memmove(memory.outputs[0], memory.inputs[0], bytes);
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::Expand& op, const NodeTypes& node) {
  static_cast<void>(op);
  OCTET_RETURN_IF_ERROR(node.ExpectMoved(0));
  const Shape shape = node.output_shape();
  return MakeCopyStep(
      StridedCopy(shape, BroadcastStrides(node.input_shape(0), shape), 0),
      SizeOf(node.output().dtype));
}

}  // namespace octet::reference
