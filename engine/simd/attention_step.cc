// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/broadcast.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/float_kernels.h"
#include "engine/simd/steps.h"

namespace octet::simd {
namespace {

// Queries that are computed together: whole tiles of 4 or 6 rows.
constexpr int64_t kBlock = 12;

// Where head h of item b lies, and its rows: b * item + h * head + row *
// stride.
struct HeadLayout {
  int64_t item = 0;
  int64_t head = 0;
  int64_t stride = 0;

  HeadLayout() = default;
  HeadLayout(const Shape& shape, bool heads_inner)
      : item(shape[1] * shape[2] * shape[3]),
        head(heads_inner ? shape[3] : shape[2] * shape[3]),
        stride(heads_inner ? shape[2] * shape[3] : shape[3]) {}

  int64_t Of(int64_t b, int64_t h) const { return b * item + h * head; }
};

// One Attention for fixed shapes. Work is counted in blocks of queries of one
// head; a thread keeps the keys of its head turned in its scratch.
struct AttentionKernel {
  const internal::FloatKernels* kernels = nullptr;
  HeadLayout q, k, v, y;
  int64_t heads = 0;
  int64_t queries = 0;
  int64_t keys = 0;
  int64_t depth = 0;
  int64_t width = 0;
  float scale = 1;
  bool has_mask = false;
  int64_t mask[4] = {};  // strides of its axes

  int64_t blocks() const { return (queries + kBlock - 1) / kBlock; }
  // Floats: the turned keys, and the weights of a block.
  int64_t scratch() const { return (depth + kBlock) * keys; }

  void TurnKeys(const float* from, float* turned) const {
    for (int64_t n = 0; n < keys; ++n) {
      for (int64_t d = 0; d < depth; ++d) {
        turned[d * keys + n] = scale * from[n * k.stride + d];
      }
    }
  }

  void AddMask(const float* from, int64_t rows, float* weights) const {
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t n = 0; n < keys; ++n) {
        weights[r * keys + n] += from[r * mask[2] + n * mask[3]];
      }
    }
  }

  void Run(const plan::Bindings& bindings, int64_t begin, int64_t end,
           float* turned) const {
    const auto input = [&](int i) {
      return reinterpret_cast<const float*>(bindings.inputs[i]);
    };
    float* weights = turned + depth * keys;
    int64_t head = -1;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t b = i / blocks() / heads;
      const int64_t h = i / blocks() % heads;
      const int64_t first = i % blocks() * kBlock;
      const int64_t rows = std::min(kBlock, queries - first);
      if (i / blocks() != head) {
        head = i / blocks();
        TurnKeys(input(1) + k.Of(b, h), turned);
      }
      internal::RowProductTask product;
      product.a = input(0) + q.Of(b, h) + first * q.stride;
      product.a_stride = q.stride;
      product.rows = rows;
      product.depth = depth;
      product.b = turned;
      product.b_stride = keys;
      product.columns = keys;
      product.y = weights;
      product.y_stride = keys;
      kernels->row_product(product);
      if (has_mask) {
        AddMask(input(3) + b * mask[0] + h * mask[1] + first * mask[2], rows,
                weights);
      }
      kernels->softmax({weights, weights, keys, 1, rows, false});
      product.a = weights;
      product.a_stride = keys;
      product.depth = keys;
      product.b = input(2) + v.Of(b, h);
      product.b_stride = v.stride;
      product.columns = width;
      product.y = reinterpret_cast<float*>(bindings.outputs[0]) + y.Of(b, h) +
                  first * y.stride;
      product.y_stride = y.stride;
      kernels->row_product(product);
    }
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateAttentionStep(
    const plan::StepRequest& request, const ir::Attention& op) {
  const auto shape = [&](ir::ValueId id) {
    return ir::ConcreteShape(request.graph.type(id).dims);
  };
  const Shape q = shape(request.node.inputs[0]);
  const Shape v = shape(request.node.inputs[2]);
  const int heads_axis = op.heads_inner ? 2 : 1;
  AttentionKernel kernel;
  kernel.kernels = &internal::FloatKernelsFor(ActiveIsa());
  kernel.q = HeadLayout(q, op.heads_inner);
  kernel.k = HeadLayout(shape(request.node.inputs[1]), op.heads_inner);
  kernel.v = HeadLayout(v, op.heads_inner);
  kernel.y = HeadLayout(shape(request.node.outputs[0]), op.heads_inner);
  kernel.heads = q[heads_axis];
  kernel.queries = q[3 - heads_axis];
  kernel.keys = v[3 - heads_axis];
  kernel.depth = q[3];
  kernel.width = v[3];
  kernel.scale = op.scale;
  kernel.has_mask = op.has_mask;
  if (op.has_mask) {
    const Shape mask = shape(request.node.inputs[3]);
    int64_t stride = 1;
    for (int axis = 3; axis >= 0; --axis) {
      kernel.mask[axis] = mask[axis] == 1 ? 0 : stride;
      stride *= mask[axis];
    }
  }
  const int64_t items = q[0] * kernel.heads * kernel.blocks();
  // Rounded up, so that no two threads share a cache line.
  const int64_t scratch = (kernel.scratch() + 15) / 16 * 16;
  const size_t bytes = scratch * sizeof(float) * request.threads;
  return MakeKernelStep(
      absl::StrCat("simd:attention:", IsaName(ActiveIsa())), bytes,
      [kernel, items, scratch](const plan::Bindings& bindings) {
        auto* memory = reinterpret_cast<float*>(bindings.scratch);
        bindings.pool->ParallelRanges(
            items, [&](int64_t begin, int64_t end, int thread) {
              kernel.Run(bindings, begin, end, memory + thread * scratch);
            });
      });
}

}  // namespace octet::simd
