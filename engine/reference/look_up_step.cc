// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "engine/reference/element_loop.h"
#include "engine/reference/steps.h"

namespace octet::reference {

absl::StatusOr<StepPtr> MakeStep(const ir::LookUp& op, const NodeTypes& node) {
  if (node.output().dtype != op.table.dtype()) {
    return node.Unsupported("the table has another type than the output");
  }
  return ForType<uint8_t, int8_t, float>(
      node, op.table.dtype(), [&](auto type) {
        using T = decltype(type);
        return MakeElementLoop(
            node, [table = op.table](const LoopMemory& memory, int64_t begin,
                                     int64_t end) {
              const absl::Span<const T> values = table.data<T>();
              for (int64_t i = begin; i < end; ++i) {
                memory.out<T>()[i] = values[memory.in<uint8_t>(0)[i]];
              }
            });
      });
}

}  // namespace octet::reference
