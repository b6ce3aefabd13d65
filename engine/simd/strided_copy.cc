// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/strided_copy.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/simd/copy_runs.h"
#include "engine/simd/kernels.h"

namespace octet::simd {
namespace {

// Pieces that one memcpy is cut into for several threads.
constexpr int64_t kPieceBytes = int64_t{1} << 16;
// Bytes along the crosswise axis of one item: whole cache lines of the input.
constexpr int64_t kBlockBytes = 64;

bool IsWord(int64_t bytes) {
  return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8;
}

}  // namespace

absl::StatusOr<StridedCopy> StridedCopy::Create(const StridedCopyParams& params,
                                                Isa isa) {
  if (!IsWord(params.element_bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("copy: elements of ", params.element_bytes,
                     " bytes; expected 1, 2, 4 or 8"));
  }
  if (params.sizes.size() != params.strides.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("copy: ", params.sizes.size(), " sizes and ",
                     params.strides.size(), " strides; expected one each"));
  }
  StridedCopy copy(internal::KernelsFor(isa));
  copy.bytes_ = ElementCount(params.sizes) * params.element_bytes;
  copy.offset_ = params.offset * params.element_bytes;
  if (copy.bytes_ == 0) return copy;
  std::vector<Axis> axes = MergedAxes(params);
  if (axes.size() > kMaxAxes) {
    return absl::UnimplementedError(absl::StrCat(
        "copy: ", axes.size(), " axes that cannot be merged; expected up to ",
        int{kMaxAxes}));
  }
  copy.ChooseWay(params.element_bytes, std::move(axes));
  return copy;
}

// The axes, outermost first, without those of size 1 and with each merged into
// the next where the input's rows follow each other as the output's do.
std::vector<StridedCopy::Axis> StridedCopy::MergedAxes(
    const StridedCopyParams& params) {
  std::vector<Axis> axes;
  for (size_t i = 0; i < params.sizes.size(); ++i) {
    const int64_t size = params.sizes[i];
    const int64_t from = params.strides[i] * params.element_bytes;
    if (size == 1) continue;
    if (!axes.empty() && axes.back().from == from * size) {
      axes.back() = {axes.back().size * size, from, 0};
    } else {
      axes.push_back({size, from, 0});
    }
  }
  int64_t to = params.element_bytes;
  for (size_t i = axes.size(); i-- > 0;) {
    axes[i].to = to;
    to *= axes[i].size;
  }
  return axes;
}

void StridedCopy::ChooseWay(int64_t element_bytes, std::vector<Axis> axes) {
  run_bytes_ = element_bytes;
  if (!axes.empty() && axes.back().from == run_bytes_) {
    run_bytes_ *= axes.back().size;
    axes.pop_back();
  }
  if (axes.empty()) {
    way_ = Way::kWhole;
    work_items_ = (bytes_ + kPieceBytes - 1) / kPieceBytes;
    return;
  }
  way_ = Way::kRuns;
  inner_ = axes.back();
  axes.pop_back();
  if (inner_.from == 2 * run_bytes_ && (run_bytes_ == 1 || run_bytes_ == 4)) {
    way_ = Way::kSecond;
  }
  const auto neighbours =
      std::find_if(axes.begin(), axes.end(),
                   [&](const Axis& axis) { return axis.from == run_bytes_; });
  if (IsWord(run_bytes_) && inner_.from != 0 && neighbours != axes.end()) {
    way_ = Way::kTurned;
    crosswise_ = *neighbours;
    axes.erase(neighbours);
    const int64_t block = kBlockBytes / run_bytes_;
    blocks_ = (crosswise_.size + block - 1) / block;
  }
  axes_ = static_cast<int>(axes.size());
  std::copy(axes.begin(), axes.end(), outer_.begin());
  work_items_ = blocks_;
  for (const Axis& axis : axes) work_items_ *= axis.size;
}

StridedCopy::Place StridedCopy::PlaceOf(int64_t outer) const {
  Place place;
  for (int i = axes_; i-- > 0;) {
    place.index[i] = outer % outer_[i].size;
    outer /= outer_[i].size;
    place.from += place.index[i] * outer_[i].from;
    place.to += place.index[i] * outer_[i].to;
  }
  return place;
}

void StridedCopy::Advance(Place& place) const {
  for (int i = axes_; i-- > 0;) {
    place.from += outer_[i].from;
    place.to += outer_[i].to;
    if (++place.index[i] < outer_[i].size) return;
    place.index[i] = 0;
    place.from -= outer_[i].size * outer_[i].from;
    place.to -= outer_[i].size * outer_[i].to;
  }
}

void StridedCopy::TurnBlock(const std::byte* x, std::byte* y,
                            int64_t block) const {
  const int64_t rows = kBlockBytes / run_bytes_;
  const int64_t first = block * rows;
  internal::TransposeTask task;
  task.x = x + first * crosswise_.from;
  task.x_stride = inner_.from;
  task.y = y + first * crosswise_.to;
  task.y_stride = crosswise_.to;
  task.rows = std::min(rows, crosswise_.size - first);
  task.columns = inner_.size;
  task.word_bytes = static_cast<int>(run_bytes_);
  kernels_->transpose(task);
}

void StridedCopy::Run(const void* x, void* y, int64_t begin,
                      int64_t end) const {
  const std::byte* from = static_cast<const std::byte*>(x) + offset_;
  auto* to = static_cast<std::byte*>(y);
  if (begin >= end) return;
  if (way_ == Way::kWhole) {
    const int64_t first = begin * kPieceBytes;
    std::memcpy(to + first, from + first,
                std::min(end * kPieceBytes, bytes_) - first);
    return;
  }
  Place place = PlaceOf(begin / blocks_);
  int64_t block = begin % blocks_;
  for (int64_t item = begin; item < end; ++item) {
    if (way_ == Way::kSecond) {
      kernels_->every_second({from + place.from, to + place.to, inner_.size,
                              static_cast<int>(run_bytes_)});
    } else if (way_ == Way::kRuns) {
      CopyRuns(run_bytes_, from + place.from, inner_.from, inner_.size,
               to + place.to, run_bytes_);
    } else {
      TurnBlock(from + place.from, to + place.to, block);
    }
    if (++block == blocks_) {
      block = 0;
      Advance(place);
    }
  }
}

}  // namespace octet::simd
