// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_SHAPE_H_
#define OCTET_ENGINE_BASE_SHAPE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace octet {

// The dimensions of a dense row-major tensor, outermost first. Empty = scalar.
using Shape = std::vector<int64_t>;

// Product of the dimensions; 1 for a scalar.
// REQUIRES: every dimension >= 0 and the product fits int64
// (CheckedElementCount() says so for shapes that come from outside).
int64_t ElementCount(absl::Span<const int64_t> shape);

// ElementCount() for untrusted shapes. INVALID_ARGUMENT when a dimension is
// negative or the product exceeds `limit`.
absl::StatusOr<int64_t> CheckedElementCount(absl::Span<const int64_t> shape,
                                            int64_t limit);

// "[1, 3, 224, 224]"; "[]" for a scalar.
std::string ShapeToString(absl::Span<const int64_t> shape);

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_SHAPE_H_
