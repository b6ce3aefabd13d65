// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_STRIDED_VIEW_H_
#define OCTET_ENGINE_IR_STRIDED_VIEW_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/ir/graph.h"

namespace octet::ir {

// Which elements of a row-major tensor, the source, a chain of Reshape,
// Transpose and Slice shows, and in which order: an offset, and for each axis
// how many elements of the source lie from one entry to the next.
//
// Exporters split channels by such chains (ShuffleNet's [rows, 2c, h, w] ->
// [rows*c, 2, h*w] -> [2, rows*c, h*w] -> [2, rows, c, h, w] -> one of the two
// is every other channel), which take the rows from the front in between.
class StridedView {
 public:
  // All of a tensor of these dimensions. Nothing if a dimension is 0, one
  // behind the first carries rows, or the elements pass int64.
  static std::optional<StridedView> Of(const Dims& source);

  // This view seen through `op`. Nothing if that is none of the three, or does
  // not read it at equal distances.
  std::optional<StridedView> Through(const Op& op) const;

  // The one Slice of the source that shows the same elements in the same order;
  // its result has the view's dimensions but for axes of 1. Nothing if there is
  // none.
  std::optional<Slice> AsSlice() const;

 private:
  struct Axis {
    Dim size;
    Dim stride;  // `per_row`: times the number of rows
  };

  std::optional<StridedView> Reshaped(const Dims& dims) const;
  std::optional<StridedView> Transposed(const std::vector<int>& perm) const;
  std::optional<StridedView> Sliced(const Slice& slice) const;

  std::vector<Axis> source_;
  std::vector<Axis> axes_;
  int64_t offset_ = 0;
};

// Whether `op` is a Reshape, Transpose or Slice.
bool MovesView(const Op& op);

// One Slice, of another value, that does what a chain of nodes does.
struct SliceOfValue {
  ValueId source = -1;
  Slice slice;
};

// The Slice that `node` and the nodes before it are together: a chain that has
// a Transpose in it, as short as there is, from a value that leads with rows
// or has none. Nothing if there is no such chain.
std::optional<SliceOfValue> FindSliceOfChain(const Graph& graph,
                                             const GraphIndex& index,
                                             const Node& node);

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_STRIDED_VIEW_H_
