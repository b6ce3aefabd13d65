// SPDX-License-Identifier: Apache-2.0
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

// Expand and Tile: what repeats its input along axes.
namespace octet::onnx {
namespace {

absl::Status ExpectEntries(const ir::Dims& entries) {
  for (const ir::Dim& entry : entries) {
    if (entry.value >= 0 && entry.value <= kMaxElements) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("got ", ir::DimsToString(entries),
                     "; expected entries from 0 to ", kMaxElements));
  }
  return absl::OkStatus();
}

// What dimensions `x` and the target broadcast to, as numpy does; 1 keeps an
// axis of x whatever it is.
absl::StatusOr<ir::Dims> ExpandedDims(const ir::Dims& x,
                                      const ir::Dims& target) {
  ir::Dims dims = x;
  if (target.size() > dims.size()) {
    dims.insert(dims.begin(), target.size() - dims.size(), ir::Dim::Fixed(1));
  }
  const size_t offset = dims.size() - target.size();
  for (size_t i = 0; i < target.size(); ++i) {
    ir::Dim& dim = dims[offset + i];
    if (target[i] == ir::Dim::Fixed(1) || dim == target[i]) continue;
    if (dim != ir::Dim::Fixed(1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("dimensions ", ir::DimsToString(x), " do not expand to ",
                       ir::DimsToString(target)));
    }
    dim = target[i];
  }
  return dims;
}

}  // namespace

absl::Status ImportExpand(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(const auto target,
                         graph.RequireDims(node, 1, "the shape"));
  OCTET_RETURN_IF_ERROR(ExpectEntries(target));
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::Dims dims, ExpandedDims(graph.dims(x), target));
  return graph.Result(node, ir::Expand{std::move(dims)}, {x});
}

absl::Status ImportTile(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(const auto repeats,
                         graph.RequireDims(node, 1, "repeats"));
  OCTET_RETURN_IF_ERROR(ExpectEntries(repeats));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::Dims dims = graph.dims(x);
  if (repeats.size() != dims.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("repeats has ", repeats.size(), " entries for dimensions ",
                     ir::DimsToString(dims), "; expected one for each axis"));
  }
  // Each axis that repeats gets one of its own in front, which is expanded.
  const ir::Dim one = ir::Dim::Fixed(1);
  ir::Dims apart;
  ir::Dims expanded;
  ir::Dims tiled = dims;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].per_row && repeats[i].per_row) {
      return absl::UnimplementedError(
          absl::StrCat("repeats axis ", i, " of ", ir::DimsToString(dims),
                       " as often as there are rows"));
    }
    if (repeats[i] != one && dims[i] != one) {
      apart.push_back(one);
      expanded.push_back(repeats[i]);
    }
    apart.push_back(dims[i]);
    expanded.push_back(dims[i] == one ? repeats[i] : dims[i]);
    // Both are at most kMaxElements, so this cannot overflow.
    tiled[i].value *= repeats[i].value;
    tiled[i].per_row = dims[i].per_row || repeats[i].per_row;
  }
  if (apart != dims) {
    OCTET_ASSIGN_OR_RETURN(
        x, graph.Compute(node, ir::Reshape{std::move(apart)}, {x}));
  }
  if (expanded == tiled) {
    return graph.Result(node, ir::Expand{std::move(expanded)}, {x});
  }
  OCTET_ASSIGN_OR_RETURN(
      x, graph.Compute(node, ir::Expand{std::move(expanded)}, {x}));
  return graph.Result(node, ir::Reshape{std::move(tiled)}, {x});
}

}  // namespace octet::onnx
