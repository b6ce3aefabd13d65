// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/tensor_elements.h"
#include "engine/onnx/value_functions.h"

namespace octet::onnx {
namespace {

// A tensor as `outer` groups of `count` items of `inner` elements; item i is
// the elements [*, i, *].
struct Items {
  int64_t outer = 1;
  int64_t count = 1;
  int64_t inner = 1;
};

// -1, 0 or 1. NaN comes behind all numbers and is equal to itself, so that this
// is an order.
template <typename T>
int Compare(T a, T b) {
  if (a < b) return -1;
  if (b < a) return 1;
  const bool a_is_nan = a != a;
  const bool b_is_nan = b != b;
  return a_is_nan == b_is_nan ? 0 : a_is_nan ? 1 : -1;
}

template <typename T>
int CompareItems(absl::Span<const T> x, const Items& items, int64_t a,
                 int64_t b) {
  for (int64_t outer = 0; outer < items.outer; ++outer) {
    const int64_t base = outer * items.count;
    for (int64_t i = 0; i < items.inner; ++i) {
      const int order = Compare<T>(x[(base + a) * items.inner + i],
                                   x[(base + b) * items.inner + i]);
      if (order != 0) return order;
    }
  }
  return 0;
}

// What is different among the items: where each kind is first, in the order of
// the output; the kind of each item; and how often each kind occurs.
struct Kinds {
  std::vector<int64_t> first;
  std::vector<int64_t> of_item;
  std::vector<int64_t> counts;
};

template <typename T>
Kinds FindKinds(absl::Span<const T> x, const Items& items, bool sorted) {
  std::vector<int64_t> order(items.count);
  std::iota(order.begin(), order.end(), 0);
  // Stable, so that the first of a kind is its first in the input.
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return CompareItems(x, items, a, b) < 0;
  });
  Kinds kinds;
  kinds.of_item.resize(items.count);
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || CompareItems(x, items, order[i - 1], order[i]) != 0) {
      kinds.first.push_back(order[i]);
      kinds.counts.push_back(0);
    }
    ++kinds.counts.back();
    kinds.of_item[order[i]] = static_cast<int64_t>(kinds.first.size()) - 1;
  }
  if (sorted) return kinds;
  // By first occurrence instead.
  std::vector<int64_t> by_first(kinds.first.size());
  std::iota(by_first.begin(), by_first.end(), 0);
  std::sort(by_first.begin(), by_first.end(), [&](int64_t a, int64_t b) {
    return kinds.first[a] < kinds.first[b];
  });
  std::vector<int64_t> place(by_first.size());
  Kinds result;
  for (size_t i = 0; i < by_first.size(); ++i) {
    place[by_first[i]] = static_cast<int64_t>(i);
    result.first.push_back(kinds.first[by_first[i]]);
    result.counts.push_back(kinds.counts[by_first[i]]);
  }
  for (int64_t kind : kinds.of_item) result.of_item.push_back(place[kind]);
  return result;
}

// The items `chosen` of x, in their order.
Tensor Choose(const Tensor& x, const Items& items,
              const std::vector<int64_t>& chosen, Shape shape) {
  Tensor y(x.dtype(), std::move(shape));
  const int64_t bytes = items.inner * static_cast<int64_t>(SizeOf(x.dtype()));
  std::byte* out = y.mutable_bytes();
  for (int64_t outer = 0; outer < items.outer; ++outer) {
    for (int64_t item : chosen) {
      if (bytes == 0) continue;
      std::memcpy(out, x.bytes() + (outer * items.count + item) * bytes, bytes);
      out += bytes;
    }
  }
  return y;
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> Unique(
    const NodeReader& node, absl::Span<const std::optional<Tensor>> inputs) {
  if (inputs.empty() || !inputs[0].has_value()) {
    return absl::InvalidArgumentError("input 0 is missing");
  }
  const Tensor& x = *inputs[0];
  OCTET_ASSIGN_OR_RETURN(const int64_t sorted, node.Int("sorted", 1));
  Items items;
  Shape shape;
  int axis = 0;
  if (node.HasAttribute("axis")) {
    OCTET_ASSIGN_OR_RETURN(const int64_t given, node.Int("axis", 0));
    OCTET_ASSIGN_OR_RETURN(axis, NormalizedAxis(given, x.shape().size()));
    shape = x.shape();
  } else {
    shape = {x.size()};
  }
  for (int i = 0; i < static_cast<int>(shape.size()); ++i) {
    (i < axis    ? items.outer
     : i == axis ? items.count
                 : items.inner) *= shape[i];
  }
  if (x.size() == 0 && items.count > 0) {
    return absl::UnimplementedError(absl::StrCat("tells apart ", items.count,
                                                 " entries of the empty ",
                                                 ShapeToString(x.shape())));
  }
  const Kinds kinds = VisitElements(x, [&](auto elements) {
    return FindKinds(elements, items, sorted != 0);
  });
  const auto count = static_cast<int64_t>(kinds.first.size());
  shape[axis] = count;
  return std::vector<Tensor>{Choose(x, items, kinds.first, std::move(shape)),
                             Tensor::Of<int64_t>({count}, kinds.first),
                             Tensor::Of<int64_t>({items.count}, kinds.of_item),
                             Tensor::Of<int64_t>({count}, kinds.counts)};
}

}  // namespace octet::onnx
