// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PLAN_MEMORY_PLAN_H_
#define OCTET_ENGINE_PLAN_MEMORY_PLAN_H_

#include <cstddef>
#include <vector>

namespace octet::plan {

// A stretch of memory that must not be shared while it is in use.
struct BufferLife {
  size_t bytes = 0;
  int first_step = 0;  // first and last step that touch it, both included
  int last_step = 0;
};

// Where each buffer lies in one arena.
struct MemoryPlan {
  std::vector<size_t> offsets;  // one per buffer, multiples of 64
  size_t arena_bytes = 0;
};

// Packs buffers so that two whose lives overlap never share a byte: largest
// first, each at the lowest offset that is free during its life (greedy by
// size; Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
// Inference", 2020, section 5). Buffers of 0 bytes still get a valid offset.
MemoryPlan PlanMemory(const std::vector<BufferLife>& buffers);

}  // namespace octet::plan

#endif  // OCTET_ENGINE_PLAN_MEMORY_PLAN_H_
