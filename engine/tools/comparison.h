// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_COMPARISON_H_
#define OCTET_ENGINE_TOOLS_COMPARISON_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"

namespace octet::tools {

// What stands for an infinite signal-to-noise ratio, which JSON cannot hold:
// outputs that are equal have +kInfiniteDb. Two float32 outputs that differ
// anywhere cannot come near it.
inline constexpr double kInfiniteDb = 999;

// How far the answers of model B are from those of model A.
struct Comparison {
  int64_t rows = 0;
  // Share of the rows, 0 to 1, whose largest element of the first output,
  // flattened, has the same index in A and B.
  double agreement = 0;
  // 10 * log10(sum(a^2) / sum((a - b)^2)) over the elements of all outputs,
  // within [-kInfiniteDb, kInfiniteDb].
  double sqnr_db = 0;
  bool identical = false;  // every element equal
  // With labels: share of the rows whose largest element is at the label.
  std::optional<double> top1_a;
  std::optional<double> top1_b;
};

struct ComparisonOptions {
  // The right class of each row, or nothing.
  std::optional<std::vector<int64_t>> labels;
  // Leaves element 0 of each row of the first output out of the argmax, and
  // counts classes from element 1 on: for models with a background class.
  bool drop_first_class = false;
};

// Compares outputs of shape [rows, ...]: those of B by the name of A's where B
// has all of them, else in order.
// INVALID_ARGUMENT when they have not the same rows, outputs or elements, or
// the labels do not fit.
absl::StatusOr<Comparison> Compare(absl::Span<const NamedTensor> a,
                                   absl::Span<const NamedTensor> b,
                                   const ComparisonOptions& options);

// The ratio above for two signals of one length. An element that is the same in
// both, infinity and NaN included, adds no noise.
double SqnrDb(absl::Span<const double> a, absl::Span<const double> b);

// `sqnr_db` within [-kInfiniteDb, kInfiniteDb], NaN as the lower bound.
double BoundedDb(double sqnr_db);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_COMPARISON_H_
