// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/broadcast.h"

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"

namespace octet::simd {

absl::StatusOr<Broadcast> Broadcast::Create(const Shape& output,
                                            const std::vector<Shape>& inputs) {
  Broadcast result;
  result.inputs_ = static_cast<int>(inputs.size());
  OCTET_CHECK(result.inputs_ >= 1 && result.inputs_ <= kMaxInputs);
  result.size_ = ElementCount(output);
  // Innermost first.
  std::vector<Axis> axes;
  std::array<int64_t, kMaxInputs> dense;
  dense.fill(1);
  for (size_t back = 1; back <= output.size(); ++back) {
    Axis axis;
    axis.size = output[output.size() - back];
    for (int i = 0; i < result.inputs_; ++i) {
      const Shape& shape = inputs[i];
      if (back > shape.size()) continue;
      const int64_t size = shape[shape.size() - back];
      if (size != 1) axis.strides[i] = dense[i];
      dense[i] *= size;
    }
    if (axis.size == 1) continue;
    bool merges = !axes.empty();
    for (int i = 0; i < result.inputs_ && merges; ++i) {
      const Axis& inner = axes.back();
      merges = axis.strides[i] == inner.strides[i] * inner.size;
    }
    if (merges) {
      axes.back().size *= axis.size;
    } else {
      axes.push_back(axis);
    }
  }
  if (axes.empty()) return result;
  result.length_ = std::max<int64_t>(axes[0].size, 1);
  result.step_ = axes[0].strides;
  result.axes_ = static_cast<int>(axes.size()) - 1;
  if (result.axes_ > kMaxAxes) {
    return absl::UnimplementedError(absl::StrCat(
        "broadcast: ", axes.size(),
        " axes that cannot be merged; expected up to ", kMaxAxes + 1));
  }
  std::reverse_copy(axes.begin() + 1, axes.end(), result.outer_.begin());
  return result;
}

Broadcast::Place Broadcast::PlaceOf(int64_t row) const {
  Place place;
  for (int k = axes_; k-- > 0;) {
    place.index[k] = row % outer_[k].size;
    row /= outer_[k].size;
    for (int i = 0; i < inputs_; ++i) {
      place.at[i] += place.index[k] * outer_[k].strides[i];
    }
  }
  return place;
}

void Broadcast::Advance(Place& place) const {
  for (int k = axes_; k-- > 0;) {
    const Axis& axis = outer_[k];
    const bool wraps = ++place.index[k] == axis.size;
    const int64_t steps = wraps ? 1 - axis.size : 1;
    for (int i = 0; i < inputs_; ++i) place.at[i] += steps * axis.strides[i];
    if (!wraps) return;
    place.index[k] = 0;
  }
}

}  // namespace octet::simd
