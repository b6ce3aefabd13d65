// SPDX-License-Identifier: Apache-2.0
#include "engine/ir/strided_view.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace octet::ir {
namespace {

// Longer chains are not looked at: nobody writes them.
constexpr size_t kLongestChain = 16;

constexpr Dim kOne = {1, false};

// Nothing where it passes int64 or counts rows twice.
std::optional<Dim> Product(const Dim& a, const Dim& b) {
  Dim product{0, a.per_row || b.per_row};
  if ((a.per_row && b.per_row) ||
      __builtin_mul_overflow(a.value, b.value, &product.value)) {
    return std::nullopt;
  }
  return product;
}

}  // namespace

bool MovesView(const Op& op) {
  return std::holds_alternative<Reshape>(op) ||
         std::holds_alternative<Transpose>(op) ||
         std::holds_alternative<Slice>(op);
}

std::optional<StridedView> StridedView::Of(const Dims& source) {
  StridedView view;
  view.axes_.resize(source.size());
  std::optional<Dim> stride = kOne;
  for (size_t i = source.size(); i-- > 0;) {
    if (source[i].value < 1 || (i > 0 && source[i].per_row)) {
      return std::nullopt;
    }
    view.axes_[i] = {source[i], *stride};
    stride = Product(*stride, source[i]);
    if (!stride) return std::nullopt;
  }
  view.source_ = view.axes_;
  return view;
}

std::optional<StridedView> StridedView::Through(const Op& op) const {
  if (const auto* reshape = std::get_if<Reshape>(&op)) {
    return Reshaped(reshape->dims);
  }
  if (const auto* transpose = std::get_if<Transpose>(&op)) {
    return Transposed(transpose->perm);
  }
  if (const auto* slice = std::get_if<Slice>(&op)) return Sliced(*slice);
  return std::nullopt;
}

std::optional<StridedView> StridedView::Transposed(
    const std::vector<int>& perm) const {
  StridedView view = *this;
  for (size_t i = 0; i < perm.size(); ++i) view.axes_[i] = axes_[perm[i]];
  return view;
}

std::optional<StridedView> StridedView::Sliced(const Slice& slice) const {
  StridedView view = *this;
  for (size_t i = 0; i < axes_.size(); ++i) {
    Axis& axis = view.axes_[i];
    if (axis.size.per_row) continue;  // whole, as the rule for Slice has it
    const int64_t start = slice.starts[i];
    const int64_t step = slice.steps[i];
    if (slice.sizes[i] < 1 || step < 1) return std::nullopt;
    if (start != 0 && axis.stride.per_row) return std::nullopt;
    view.offset_ += start * axis.stride.value;
    axis.size = Dim::Fixed(slice.sizes[i]);
    // A single entry has no next one; its stride may be anything.
    if (slice.sizes[i] > 1) axis.stride.value *= step;
  }
  return view;
}

std::optional<StridedView> StridedView::Reshaped(const Dims& dims) const {
  StridedView view = *this;
  view.axes_.assign(dims.size(), {kOne, kOne});
  size_t to = dims.size();  // new axes from here on are done
  size_t from = axes_.size();
  while (from > 0) {
    // Neighbours that lie as one axis would: [first, from).
    const Axis inner = axes_[--from];
    if (inner.size == kOne) continue;
    Dim left = inner.size;
    while (from > 0) {
      const std::optional<Dim> extent = Product(left, inner.stride);
      if (axes_[from - 1].size != kOne &&
          (!extent || axes_[from - 1].stride != *extent)) {
        break;
      }
      const std::optional<Dim> merged = Product(left, axes_[--from].size);
      if (!merged) return std::nullopt;
      left = *merged;
    }
    // Cut into new axes, the innermost first.
    Dim stride = inner.stride;
    while (left != kOne) {
      if (to == 0) return std::nullopt;
      const Dim size = dims[--to];
      if (size.value < 1 || left.value % size.value != 0 ||
          (size.per_row && !left.per_row)) {
        return std::nullopt;
      }
      const std::optional<Dim> next = Product(stride, size);
      if (!next) return std::nullopt;
      view.axes_[to] = {size, stride};
      stride = *next;
      left = {left.value / size.value, left.per_row && !size.per_row};
    }
  }
  const bool ones_left =
      std::all_of(dims.begin(), dims.begin() + static_cast<int64_t>(to),
                  [](const Dim& dim) { return dim == kOne; });
  if (!ones_left) return std::nullopt;
  return view;
}

std::optional<Slice> StridedView::AsSlice() const {
  const size_t rank = source_.size();
  Slice slice{std::vector<int64_t>(rank, 0), std::vector<int64_t>(rank, 1),
              std::vector<int64_t>(rank, 1)};
  // The offset says where each axis starts.
  int64_t offset = offset_;
  for (size_t i = 0; i < rank; ++i) {
    if (source_[i].size.per_row) {
      slice.sizes[i] = 0;
      continue;  // whole
    }
    slice.starts[i] = offset / source_[i].stride.value;
    offset %= source_[i].stride.value;
    if (slice.starts[i] >= source_[i].size.value) return std::nullopt;
  }
  size_t next = 0;  // source axes before this one are taken
  bool rows = source_.empty() || !source_[0].size.per_row;
  for (const Axis& axis : axes_) {
    if (axis.size == kOne) continue;
    // The outermost axis whose entries lie a whole number of steps apart.
    while (next < rank && (source_[next].size == kOne || axis.stride.per_row ||
                           axis.stride.value % source_[next].stride.value)) {
      ++next;
    }
    if (next == rank) return std::nullopt;
    const Axis& whole = source_[next];
    const int64_t step = axis.stride.value / whole.stride.value;
    if (whole.size.per_row) {
      if (axis.size != whole.size || step != 1) return std::nullopt;
      rows = true;
    } else if (axis.size.per_row ||
               slice.starts[next] + (axis.size.value - 1) * step >=
                   whole.size.value) {
      return std::nullopt;
    } else {
      slice.steps[next] = step;
      slice.sizes[next] = axis.size.value;
    }
    ++next;
  }
  if (!rows) return std::nullopt;
  return slice;
}

std::optional<SliceOfValue> FindSliceOfChain(const Graph& graph,
                                             const GraphIndex& index,
                                             const Node& node) {
  std::vector<const Node*> chain;  // the last node first
  bool transposes = false;
  for (const Node* link = &node;
       link != nullptr && MovesView(link->op) && chain.size() < kLongestChain;
       link = index.Producer(link->inputs[0])) {
    chain.push_back(link);
    transposes |= std::holds_alternative<Transpose>(link->op);
    const ValueId source = link->inputs[0];
    const TensorType& from = graph.type(source);
    const TensorType& to = graph.type(node.outputs[0]);
    if (from.quantization != to.quantization ||
        (from.quantization && !from.quantization->per_tensor())) {
      break;
    }
    if (chain.size() < 2 || !transposes) continue;
    std::optional<StridedView> view = StridedView::Of(from.dims);
    for (size_t i = chain.size(); view && i-- > 0;) {
      view = view->Through(chain[i]->op);
    }
    if (!view) continue;
    if (auto slice = view->AsSlice()) {
      return SliceOfValue{source, *std::move(slice)};
    }
  }
  return std::nullopt;
}

}  // namespace octet::ir
