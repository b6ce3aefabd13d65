// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/comparison.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/tools/elements.h"

namespace octet::tools {
namespace {

// Sums of squares over any number of tensors.
class NoiseMeter {
 public:
  void Add(absl::Span<const double> a, absl::Span<const double> b) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (std::isfinite(a[i])) signal_ += a[i] * a[i];
      if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
      noise_ += (a[i] - b[i]) * (a[i] - b[i]);
      identical_ = false;
    }
  }

  bool identical() const { return identical_; }
  double Db() const {
    if (identical_) return kInfiniteDb;
    return BoundedDb(10 * std::log10(signal_ / noise_));
  }

 private:
  double signal_ = 0;
  double noise_ = 0;
  bool identical_ = true;
};

// The index of the first largest element; NaN is never the largest.
int64_t ArgMax(absl::Span<const double> values) {
  int64_t best = 0;
  for (size_t i = 1; i < values.size(); ++i) {
    if (values[i] > values[best] || std::isnan(values[best])) best = i;
  }
  return best;
}

// The class of each row.
std::vector<int64_t> Classes(const Tensor& output, int64_t rows,
                             bool drop_first_class) {
  const std::vector<double> values = ToDoubles(output);
  const size_t width = values.size() / rows;
  const size_t first = drop_first_class ? 1 : 0;
  std::vector<int64_t> classes(rows);
  for (int64_t row = 0; row < rows; ++row) {
    classes[row] = ArgMax(absl::MakeConstSpan(values).subspan(
        row * width + first, width - first));
  }
  return classes;
}

double ShareEqual(const std::vector<int64_t>& a,
                  const std::vector<int64_t>& b) {
  int64_t equal = 0;
  for (size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
  return static_cast<double>(equal) / a.size();
}

absl::StatusOr<std::vector<const Tensor*>> Paired(
    absl::Span<const NamedTensor> a, absl::Span<const NamedTensor> b) {
  if (a.empty() || a.size() != b.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the first model has ", a.size(), " outputs, the second ",
                     b.size(), "; expected as many, at least one"));
  }
  std::vector<const Tensor*> by_name;
  for (const NamedTensor& wanted : a) {
    for (const NamedTensor& candidate : b) {
      if (candidate.name != wanted.name) continue;
      by_name.push_back(&candidate.tensor);
      break;
    }
  }
  if (by_name.size() == a.size()) return by_name;
  std::vector<const Tensor*> in_order;
  for (const NamedTensor& named : b) in_order.push_back(&named.tensor);
  return in_order;
}

absl::Status CheckFits(const NamedTensor& a, const Tensor& b, int64_t rows) {
  const Shape& shape_a = a.tensor.shape();
  const Shape& shape_b = b.shape();
  if (!shape_a.empty() && !shape_b.empty() && shape_a[0] == rows &&
      shape_b[0] == rows && rows > 0 && a.tensor.size() == b.size()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("output '", a.name, "' has shape ", ShapeToString(shape_a),
                   " in the first model and ", ShapeToString(shape_b),
                   " in the second; expected as many rows and elements"));
}

absl::Status CheckLabels(const std::vector<int64_t>& labels, int64_t rows,
                         int64_t classes) {
  if (static_cast<int64_t>(labels.size()) != rows) {
    return absl::InvalidArgumentError(absl::StrCat("there are ", labels.size(),
                                                   " labels for ", rows,
                                                   " rows; expected as many"));
  }
  for (size_t row = 0; row < labels.size(); ++row) {
    if (labels[row] >= 0 && labels[row] < classes) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the label of row ", row, " is ", labels[row],
                     "; the first output has classes 0 to ", classes - 1));
  }
  return absl::OkStatus();
}

}  // namespace

double BoundedDb(double sqnr_db) {
  if (std::isnan(sqnr_db)) return -kInfiniteDb;
  return std::clamp(sqnr_db, -kInfiniteDb, kInfiniteDb);
}

double SqnrDb(absl::Span<const double> a, absl::Span<const double> b) {
  NoiseMeter meter;
  meter.Add(a, b);
  return meter.Db();
}

absl::StatusOr<Comparison> Compare(absl::Span<const NamedTensor> a,
                                   absl::Span<const NamedTensor> b,
                                   const ComparisonOptions& options) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<const Tensor*> paired, Paired(a, b));
  Comparison result;
  result.rows = a[0].tensor.shape().empty() ? 0 : a[0].tensor.shape()[0];
  NoiseMeter meter;
  for (size_t i = 0; i < a.size(); ++i) {
    OCTET_RETURN_IF_ERROR(CheckFits(a[i], *paired[i], result.rows));
    meter.Add(ToDoubles(a[i].tensor), ToDoubles(*paired[i]));
  }
  result.sqnr_db = meter.Db();
  result.identical = meter.identical();

  const int64_t classes =
      a[0].tensor.size() / result.rows - (options.drop_first_class ? 1 : 0);
  if (classes < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "output '", a[0].name, "' has shape ",
        ShapeToString(a[0].tensor.shape()), ": no class is left in a row",
        options.drop_first_class ? "; leave --drop-first-class away" : ""));
  }
  const auto classes_a =
      Classes(a[0].tensor, result.rows, options.drop_first_class);
  const auto classes_b =
      Classes(*paired[0], result.rows, options.drop_first_class);
  result.agreement = ShareEqual(classes_a, classes_b);
  if (options.labels) {
    OCTET_RETURN_IF_ERROR(CheckLabels(*options.labels, result.rows, classes));
    result.top1_a = ShareEqual(classes_a, *options.labels);
    result.top1_b = ShareEqual(classes_b, *options.labels);
  }
  return result;
}

}  // namespace octet::tools
