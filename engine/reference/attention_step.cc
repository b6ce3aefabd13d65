// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// The strides of [B, H, M, D] in a tensor laid out either way.
Shape HeadStrides(const Shape& shape, bool heads_inner) {
  Shape strides = StridesOf(shape);
  if (heads_inner) std::swap(strides[1], strides[2]);
  return strides;
}

// Attention as the formula has it, sums in double.
struct AttentionLoop {
  int64_t heads = 0;    // H
  int64_t queries = 0;  // M
  int64_t keys = 0;     // N
  int64_t depth = 0;    // D
  int64_t width = 0;    // E
  double scale = 1;
  bool has_mask = false;
  Shape q, k, v, y, mask;  // strides

  // Query `m` of head `h` of item `b`; `weights` has `keys` entries.
  void Run(const LoopMemory& memory, int64_t b, int64_t h, int64_t m,
           float* weights) const {
    const float* query = memory.in<float>(0) + b * q[0] + h * q[1] + m * q[2];
    double largest = -std::numeric_limits<double>::infinity();
    for (int64_t n = 0; n < keys; ++n) {
      const float* key = memory.in<float>(1) + b * k[0] + h * k[1] + n * k[2];
      double sum = 0;
      for (int64_t d = 0; d < depth; ++d) {
        sum += static_cast<double>(query[d]) * static_cast<double>(key[d]);
      }
      double score = sum * scale;
      if (has_mask) {
        score += static_cast<double>(memory.in<float>(
            3)[b * mask[0] + h * mask[1] + m * mask[2] + n * mask[3]]);
      }
      weights[n] = static_cast<float>(score);
      largest = std::max(largest, static_cast<double>(weights[n]));
    }
    double total = 0;
    for (int64_t n = 0; n < keys; ++n) {
      const double power = std::exp(static_cast<double>(weights[n]) - largest);
      weights[n] = static_cast<float>(power);
      total += power;
    }
    float* result = memory.out<float>() + b * y[0] + h * y[1] + m * y[2];
    for (int64_t e = 0; e < width; ++e) {
      double sum = 0;
      for (int64_t n = 0; n < keys; ++n) {
        const float* value =
            memory.in<float>(2) + b * v[0] + h * v[1] + n * v[2];
        sum += static_cast<double>(weights[n]) * static_cast<double>(value[e]);
      }
      result[e] = static_cast<float>(sum / total);
    }
  }
};

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Attention& op,
                                 const NodeTypes& node) {
  OCTET_RETURN_IF_ERROR(node.ExpectDType(DType::kFloat32, node.input_count()));
  AttentionLoop loop;
  const auto strides = [&](int i) {
    return HeadStrides(node.input_shape(i), op.heads_inner);
  };
  loop.q = strides(0);
  loop.k = strides(1);
  loop.v = strides(2);
  loop.y = HeadStrides(node.output_shape(), op.heads_inner);
  const int heads_axis = op.heads_inner ? 2 : 1;
  const Shape q = node.input_shape(0);
  const Shape v = node.input_shape(2);
  loop.heads = q[heads_axis];
  loop.queries = q[3 - heads_axis];
  loop.keys = v[3 - heads_axis];
  loop.depth = q[3];
  loop.width = v[3];
  loop.scale = static_cast<double>(op.scale);
  loop.has_mask = op.has_mask;
  if (op.has_mask) {
    loop.mask = BroadcastStrides(node.input_shape(3),
                                 {q[0], loop.heads, loop.queries, loop.keys});
  }
  const int64_t batch = q[0];
  const int threads = node.threads();
  const size_t scratch = sizeof(float) * loop.keys * threads;
  return MakeLoopStep(
      [loop, batch](const LoopMemory& memory) {
        const int64_t rows = batch * loop.heads * loop.queries;
        memory.pool->ParallelRanges(
            rows, [&](int64_t begin, int64_t end, int thread) {
              float* weights =
                  reinterpret_cast<float*>(memory.scratch) + thread * loop.keys;
              for (int64_t row = begin; row < end; ++row) {
                loop.Run(memory, row / loop.queries / loop.heads,
                         row / loop.queries % loop.heads, row % loop.queries,
                         weights);
              }
            });
      },
      scratch);
}

}  // namespace octet::reference
