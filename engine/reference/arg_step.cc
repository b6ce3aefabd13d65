// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include "engine/base/status_macros.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// The elements along one axis, `stride` apart.
template <typename T>
struct Line {
  const T* first;
  int64_t stride;

  T operator[](int64_t i) const { return first[i * stride]; }
};

// Line `i` of [outer, length, inner]: where its first element is.
int64_t FirstOf(const AroundAxis& around, int64_t i) {
  return i / around.inner * around.length * around.inner + i % around.inner;
}

// Whether `a` comes before `b` among the largest or smallest. NaN counts as the
// largest number, as numpy sorts it, so that this is an order.
template <typename T>
bool Before(bool largest, T a, T b) {
  const bool a_is_nan = a != a;
  const bool b_is_nan = b != b;
  if (a_is_nan || b_is_nan) {
    return largest ? a_is_nan && !b_is_nan : b_is_nan && !a_is_nan;
  }
  return largest ? a > b : a < b;
}

// ONNX leaves NaN open; as numpy has it, the first one is the answer.
template <typename T>
int64_t FindBest(const ir::ArgReduce& op, const Line<T>& line, int64_t length) {
  int64_t best = 0;
  for (int64_t i = 1; i < length; ++i) {
    if (line[best] != line[best]) return best;
    const bool better = line[i] != line[i] ||
                        Before(op.largest, line[i], line[best]) ||
                        (op.last_index && line[i] == line[best]);
    if (better) best = i;
  }
  return best;
}

template <typename T>
void SelectTop(const ir::TopK& op, const Line<T>& line, int64_t length,
               int64_t* order) {
  for (int64_t i = 0; i < length; ++i) order[i] = i;
  std::partial_sort(order, order + op.k, order + length,
                    [&](int64_t i, int64_t j) {
                      if (Before(op.largest, line[i], line[j])) return true;
                      if (Before(op.largest, line[j], line[i])) return false;
                      return i < j;
                    });
}

template <typename Make>
absl::StatusOr<StepPtr> ForNumber(const NodeTypes& node, Make make) {
  return ForType<float, double, int8_t, uint8_t, int16_t, uint16_t, int32_t,
                 uint32_t, int64_t, uint64_t>(node, node.input(0).dtype, make);
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::ArgReduce& op,
                                 const NodeTypes& node) {
  const AroundAxis around = Around(node.input_shape(0), op.axis, op.axis + 1);
  return ForNumber(node, [&](auto type) {
    using T = decltype(type);
    return MakeLoopStep([op, around](const LoopMemory& memory) {
      memory.pool->ParallelRun(around.outer * around.inner, [&](int64_t i) {
        const Line<T> line = {memory.in<T>(0) + FirstOf(around, i),
                              around.inner};
        memory.out<int64_t>()[i] = FindBest(op, line, around.length);
      });
    });
  });
}

absl::StatusOr<StepPtr> MakeStep(const ir::TopK& op, const NodeTypes& node) {
  const AroundAxis from = Around(node.input_shape(0), op.axis, op.axis + 1);
  const AroundAxis to = Around(node.output_shape(0), op.axis, op.axis + 1);
  // Each thread's order of one line.
  const size_t scratch_bytes =
      node.threads() * static_cast<size_t>(from.length) * sizeof(int64_t);
  return ForNumber(node, [&](auto type) {
    using T = decltype(type);
    auto loop = [op, from, to](const LoopMemory& memory) {
      auto run = [&](int64_t begin, int64_t end, int thread) {
        int64_t* order =
            reinterpret_cast<int64_t*>(memory.scratch) + thread * from.length;
        for (int64_t i = begin; i < end; ++i) {
          const Line<T> line = {memory.in<T>(0) + FirstOf(from, i), from.inner};
          SelectTop(op, line, from.length, order);
          const int64_t first = FirstOf(to, i);
          for (int64_t j = 0; j < op.k; ++j) {
            memory.out<T>(0)[first + j * to.inner] = line[order[j]];
            memory.out<int64_t>(1)[first + j * to.inner] = order[j];
          }
        }
      };
      memory.pool->ParallelRanges(from.outer * from.inner, run);
    };
    return MakeLoopStep(loop, scratch_bytes);
  });
}

}  // namespace octet::reference
