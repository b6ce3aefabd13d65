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
  std::vector<size_t> placed;
  for (size_t id : by_size) {
    std::vector<std::pair<size_t, size_t>> taken;  // begin, end
    for (size_t other : placed) {
      if (!Overlap(buffers[id], buffers[other])) continue;
      const size_t begin = plan.offsets[other];
      taken.emplace_back(begin, begin + Aligned(buffers[other].bytes));
    }
    std::sort(taken.begin(), taken.end());
    const size_t bytes = Aligned(buffers[id].bytes);
    size_t offset = 0;
    for (const auto& [begin, end] : taken) {
      if (offset + bytes <= begin) break;
      offset = std::max(offset, end);
    }
    plan.offsets[id] = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + bytes);
    placed.push_back(id);
  }
  return plan;
}

}  // namespace octet::plan
