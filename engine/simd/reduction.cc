// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/reduction.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octet::simd {
namespace {

double StartOf(ir::ReduceKind kind) {
  switch (kind) {
    case ir::ReduceKind::kProd:
      return 1;
    case ir::ReduceKind::kMax:
      return -std::numeric_limits<double>::infinity();
    case ir::ReduceKind::kMin:
      return std::numeric_limits<double>::infinity();
    default:
      return 0;
  }
}

// The offset of index `index` of `axes`, the last one running fastest.
template <typename Axes>
int64_t OffsetOf(int64_t index, const Axes& axes) {
  int64_t offset = 0;
  for (size_t i = axes.size(); i-- > 0;) {
    offset += index % axes[i].size * axes[i].stride;
    index /= axes[i].size;
  }
  return offset;
}

}  // namespace

absl::StatusOr<Reduction> Reduction::Create(const ReductionParams& params,
                                            Isa isa) {
  const internal::FloatKernels& kernels = internal::FloatKernelsFor(isa);
  Reduction result;
  result.kind_ = params.kind;
  result.row_ = kernels.reduce_row(params.kind);
  result.columns_ = kernels.reduce_columns(params.kind);
  result.input_size_ = ElementCount(params.shape);
  if (result.row_ == nullptr || result.input_size_ == 0) {
    return absl::UnimplementedError("no kernel for this reduction");
  }
  // Innermost first; neighbours of one fate merged.
  bool innermost_goes = true;
  bool last_goes = false;
  bool any = false;
  int64_t stride = 1;
  for (size_t axis = params.shape.size(); axis-- > 0;) {
    const int64_t size = params.shape[axis];
    if (size == 1) continue;
    const bool goes = std::find(params.axes.begin(), params.axes.end(),
                                static_cast<int>(axis)) != params.axes.end();
    std::vector<Axis>& list = goes ? result.go_ : result.stay_;
    if (any && goes == last_goes) {
      list.back().size *= size;
    } else {
      list.push_back({size, stride});
    }
    if (!any) innermost_goes = goes;
    any = true;
    last_goes = goes;
    stride *= size;
    if (goes) result.count_ *= static_cast<double>(size);
  }
  // Along the innermost one; of none, along an axis of one element.
  if (!result.go_.empty()) {
    result.along_ = result.go_.front();
    result.go_.erase(result.go_.begin());
  }
  if (!innermost_goes) {
    result.width_ = result.stay_.front().size;
    result.stay_.erase(result.stay_.begin());
    result.blocks_ = (result.width_ + internal::kReduceColumns - 1) /
                     internal::kReduceColumns;
  }
  std::reverse(result.go_.begin(), result.go_.end());
  std::reverse(result.stay_.begin(), result.stay_.end());
  for (const Axis& axis : result.go_) result.going_ *= axis.size;
  result.work_items_ = result.blocks_;
  for (const Axis& axis : result.stay_) result.work_items_ *= axis.size;
  return result;
}

template <typename Body>
void Reduction::ForGoing(Body body) const {
  for (int64_t i = 0; i < going_; ++i) body(OffsetOf(i, go_));
}

float Reduction::Finish(double sum) const {
  switch (kind_) {
    case ir::ReduceKind::kMean:
      return static_cast<float>(sum / count_);
    case ir::ReduceKind::kL2:
      return static_cast<float>(std::sqrt(sum));
    default:
      return static_cast<float>(sum);
  }
}

void Reduction::RunRow(const float* x, float* y) const {
  double sum = StartOf(kind_);
  ForGoing([&](int64_t offset) { sum = row_(x + offset, along_.size, sum); });
  *y = Finish(sum);
}

void Reduction::RunColumns(const float* x, int columns, float* y) const {
  double sums[internal::kReduceColumns];
  std::fill_n(sums, columns, StartOf(kind_));
  ForGoing([&](int64_t offset) {
    columns_(x + offset, along_.size, along_.stride, columns, sums);
  });
  for (int c = 0; c < columns; ++c) y[c] = Finish(sums[c]);
}

void Reduction::Run(const float* x, float* y, int64_t begin,
                    int64_t end) const {
  for (int64_t item = begin; item < end; ++item) {
    if (width_ == 0) {
      RunRow(x + OffsetOf(item, stay_), y + item);
      continue;
    }
    const int64_t outer = item / blocks_;
    const int64_t first = item % blocks_ * internal::kReduceColumns;
    const auto columns = static_cast<int>(
        std::min<int64_t>(internal::kReduceColumns, width_ - first));
    RunColumns(x + OffsetOf(outer, stay_) + first, columns,
               y + outer * width_ + first);
  }
}

}  // namespace octet::simd
