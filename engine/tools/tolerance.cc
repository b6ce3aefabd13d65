// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/tolerance.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/tools/elements.h"

namespace octet::tools {
namespace {

// How far beyond what is allowed an element is: 0 when it is close, infinity
// when one of the two is no finite number and the other is something else.
double Excess(double got, double expected, const Tolerance& tolerance) {
  if (got == expected || (std::isnan(got) && std::isnan(expected))) return 0;
  if (!std::isfinite(got) || !std::isfinite(expected)) {
    return std::numeric_limits<double>::infinity();
  }
  const double allowed =
      tolerance.absolute + tolerance.relative * std::abs(expected);
  const double difference = std::abs(got - expected);
  if (difference <= allowed) return 0;
  return allowed > 0 ? difference / allowed : difference;
}

// The position of the element `index` in row-major order.
std::string Position(int64_t index, const Shape& shape) {
  Shape position(shape.size());
  for (size_t axis = shape.size(); axis-- > 0;) {
    position[axis] = index % shape[axis];
    index /= shape[axis];
  }
  return ShapeToString(position);
}

}  // namespace

absl::Status CheckClose(const Tensor& got, const Tensor& expected,
                        const Tolerance& tolerance) {
  if (got.dtype() != expected.dtype() || got.shape() != expected.shape()) {
    return absl::InvalidArgumentError(
        absl::StrCat("got ", Name(got.dtype()), " ", ShapeToString(got.shape()),
                     "; expected ", Name(expected.dtype()), " ",
                     ShapeToString(expected.shape())));
  }
  const bool is_float = IsFloat(expected.dtype());
  const size_t element_bytes = SizeOf(expected.dtype());
  const std::vector<double> a = ToDoubles(got);
  const std::vector<double> b = ToDoubles(expected);
  int64_t wrong = 0;
  int64_t worst = 0;
  double worst_excess = -1;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double excess = 0;
    if (is_float) {
      excess = Excess(a[i], b[i], tolerance);
      if (excess == 0) continue;
    } else {
      // Compared as bytes: a double does not hold every 64-bit integer.
      if (std::memcmp(got.bytes() + i * element_bytes,
                      expected.bytes() + i * element_bytes,
                      element_bytes) == 0) {
        continue;
      }
      excess = std::abs(a[i] - b[i]);
    }
    ++wrong;
    if (excess > worst_excess) {
      worst_excess = excess;
      worst = i;
    }
  }
  if (wrong == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "%d of %d elements differ, most at %s: got %.9g; expected %.9g", wrong,
      expected.size(), Position(worst, expected.shape()), a[worst], b[worst]));
}

}  // namespace octet::tools
