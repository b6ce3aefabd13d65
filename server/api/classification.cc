// SPDX-License-Identifier: Apache-2.0
#include "server/api/classification.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/dtype.h"
#include "engine/base/half_types.h"
#include "server/models/class_labels.h"
#include "server/models/loaded_model.h"

namespace octet {
namespace {

void AppendElement(const std::string& text, std::string* bytes) {
  const auto size = static_cast<uint32_t>(text.size());
  bytes->append(reinterpret_cast<const char*>(&size), sizeof(size));
  bytes->append(text);
}

template <typename T>
std::string ValueText(T value) {
  if constexpr (!std::is_floating_point_v<T>) {
    return absl::StrCat(value);
  } else {
    // Written out, a large number would have hundreds of digits.
    constexpr double kLargestWrittenOut = 1e15;
    return std::fabs(value) < kLargestWrittenOut ? absl::StrFormat("%f", value)
                                                 : absl::StrFormat("%g", value);
  }
}

// Whether `a` comes before `b`; NaN after everything.
template <typename T>
bool Above(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a);
  }
  return a > b;
}

// How many classes are wanted, and what they are called.
struct Wanted {
  int64_t classes;
  const ClassLabels* labels;  // may be null
};

template <typename T>
void ClassifyRow(const std::vector<T>& values, const Wanted& wanted,
                 std::string* bytes) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + wanted.classes, order.end(),
                    [&values](int64_t a, int64_t b) {
                      if (Above(values[a], values[b])) return true;
                      if (Above(values[b], values[a])) return false;
                      return a < b;
                    });
  for (int64_t i = 0; i < wanted.classes; ++i) {
    std::string text = absl::StrCat(ValueText(values[order[i]]), ":", order[i]);
    if (wanted.labels != nullptr && !wanted.labels->of(order[i]).empty()) {
      absl::StrAppend(&text, ":", wanted.labels->of(order[i]));
    }
    AppendElement(text, bytes);
  }
}

// `convert` makes an element as it is stored a number that compares.
template <typename Stored, typename Convert>
std::string ClassifyAs(const TensorSpec& spec, const void* data, int64_t rows,
                       const Wanted& wanted, Convert convert) {
  const int64_t elements = spec.row_elements();
  std::vector<Stored> stored(elements);
  std::vector<decltype(convert(Stored()))> values(elements);
  std::string bytes;
  for (int64_t row = 0; row < rows; ++row) {
    // Copied, for the rows need not be aligned.
    std::memcpy(stored.data(),
                static_cast<const char*>(data) + row * spec.row_bytes(),
                spec.row_bytes());
    std::transform(stored.begin(), stored.end(), values.begin(), convert);
    ClassifyRow(values, wanted, &bytes);
  }
  return bytes;
}

template <typename T>
std::string ClassifyNumbers(const TensorSpec& spec, const void* data,
                            int64_t rows, const Wanted& wanted) {
  return ClassifyAs<T>(spec, data, rows, wanted, [](T value) { return value; });
}

}  // namespace

std::string Classify(const TensorSpec& spec, const void* data, int64_t rows,
                     int64_t classes, const ClassLabels* labels) {
  const Wanted wanted = {classes, labels};
  switch (spec.dtype) {
    case DType::kFloat32:
      return ClassifyNumbers<float>(spec, data, rows, wanted);
    case DType::kFloat64:
      return ClassifyNumbers<double>(spec, data, rows, wanted);
    case DType::kFloat16:
      return ClassifyAs<uint16_t>(spec, data, rows, wanted, FloatFromHalf);
    case DType::kBFloat16:
      return ClassifyAs<uint16_t>(spec, data, rows, wanted, FloatFromBFloat16);
    case DType::kInt8:
      return ClassifyAs<int8_t>(spec, data, rows, wanted,
                                [](int8_t value) { return int{value}; });
    case DType::kUInt8:
    case DType::kBool:
      return ClassifyAs<uint8_t>(spec, data, rows, wanted,
                                 [](uint8_t value) { return int{value}; });
    case DType::kInt16:
      return ClassifyNumbers<int16_t>(spec, data, rows, wanted);
    case DType::kUInt16:
      return ClassifyNumbers<uint16_t>(spec, data, rows, wanted);
    case DType::kInt32:
      return ClassifyNumbers<int32_t>(spec, data, rows, wanted);
    case DType::kUInt32:
      return ClassifyNumbers<uint32_t>(spec, data, rows, wanted);
    case DType::kInt64:
      return ClassifyNumbers<int64_t>(spec, data, rows, wanted);
    case DType::kUInt64:
      return ClassifyNumbers<uint64_t>(spec, data, rows, wanted);
  }
  return "";
}

}  // namespace octet
