// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_BROADCAST_H_
#define OCTET_ENGINE_SIMD_BROADCAST_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/shape.h"

namespace octet::simd {

// Dense tensors that broadcast to one, as numpy does, walked along rows of the
// output: axes that are one in all of them are merged, so that equal shapes
// are a single row. Along a row each input moves on by one or stays.
// Immutable and thread-safe.
class Broadcast {
 public:
  static constexpr int kMaxInputs = 3;
  static constexpr int kMaxAxes = 8;

  // REQUIRES: 1 to kMaxInputs shapes, each of which broadcasts to `output`.
  // UNIMPLEMENTED  more than kMaxAxes axes that cannot be merged.
  static absl::StatusOr<Broadcast> Create(const Shape& output,
                                          const std::vector<Shape>& inputs);

  int64_t size() const { return size_; }  // of the output, elements
  int64_t row_length() const { return length_; }
  // Whether input `i` stays where it is along a row.
  bool repeats(int i) const { return length_ > 1 && step_[i] == 0; }

  // Calls row(index of output, indices of inputs, length) for pieces of rows
  // that together are elements [begin, end) of the output.
  template <typename Row>
  void ForRows(int64_t begin, int64_t end, Row row) const {
    if (begin >= end) return;
    Place place = PlaceOf(begin / length_);
    int64_t first = begin % length_;
    while (begin < end) {
      const int64_t count = std::min(length_ - first, end - begin);
      std::array<int64_t, kMaxInputs> at = place.at;
      for (int i = 0; i < inputs_; ++i) at[i] += first * step_[i];
      row(begin, at, count);
      begin += count;
      first = 0;
      Advance(place);
    }
  }

 private:
  struct Axis {
    int64_t size = 1;
    std::array<int64_t, kMaxInputs> strides = {};  // elements; 0: repeats
  };
  // Where a row starts.
  struct Place {
    std::array<int64_t, kMaxAxes> index = {};
    std::array<int64_t, kMaxInputs> at = {};
  };

  Place PlaceOf(int64_t row) const;
  void Advance(Place& place) const;

  int inputs_ = 0;
  int axes_ = 0;  // outside of the rows
  std::array<Axis, kMaxAxes> outer_;
  int64_t length_ = 1;
  std::array<int64_t, kMaxInputs> step_ = {};
  int64_t size_ = 0;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_BROADCAST_H_
