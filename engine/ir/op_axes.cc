// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/ir/op.h"

// What operators know of their axes beyond one line.
namespace octet::ir {

bool GivesBool(BinaryKind kind) {
  return kind >= BinaryKind::kEqual && kind <= BinaryKind::kXor;
}

bool GivesBool(UnaryKind kind) {
  return kind >= UnaryKind::kIsNan && kind <= UnaryKind::kNot;
}

bool Resize::MixesRows(InputTypes) const {
  return !sizes.empty() && sizes[0] != 0;
}

void Resize::MoveAxes(const AxisMap& map) {
  sizes = map.Moved(sizes);
  scales = map.Moved(scales);
  if (!roi_begin.empty()) roi_begin = map.Moved(roi_begin);
  if (!roi_end.empty()) roi_end = map.Moved(roi_end);
}

bool Reduce::MixesRows(InputTypes) const {
  return std::find(axes.begin(), axes.end(), 0) != axes.end();
}

void Reduce::MoveAxes(const AxisMap& map) {
  for (int& axis : axes) axis = map.to[axis];
  std::sort(axes.begin(), axes.end());
}

void Slice::MoveAxes(const AxisMap& map) {
  starts = map.Moved(starts);
  steps = map.Moved(steps);
  sizes = map.Moved(sizes);
}

void Pad::MoveAxes(const AxisMap& map) {
  begin = map.Moved(begin);
  end = map.Moved(end);
}

bool Gather::MixesRows(InputTypes inputs) const {
  // Rows of a table may be picked by anybody; rows of data may not.
  return axis == 0 && HasRows(inputs[0].dims);
}

}  // namespace octet::ir
