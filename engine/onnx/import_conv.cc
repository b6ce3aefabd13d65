// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

absl::StatusOr<std::vector<int64_t>> WindowEntries(const NodeReader& node,
                                                   absl::string_view name,
                                                   size_t count,
                                                   int64_t absent) {
  OCTET_ASSIGN_OR_RETURN(auto entries, node.Ints(name));
  if (!entries.has_value()) return std::vector<int64_t>(count, absent);
  for (int64_t entry : *entries) {
    if (entry < absent || entry > kMaxElements) {
      return absl::InvalidArgumentError(absl::StrCat(
          "attribute '", name, "' is [", absl::StrJoin(*entries, ", "),
          "]; expected numbers from ", absent, " to ", kMaxElements));
    }
  }
  if (entries->size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute '", name, "' has ", entries->size(),
                     " entries; expected ", count));
  }
  return *std::move(entries);
}

// Pads that give ceil(extent / stride) windows, the odd one behind for
// SAME_UPPER and in front for SAME_LOWER.
void PadToSame(const ir::Dims& x, bool odd_in_front, ir::Window& window) {
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    const int64_t in = x[i + 2].value;
    const int64_t stride = window.strides[i];
    const int64_t extent = (window.kernel[i] - 1) * window.dilations[i] + 1;
    const int64_t out = (in + stride - 1) / stride;
    const int64_t total =
        std::max<int64_t>(0, (out - 1) * stride + extent - in);
    const int64_t smaller = total / 2;
    window.pads_begin[i] = odd_in_front ? total - smaller : smaller;
    window.pads_end[i] = total - window.pads_begin[i];
  }
}

struct SlidingWindow {
  ir::Window window;
  bool pads_follow_shape = false;  // auto_pad SAME_*
};

// The window of a node on an input of dimensions `x`, [N, C, spatial...].
// `kernel` stands in where the attribute kernel_shape is absent.
absl::StatusOr<SlidingWindow> ReadWindow(const NodeReader& node,
                                         const ir::Dims& x,
                                         std::vector<int64_t> kernel) {
  if (x.size() < 3 || x.size() > 5) {
    return absl::UnimplementedError(
        absl::StrCat("the input has dimensions ", ir::DimsToString(x),
                     "; octet runs 1 to 3 spatial axes"));
  }
  for (size_t i = 1; i < x.size(); ++i) {
    if (x[i].per_row) {
      return absl::UnimplementedError(
          absl::StrCat("the input has dimensions ", ir::DimsToString(x),
                       "; octet runs fixed numbers behind the batch axis"));
    }
  }
  const size_t axes = x.size() - 2;
  SlidingWindow result;
  ir::Window& window = result.window;
  if (node.HasAttribute("kernel_shape") || kernel.empty()) {
    OCTET_ASSIGN_OR_RETURN(kernel,
                           WindowEntries(node, "kernel_shape", axes, 1));
  }
  window.kernel = std::move(kernel);
  OCTET_ASSIGN_OR_RETURN(window.strides,
                         WindowEntries(node, "strides", axes, 1));
  OCTET_ASSIGN_OR_RETURN(window.dilations,
                         WindowEntries(node, "dilations", axes, 1));
  OCTET_ASSIGN_OR_RETURN(std::vector<int64_t> pads,
                         WindowEntries(node, "pads", 2 * axes, 0));
  window.pads_begin.assign(pads.begin(), pads.begin() + axes);
  window.pads_end.assign(pads.begin() + axes, pads.end());
  OCTET_ASSIGN_OR_RETURN(const std::string auto_pad,
                         node.String("auto_pad", "NOTSET"));
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    PadToSame(x, auto_pad == "SAME_LOWER", window);
    result.pads_follow_shape = true;
  } else if (auto_pad == "VALID") {
    std::fill(window.pads_begin.begin(), window.pads_begin.end(), 0);
    std::fill(window.pads_end.begin(), window.pads_end.end(), 0);
  } else if (auto_pad != "NOTSET" && !auto_pad.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute 'auto_pad' is '", auto_pad,
                     "'; expected NOTSET, SAME_UPPER, SAME_LOWER or VALID"));
  }
  return result;
}

}  // namespace

absl::Status ImportConv(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId weights, graph.Read(node, 1));
  const ir::Dims& w = graph.dims(weights);
  if (w.size() != graph.dims(x).size() || w.size() < 3 || ir::HasRows(w)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", ir::DimsToString(graph.dims(x)),
        ", the weights ", ir::DimsToString(w),
        "; expected [N, C, spatial...] and [M, C/group, kernel...]"));
  }
  std::vector<int64_t> kernel;
  for (size_t i = 2; i < w.size(); ++i) kernel.push_back(w[i].value);
  OCTET_ASSIGN_OR_RETURN(auto sliding,
                         ReadWindow(node, graph.dims(x), std::move(kernel)));
  ir::Conv op;
  op.window = std::move(sliding.window);
  OCTET_ASSIGN_OR_RETURN(op.groups, node.Int("group", 1));
  std::vector<ir::ValueId> inputs = {x, weights};
  if (node.HasInput(2)) {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId bias, graph.Read(node, 2));
    op.has_bias = true;
    inputs.push_back(bias);
  }
  return graph.Result(node, std::move(op), std::move(inputs));
}

absl::Status ImportPool(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  if (!node.HasAttribute("kernel_shape")) {
    return absl::InvalidArgumentError("attribute 'kernel_shape' is missing");
  }
  OCTET_ASSIGN_OR_RETURN(auto sliding, ReadWindow(node, graph.dims(x), {}));
  ir::Pool op;
  op.window = std::move(sliding.window);
  OCTET_ASSIGN_OR_RETURN(const int64_t ceil_mode, node.Int("ceil_mode", 0));
  // SAME_* already say how many windows there are.
  op.ceil_mode = ceil_mode != 0 && !sliding.pads_follow_shape;
  if (node.op_type() == "AveragePool") {
    op.kind = ir::PoolKind::kAverage;
    OCTET_ASSIGN_OR_RETURN(const int64_t include,
                           node.Int("count_include_pad", 0));
    op.count_include_pad = include != 0;
  } else {
    op.kind = ir::PoolKind::kMax;
    node.Ignore("storage_order");  // of the second output's indices
  }
  return graph.Result(node, std::move(op), {x});
}

absl::Status ImportGlobalPool(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  ir::GlobalPool op;
  op.kind = node.op_type() == "GlobalMaxPool" ? ir::PoolKind::kMax
                                              : ir::PoolKind::kAverage;
  return graph.Result(node, op, {x});
}

}  // namespace octet::onnx
