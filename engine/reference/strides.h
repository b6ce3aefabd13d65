// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_STRIDES_H_
#define OCTET_ENGINE_REFERENCE_STRIDES_H_

#include <cstdint>

#include "engine/base/shape.h"

namespace octet::reference {

// Distances, in elements, between neighbours along each axis of a dense
// row-major tensor.
Shape StridesOf(const Shape& shape);

// The strides of `shape` seen as `target`, as numpy broadcasts: 0 along the
// axes that repeat. REQUIRES: shape broadcasts to target.
Shape BroadcastStrides(const Shape& shape, const Shape& target);

// The distance from the first element to the one with row-major index `index`
// in `shape`, in a tensor laid out with `strides` (one per axis of `shape`).
int64_t OffsetOf(int64_t index, const Shape& shape, const Shape& strides);

// A tensor as three axes around one axis (or around several, taken together):
// [outer, length, inner].
struct AroundAxis {
  int64_t outer = 1;
  int64_t length = 1;
  int64_t inner = 1;
};
// Around axes [begin, end) of `shape`.
AroundAxis Around(const Shape& shape, int begin, int end);

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_STRIDES_H_
