// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/resize.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace octet::simd {
namespace {

absl::Status ExpectTaps(const plan::ResizeTaps& taps, int64_t inputs,
                        int64_t outputs) {
  bool fits = taps.taps >= 1 && inputs >= 1 && outputs >= 1 &&
              taps.outside.empty() &&
              static_cast<int64_t>(taps.first.size()) == outputs &&
              static_cast<int64_t>(taps.weights.size()) == outputs * taps.taps;
  for (int64_t first : taps.first) {
    fits = fits && first >= 0 && first + taps.taps <= inputs;
  }
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("taps do not fit an axis of ",
                                                 inputs,
                                                 " elements that "
                                                 "becomes one of ",
                                                 outputs));
}

// One element of each column, `T` wide.
template <typename T>
void PickColumns(const std::byte* x, const std::vector<int64_t>& columns,
                 std::byte* y) {
  const T* from = reinterpret_cast<const T*>(x);
  T* to = reinterpret_cast<T*>(y);
  for (size_t i = 0; i < columns.size(); ++i) to[i] = from[columns[i]];
}

void PickColumns(const std::byte* x, const std::vector<int64_t>& columns,
                 int64_t bytes, std::byte* y) {
  switch (bytes) {
    case 1:
      return PickColumns<uint8_t>(x, columns, y);
    case 2:
      return PickColumns<uint16_t>(x, columns, y);
    case 4:
      return PickColumns<uint32_t>(x, columns, y);
    case 8:
      return PickColumns<uint64_t>(x, columns, y);
    default:
      for (size_t i = 0; i < columns.size(); ++i) {
        std::memcpy(y + static_cast<int64_t>(i) * bytes, x + columns[i] * bytes,
                    bytes);
      }
  }
}

// y = sum of weights[t] * x[t * stride], `count` elements of each. Plain loops
// that the compiler makes vectors of.
void Blend(const float* x, int64_t stride, const float* weights, int64_t taps,
           int64_t count, float* y) {
  if (taps == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] = weights[0] * x[i];
    return;
  }
  const float* second = x + stride;
  for (int64_t i = 0; i < count; ++i) {
    y[i] = weights[0] * x[i] + weights[1] * second[i];
  }
  for (int64_t t = 2; t < taps; ++t) {
    const float* tap = x + t * stride;
    for (int64_t i = 0; i < count; ++i) y[i] += weights[t] * tap[i];
  }
}

}  // namespace

absl::StatusOr<Resize> Resize::Create(ResizeParams params) {
  const int64_t bytes = params.element_bytes;
  if (params.outer < 0 || params.inner < 1 ||
      (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8)) {
    return absl::InvalidArgumentError(
        absl::StrCat(params.outer, " images of ", params.inner, " channels of ",
                     bytes, " bytes"));
  }
  absl::Status rows = ExpectTaps(params.row_taps, params.rows, params.out_rows);
  if (!rows.ok()) return rows;
  absl::Status columns =
      ExpectTaps(params.column_taps, params.columns, params.out_columns);
  if (!columns.ok()) return columns;
  Resize resize(std::move(params));
  if (!resize.copies() && bytes != 4) {
    return absl::InvalidArgumentError(
        absl::StrCat("taps to add up of ", bytes, " bytes; expected float32"));
  }
  return resize;
}

Resize::Resize(ResizeParams params)
    : params_(std::move(params)),
      row_weights_(params_.row_taps.weights.begin(),
                   params_.row_taps.weights.end()),
      column_weights_(params_.column_taps.weights.begin(),
                      params_.column_taps.weights.end()) {}

int64_t Resize::bytes() const {
  return params_.outer * params_.inner * params_.element_bytes *
         (params_.rows * params_.columns +
          params_.out_rows * params_.out_columns);
}

int64_t Resize::scratch_floats() const {
  return copies() ? 0 : params_.columns * params_.inner;
}

void Resize::Run(const std::byte* x, std::byte* y, float* scratch,
                 int64_t begin, int64_t end) const {
  const int64_t pixel = params_.inner * params_.element_bytes;
  const int64_t x_row = params_.columns * pixel;
  const int64_t y_row = params_.out_columns * pixel;
  int64_t previous = -1;
  for (int64_t item = begin; item < end; ++item) {
    const int64_t row = item % params_.out_rows;
    const int64_t first =
        item / params_.out_rows * params_.rows + params_.row_taps.first[row];
    if (!copies()) {
      BlendRow(reinterpret_cast<const float*>(x + first * x_row),
               reinterpret_cast<float*>(y + item * y_row), scratch, row);
    } else if (first == previous) {
      std::memcpy(y + item * y_row, y + (item - 1) * y_row, y_row);
    } else {
      CopyRow(x + first * x_row, y + item * y_row);
    }
    previous = first;
  }
}

void Resize::CopyRow(const std::byte* x, std::byte* y) const {
  PickColumns(x, params_.column_taps.first,
              params_.inner * params_.element_bytes, y);
}

// `x` is the first of the rows that row `row` of the output is made of.
void Resize::BlendRow(const float* x, float* y, float* scratch,
                      int64_t row) const {
  const int64_t inner = params_.inner;
  const int64_t length = params_.columns * inner;
  const int64_t row_taps = params_.row_taps.taps;
  Blend(x, length, row_weights_.data() + row * row_taps, row_taps, length,
        scratch);
  const int64_t taps = params_.column_taps.taps;
  for (int64_t o = 0; o < params_.out_columns; ++o) {
    Blend(scratch + params_.column_taps.first[o] * inner, inner,
          column_weights_.data() + o * taps, taps, inner, y + o * inner);
  }
}

}  // namespace octet::simd
