// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// Channel `c` of one row of the batch; `inner` elements lie behind each other
// in a channel.
void NormalizeChannel(const ir::Lrn& op, const AroundAxis& around,
                      const float* x, float* y, int64_t c) {
  // ONNX: floor((size - 1) / 2) channels in front, ceil of it behind.
  const int64_t before = (op.size - 1) / 2;
  const int64_t behind = op.size - 1 - before;
  const int64_t begin = std::max<int64_t>(0, c - before);
  const int64_t end = std::min(around.length, c + behind + 1);
  const double alpha =
      static_cast<double>(op.alpha) / static_cast<double>(op.size);
  for (int64_t i = 0; i < around.inner; ++i) {
    double sum = 0;
    for (int64_t k = begin; k < end; ++k) {
      const double value = x[k * around.inner + i];
      sum += value * value;
    }
    const int64_t at = c * around.inner + i;
    y[at] =
        static_cast<float>(x[at] / std::pow(op.bias + alpha * sum, op.beta));
  }
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Lrn& op, const NodeTypes& node) {
  absl::Status floats = node.ExpectDType(DType::kFloat32, 1);
  if (!floats.ok()) return floats;
  const AroundAxis around = Around(node.input_shape(0), op.axis, op.axis + 1);
  return MakeLoopStep([op, around](const LoopMemory& memory) {
    memory.pool->ParallelRun(around.outer * around.length, [&](int64_t index) {
      const int64_t row = index / around.length * around.length * around.inner;
      NormalizeChannel(op, around, memory.in<float>(0) + row,
                       memory.out<float>() + row, index % around.length);
    });
  });
}

}  // namespace octet::reference
