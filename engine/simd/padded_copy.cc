// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/padded_copy.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace octet::simd {

absl::StatusOr<PaddedCopy> PaddedCopy::Create(const PaddedCopyParams& params) {
  const int64_t word = params.element_bytes;
  const size_t rank = params.sizes.size();
  if (word != 1 && word != 2 && word != 4 && word != 8) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pad: elements of ", word, " bytes; expected 1, 2, 4 or 8"));
  }
  if (params.begin.size() != rank || params.end.size() != rank) {
    return absl::InvalidArgumentError(
        absl::StrCat("pad: ", params.begin.size(), " and ", params.end.size(),
                     " borders for ", rank, " axes; expected one each"));
  }
  PaddedCopy copy;
  copy.element_bytes_ = word;
  copy.fill_ = params.fill;
  copy.axes_.push_back(Axis());
  for (size_t i = 0; i < rank; ++i) {
    const Axis axis = {params.sizes[i], params.begin[i], params.end[i]};
    if (axis.begin < 0 || axis.end < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("pad: borders of ", axis.begin, " and ", axis.end,
                       " on axis ", i, "; expected none below 0"));
    }
    Axis& last = copy.axes_.back();
    const bool bordered = axis.begin > 0 || axis.end > 0;
    // The outermost axis is what threads share, so it is not the innermost.
    if (bordered || copy.axes_.size() == 1) {
      copy.axes_.push_back(axis);
    } else {
      last = {last.size * axis.size, last.begin * axis.size,
              last.end * axis.size};
    }
  }
  if (copy.axes_.size() == 1) copy.axes_.push_back(Axis());
  // An axis of one without a border shares nothing out.
  if (copy.axes_.size() > 2 && copy.axes_[0].padded() == 1) {
    copy.axes_.erase(copy.axes_.begin());
  }
  int64_t from = word;
  int64_t to = word;
  for (size_t i = copy.axes_.size(); i-- > 0;) {
    copy.axes_[i].from = from;
    copy.axes_[i].to = to;
    from *= copy.axes_[i].size;
    to *= copy.axes_[i].padded();
  }
  copy.bytes_ = to;
  copy.work_items_ = to == 0 ? 0 : copy.axes_[0].padded();
  return copy;
}

void PaddedCopy::Fill(std::byte* y, int64_t bytes) const {
  if (bytes == 0) return;
  if (element_bytes_ == 1) {
    std::memset(y, static_cast<int>(fill_[0]), bytes);
    return;
  }
  // One element, then twice as many each time.
  std::memcpy(y, fill_.data(), element_bytes_);
  for (int64_t done = element_bytes_; done < bytes;) {
    const int64_t next = std::min(done, bytes - done);
    std::memcpy(y + done, y, next);
    done += next;
  }
}

void PaddedCopy::WriteAxis(size_t index, const std::byte* x,
                           std::byte* y) const {
  const Axis& axis = axes_[index];
  Fill(y, axis.begin * axis.to);
  y += axis.begin * axis.to;
  if (index + 1 == axes_.size()) {
    if (axis.size > 0) std::memcpy(y, x, axis.size * axis.to);
  } else {
    for (int64_t i = 0; i < axis.size; ++i) {
      WriteAxis(index + 1, x + i * axis.from, y + i * axis.to);
    }
  }
  Fill(y + axis.size * axis.to, axis.end * axis.to);
}

void PaddedCopy::Run(const void* x, void* y, int64_t begin, int64_t end) const {
  const auto* from = static_cast<const std::byte*>(x);
  auto* to = static_cast<std::byte*>(y);
  const Axis& outer = axes_[0];
  for (int64_t i = begin; i < end; ++i) {
    const int64_t source = i - outer.begin;
    if (source < 0 || source >= outer.size) {
      Fill(to + i * outer.to, outer.to);
    } else {
      WriteAxis(1, from + source * outer.from, to + i * outer.to);
    }
  }
}

}  // namespace octet::simd
