// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/reference/broadcast.h"
#include "engine/reference/steps.h"

namespace octet::reference {

absl::StatusOr<StepPtr> MakeStep(const ir::Where&, const NodeTypes& node) {
  // Elements are only moved: one loop for each width.
  auto make = [&](auto type) {
    using T = decltype(type);
    return MakeLoopStep(
        [choice = Broadcast<3>(node)](const LoopMemory& memory) {
          const bool* condition = memory.in<bool>(0);
          const T* a = memory.in<T>(1);
          const T* b = memory.in<T>(2);
          T* y = memory.out<T>();
          choice.ForEach(memory.pool,
                         [&](int64_t i, const std::array<int64_t, 3>& at) {
                           y[i] = condition[at[0]] ? a[at[1]] : b[at[2]];
                         });
        });
  };
  switch (SizeOf(node.output().dtype)) {
    case 1:
      return make(uint8_t());
    case 2:
      return make(uint16_t());
    case 4:
      return make(uint32_t());
    default:
      return make(uint64_t());
  }
}

}  // namespace octet::reference
