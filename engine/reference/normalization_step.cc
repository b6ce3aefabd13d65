// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "engine/base/status_macros.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// One layer normalization; `scale` and `bias` may be null.
void NormalizeOne(const ir::LayerNorm& op, const float* x, int64_t length,
                  const float* scale, const float* bias, float* y) {
  double mean = 0;
  if (op.subtract_mean) {
    for (int64_t i = 0; i < length; ++i) mean += x[i];
    mean /= static_cast<double>(length);
  }
  double squares = 0;
  for (int64_t i = 0; i < length; ++i) {
    squares += (x[i] - mean) * (x[i] - mean);
  }
  const double deviation =
      std::sqrt(squares / static_cast<double>(length) + op.epsilon);
  for (int64_t i = 0; i < length; ++i) {
    double value = (x[i] - mean) / deviation;
    if (scale != nullptr) value *= scale[i];
    if (bias != nullptr) value += bias[i];
    y[i] = static_cast<float>(value);
  }
}

// One element of a local response normalization: channel `c` of the channels
// that start at `x` and are `inner` apart.
float RespondOne(const ir::Lrn& op, const float* x, int64_t c,
                 const AroundAxis& around) {
  const int64_t first = std::max<int64_t>(0, c - (op.size - 1) / 2);
  const int64_t last = std::min(around.length - 1, c + op.size / 2);
  double squares = 0;
  for (int64_t i = first; i <= last; ++i) {
    const double value = x[i * around.inner];
    squares += value * value;
  }
  const double base =
      op.bias + static_cast<double>(op.alpha) / op.size * squares;
  return static_cast<float>(x[c * around.inner] /
                            std::pow(base, static_cast<double>(op.beta)));
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::BatchNorm& op,
                                 const NodeTypes& node) {
  if (node.input_shape(0).size() < 2) {
    return node.Unsupported("the input has no channel axis");
  }
  const AroundAxis around = Around(node.input_shape(0), 1, 2);
  return ForType<float, double>(node, node.input(0).dtype, [&](auto type) {
    using T = decltype(type);
    return MakeLoopStep([around,
                         epsilon = op.epsilon](const LoopMemory& memory) {
      memory.pool->ParallelRun(around.outer * around.length, [&](int64_t i) {
        const int64_t c = i % around.length;
        const double gamma = memory.in<T>(1)[c];
        const double beta = memory.in<T>(2)[c];
        const double mean = memory.in<T>(3)[c];
        const double deviation =
            std::sqrt(static_cast<double>(memory.in<T>(4)[c]) + epsilon);
        const T* x = memory.in<T>(0);
        T* y = memory.out<T>();
        for (int64_t j = i * around.inner; j < (i + 1) * around.inner; ++j) {
          y[j] = static_cast<T>((x[j] - mean) / deviation * gamma + beta);
        }
      });
    });
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::LayerNorm& op,
                                 const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectDType(DType::kFloat32, node.input_count()));
  const Shape shape = node.input_shape(0);
  const AroundAxis around =
      Around(shape, op.axis, static_cast<int>(shape.size()));
  return MakeLoopStep([op, around](const LoopMemory& memory) {
    const float* scale = op.has_scale ? memory.in<float>(1) : nullptr;
    const float* bias =
        op.has_bias ? memory.in<float>(op.has_scale ? 2 : 1) : nullptr;
    memory.pool->ParallelRun(around.outer, [&](int64_t i) {
      const int64_t first = i * around.length;
      NormalizeOne(op, memory.in<float>(0) + first, around.length, scale, bias,
                   memory.out<float>() + first);
    });
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::Lrn& op, const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectDType(DType::kFloat32, 1));
  const AroundAxis around = Around(node.input_shape(0), 1, 2);
  return MakeLoopStep([op, around](const LoopMemory& memory) {
    memory.pool->ParallelRun(around.outer * around.inner, [&](int64_t i) {
      const int64_t first =
          i / around.inner * around.length * around.inner + i % around.inner;
      for (int64_t c = 0; c < around.length; ++c) {
        memory.out<float>()[first + c * around.inner] =
            RespondOne(op, memory.in<float>(0) + first, c, around);
      }
    });
  });
}

}  // namespace octet::reference
