// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/import_window.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"

namespace octet::onnx {
namespace {

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

}  // namespace

absl::Status ExpectImage(const ir::Dims& x) {
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
  return absl::OkStatus();
}

absl::Status ExpectFloat32(absl::string_view what, const ir::TensorType& type) {
  if (type.dtype == DType::kFloat32 && !type.quantization.has_value()) {
    return absl::OkStatus();
  }
  return absl::UnimplementedError(
      absl::StrCat(what, " is ", ir::TypeToString(type),
                   "; octet runs this operator on float32"));
}

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

absl::StatusOr<SlidingWindow> ReadWindow(const NodeReader& node,
                                         const ir::Dims& x,
                                         std::vector<int64_t> kernel) {
  OCTET_RETURN_IF_ERROR(ExpectImage(x));
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
    result.auto_padded = true;
  } else if (auto_pad == "VALID") {
    result.auto_padded = true;
    std::fill(window.pads_begin.begin(), window.pads_begin.end(), 0);
    std::fill(window.pads_end.begin(), window.pads_end.end(), 0);
  } else if (auto_pad != "NOTSET" && !auto_pad.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute 'auto_pad' is '", auto_pad,
                     "'; expected NOTSET, SAME_UPPER, SAME_LOWER or VALID"));
  }
  return result;
}

}  // namespace octet::onnx
