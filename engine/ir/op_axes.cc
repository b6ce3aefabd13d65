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

bool Resize::MixesRows(InputTypes, int rows) const {
  return !sizes.empty() && sizes[rows] != 0;
}

void Resize::MoveAxes(const AxisMap& map) {
  sizes = map.Moved(sizes);
  scales = map.Moved(scales);
  if (!roi_begin.empty()) roi_begin = map.Moved(roi_begin);
  if (!roi_end.empty()) roi_end = map.Moved(roi_end);
}

bool Reduce::MixesRows(InputTypes, int rows) const {
  return std::find(axes.begin(), axes.end(), rows) != axes.end();
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

bool Gather::MixesRows(InputTypes inputs, int rows) const {
  if (!HasRows(inputs[0].dims)) {
    // Rows of a table may be picked by anybody; rows of data may not.
    return rows > 0;
  }
  return axis == rows || (rows > 0 && HasRows(inputs[1].dims));
}

bool MatMul::MixesRows(InputTypes inputs, int rows) const {
  // Each row of a matrix gives one of the result, wherever it lies.
  return rows > 0 && (rows + 1 >= static_cast<int>(inputs[0].dims.size()) ||
                      inputs[1].dims.size() != 2 || HasRows(inputs[1].dims));
}

}  // namespace octet::ir
