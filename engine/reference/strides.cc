// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/strides.h"

namespace octet::reference {

Shape StridesOf(const Shape& shape) {
  Shape strides(shape.size());
  int64_t stride = 1;
  for (size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

Shape BroadcastStrides(const Shape& shape, const Shape& target) {
  const Shape own = StridesOf(shape);
  const size_t missing = target.size() - shape.size();
  Shape strides(target.size(), 0);
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] != 1) strides[missing + axis] = own[axis];
  }
  return strides;
}

int64_t OffsetOf(int64_t index, const Shape& shape, const Shape& strides) {
  int64_t offset = 0;
  for (size_t axis = shape.size(); axis-- > 0;) {
    offset += index % shape[axis] * strides[axis];
    index /= shape[axis];
  }
  return offset;
}

AroundAxis Around(const Shape& shape, int begin, int end) {
  AroundAxis around;
  for (int axis = 0; axis < static_cast<int>(shape.size()); ++axis) {
    (axis < begin ? around.outer
     : axis < end ? around.length
                  : around.inner) *= shape[axis];
  }
  return around;
}

}  // namespace octet::reference
