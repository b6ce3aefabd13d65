// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_INDEXED_COPY_H_
#define OCTET_ENGINE_SIMD_INDEXED_COPY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/shape.h"

namespace octet::simd {

// y[i, j, ...] = x[entries[0][i], entries[1][j], ...]: borders that repeat or
// mirror what is inside, or any other choice of whole entries along axes.
struct IndexedCopyParams {
  int64_t element_bytes = 1;
  Shape sizes;                                // of the input
  std::vector<std::vector<int64_t>> entries;  // one list per axis
};

// Made once, immutable, thread-safe.
class IndexedCopy {
 public:
  // INVALID_ARGUMENT  element_bytes, a rank that differs, or an entry that is
  //                   not in the input.
  static absl::StatusOr<IndexedCopy> Create(const IndexedCopyParams& params);

  // The output's size.
  int64_t bytes() const { return bytes_; }

  // Writes items [begin, end) of [0, work_items()), which may be split over
  // threads in any way. The tensors must not overlap and need no alignment.
  int64_t work_items() const { return work_items_; }
  void Run(const void* x, void* y, int64_t begin, int64_t end) const;

 private:
  struct Axis {
    std::vector<int64_t> from;  // bytes into the input
    int64_t to = 1;             // bytes between neighbours in the output
  };

  IndexedCopy() = default;

  void WriteAxis(size_t axis, const std::byte* x, std::byte* y) const;

  std::vector<Axis> axes_;  // at least one
  int64_t run_bytes_ = 1;   // that lie together in both tensors
  int64_t bytes_ = 0;
  int64_t work_items_ = 0;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_INDEXED_COPY_H_
