// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_BROADCAST_H_
#define OCTET_ENGINE_REFERENCE_BROADCAST_H_

#include <array>
#include <cstdint>

#include "engine/base/shape.h"
#include "engine/base/thread_pool.h"
#include "engine/reference/loop_step.h"
#include "engine/reference/strides.h"

namespace octet::reference {

// The `kInputs` tensors of a node broadcast to its output, walked along the
// rows of the last axis.
template <int kInputs>
class Broadcast {
 public:
  explicit Broadcast(const NodeTypes& node) : rows_(node.output_shape()) {
    for (int i = 0; i < kInputs; ++i) {
      strides_[i] = BroadcastStrides(node.input_shape(i), rows_);
    }
    if (rows_.empty()) return;
    length_ = rows_.back();
    rows_.pop_back();
    for (int i = 0; i < kInputs; ++i) {
      steps_[i] = strides_[i].back();
      strides_[i].pop_back();
    }
  }

  // Calls combine(index of output, indices of inputs) for all elements.
  template <typename Combine>
  void ForEach(ThreadPool* pool, Combine combine) const {
    pool->ParallelRun(ElementCount(rows_), [&](int64_t row) {
      std::array<int64_t, kInputs> at;
      for (int i = 0; i < kInputs; ++i) {
        at[i] = OffsetOf(row, rows_, strides_[i]);
      }
      for (int64_t i = 0; i < length_; ++i) {
        combine(row * length_ + i, at);
        for (int j = 0; j < kInputs; ++j) at[j] += steps_[j];
      }
    });
  }

 private:
  Shape rows_;  // the output's shape without its last axis
  std::array<Shape, kInputs> strides_;
  int64_t length_ = 1;
  std::array<int64_t, kInputs> steps_ = {};
};

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_BROADCAST_H_
