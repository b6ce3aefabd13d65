// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/indexed_copy.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/simd/copy_runs.h"

namespace octet::simd {
namespace {

// Whether every entry is taken, in order.
bool IsWhole(const std::vector<int64_t>& entries, int64_t size) {
  if (static_cast<int64_t>(entries.size()) != size) return false;
  for (int64_t i = 0; i < size; ++i) {
    if (entries[i] != i) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<IndexedCopy> IndexedCopy::Create(
    const IndexedCopyParams& params) {
  const size_t rank = params.sizes.size();
  if (params.element_bytes < 1 || params.entries.size() != rank) {
    return absl::InvalidArgumentError(absl::StrCat(
        "indexed copy: elements of ", params.element_bytes, " bytes, ",
        params.entries.size(), " lists of entries for ", rank, " axes"));
  }
  IndexedCopy copy;
  copy.run_bytes_ = params.element_bytes;
  int64_t from = params.element_bytes;
  int64_t to = params.element_bytes;
  for (size_t axis = rank; axis-- > 0;) {
    const int64_t size = params.sizes[axis];
    const std::vector<int64_t>& entries = params.entries[axis];
    for (int64_t entry : entries) {
      if (entry >= 0 && entry < size) continue;
      return absl::InvalidArgumentError(absl::StrCat("indexed copy: entry ",
                                                     entry, " of axis ", axis,
                                                     ", which has ", size));
    }
    const auto count = static_cast<int64_t>(entries.size());
    if (copy.axes_.empty() && IsWhole(entries, size)) {
      copy.run_bytes_ *= size;
    } else {
      Axis next;
      next.to = to;
      for (int64_t entry : entries) next.from.push_back(entry * from);
      copy.axes_.push_back(std::move(next));
    }
    from *= size;
    to *= count;
  }
  if (copy.axes_.empty()) copy.axes_.push_back({{0}, copy.run_bytes_});
  std::reverse(copy.axes_.begin(), copy.axes_.end());
  copy.bytes_ = to;
  copy.work_items_ =
      to == 0 ? 0 : static_cast<int64_t>(copy.axes_[0].from.size());
  return copy;
}

void IndexedCopy::WriteAxis(size_t index, const std::byte* x,
                            std::byte* y) const {
  if (index == axes_.size()) {
    std::memcpy(y, x, run_bytes_);
    return;
  }
  const Axis& axis = axes_[index];
  if (index + 1 == axes_.size()) {
    CopyRunsFrom(run_bytes_, x, axis.from.data(), axis.from.size(), y);
    return;
  }
  for (size_t i = 0; i < axis.from.size(); ++i) {
    WriteAxis(index + 1, x + axis.from[i],
              y + static_cast<int64_t>(i) * axis.to);
  }
}

void IndexedCopy::Run(const void* x, void* y, int64_t begin,
                      int64_t end) const {
  const auto* from = static_cast<const std::byte*>(x);
  auto* to = static_cast<std::byte*>(y);
  for (int64_t i = begin; i < end; ++i) {
    WriteAxis(1, from + axes_[0].from[i], to + i * axes_[0].to);
  }
}

}  // namespace octet::simd
