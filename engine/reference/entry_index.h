// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_ENTRY_INDEX_H_
#define OCTET_ENGINE_REFERENCE_ENTRY_INDEX_H_

#include <algorithm>
#include <cstdint>

#include "engine/base/dtype.h"
#include "engine/reference/loop_step.h"

// Indices that come with the data, as Gather and Scatter read them: int32 or
// int64, negative ones counted from the end.
namespace octet::reference {

// Element `i` of input `input`, an index into `extent` entries. It may still
// be out of range.
inline int64_t EntryIndex(const LoopMemory& memory, int input, DType dtype,
                          int64_t i, int64_t extent) {
  const int64_t index = dtype == DType::kInt32 ? memory.in<int32_t>(input)[i]
                                               : memory.in<int64_t>(input)[i];
  return index < 0 ? index + extent : index;
}

// The same, the nearest one in range. REQUIRES: extent > 0.
inline int64_t NearestEntry(const LoopMemory& memory, int input, DType dtype,
                            int64_t i, int64_t extent) {
  return std::clamp<int64_t>(EntryIndex(memory, input, dtype, i, extent), 0,
                             extent - 1);
}

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_ENTRY_INDEX_H_
