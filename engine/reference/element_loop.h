// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_ELEMENT_LOOP_H_
#define OCTET_ENGINE_REFERENCE_ELEMENT_LOOP_H_

#include <cstdint>

#include "engine/base/shape.h"
#include "engine/base/thread_pool.h"
#include "engine/reference/loop_step.h"

namespace octet::reference {

// A step that calls compute(memory, begin, end) for ranges of the output's
// elements.
template <typename Compute>
StepPtr MakeElementLoop(const NodeTypes& node, Compute compute) {
  const int64_t size = ElementCount(node.output_shape());
  return MakeLoopStep([size, compute](const LoopMemory& memory) {
    memory.pool->ParallelRanges(size, [&](int64_t begin, int64_t end, int) {
      compute(memory, begin, end);
    });
  });
}

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_ELEMENT_LOOP_H_
