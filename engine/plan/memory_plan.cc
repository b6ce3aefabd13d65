// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace octet::plan {
namespace {

// A cache line, and the widest vector register.
constexpr size_t kAlignment = 64;

size_t Aligned(size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

bool Overlap(const BufferLife& a, const BufferLife& b) {
  return a.first_step <= b.last_step && b.first_step <= a.last_step;
}

}  // namespace

MemoryPlan PlanMemory(const std::vector<BufferLife>& buffers) {
  std::vector<size_t> by_size(buffers.size());
  std::iota(by_size.begin(), by_size.end(), 0);
  std::stable_sort(by_size.begin(), by_size.end(), [&](size_t a, size_t b) {
    return buffers[a].bytes > buffers[b].bytes;
  });
  MemoryPlan plan;
  plan.offsets.assign(buffers.size(), 0);
  std::vector<size_t> placed;  // by offset
  for (size_t id : by_size) {
    const size_t bytes = Aligned(buffers[id].bytes);
    size_t offset = 0;
    for (size_t other : placed) {
      if (!Overlap(buffers[id], buffers[other])) continue;
      const size_t begin = plan.offsets[other];
      if (offset + bytes <= begin) break;
      offset = std::max(offset, begin + Aligned(buffers[other].bytes));
    }
    plan.offsets[id] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), id,
                                   [&](size_t a, size_t b) {
                                     return plan.offsets[a] < plan.offsets[b];
                                   }),
                  id);
  }
  return plan;
}

}  // namespace octet::plan
