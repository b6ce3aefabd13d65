// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/type_rules.h"

// The rules of the operators that slide a window over spatial axes.
namespace octet::ir::internal {
namespace {

absl::Status ExpectEntries(absl::string_view name,
                           const std::vector<int64_t>& entries, size_t count,
                           int64_t at_least) {
  if (entries.size() != count) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " has ", entries.size(), " entries; expected ",
                     count, ", one for each spatial axis"));
  }
  for (int64_t entry : entries) {
    if (entry < at_least || entry > kMaxExtent) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " has the entry ", entry, "; expected ", at_least,
                       " to ", kMaxExtent));
    }
  }
  return absl::OkStatus();
}

absl::Status ExpectWindow(const Window& window, size_t axes) {
  OCTET_RETURN_IF_ERROR(ExpectEntries("kernel", window.kernel, axes, 1));
  OCTET_RETURN_IF_ERROR(ExpectEntries("strides", window.strides, axes, 1));
  OCTET_RETURN_IF_ERROR(ExpectEntries("pads", window.pads_begin, axes, 0));
  OCTET_RETURN_IF_ERROR(ExpectEntries("pads", window.pads_end, axes, 0));
  return ExpectEntries("dilations", window.dilations, axes, 1);
}

// An image tensor has a batch axis, a channel axis and one to three spatial
// axes; only the batch axis may depend on the rows.
absl::Status ExpectImage(const TensorType& x) {
  if (x.dims.size() < 3 || x.dims.size() > 5) {
    return absl::InvalidArgumentError(
        absl::StrCat("the input has dimensions ", DimsToString(x.dims),
                     "; expected a batch, a channel and 1 to 3 spatial axes"));
  }
  for (size_t i = 1; i < x.dims.size(); ++i) {
    if (x.dims[i].per_row || x.dims[i].value > kMaxExtent) {
      return absl::InvalidArgumentError(
          absl::StrCat("the input has dimensions ", DimsToString(x.dims),
                       "; expected fixed numbers behind the batch axis"));
    }
  }
  return absl::OkStatus();
}

size_t FirstSpatialAxis(Layout layout) {
  return layout == Layout::kChannelsFirst ? 2 : 1;
}

size_t ChannelAxis(Layout layout, size_t rank) {
  return layout == Layout::kChannelsFirst ? 1 : rank - 1;
}

// How many windows fit on one spatial axis of extent `in`.
absl::StatusOr<Dim> WindowCount(const Window& window, size_t axis, int64_t in,
                                bool ceil_mode) {
  const int64_t stride = window.strides[axis];
  const int64_t extent = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
  const int64_t padded = in + window.pads_begin[axis] + window.pads_end[axis];
  if (padded < extent) {
    return absl::InvalidArgumentError(
        absl::StrCat("a window of ", extent, " does not fit spatial axis ",
                     axis, ", which has ", padded, " entries with padding"));
  }
  const int64_t steps = padded - extent;
  int64_t count = steps / stride + 1;
  if (ceil_mode && steps % stride != 0) {
    // A last window that would start in the padding behind the data is none.
    if (count * stride < in + window.pads_begin[axis]) ++count;
  }
  return Dim::Fixed(count);
}

// x's dimensions with the spatial ones replaced by the window's counts.
absl::StatusOr<Dims> SlideWindow(const Window& window, Layout layout,
                                 bool ceil_mode, const Dims& x) {
  Dims dims = x;
  const size_t first = FirstSpatialAxis(layout);
  for (size_t i = 0; i < x.size() - 2; ++i) {
    OCTET_ASSIGN_OR_RETURN(
        dims[first + i], WindowCount(window, i, x[first + i].value, ceil_mode));
  }
  return dims;
}

absl::Status ExpectConvWeights(const Conv& op, const Dims& x,
                               const Dims& weights) {
  const size_t rank = x.size();
  if (weights.size() != rank || HasRows(weights)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the weights have dimensions ", DimsToString(weights), " for an input ",
        DimsToString(x), "; expected ", rank, " fixed dimensions"));
  }
  const int64_t channels = x[ChannelAxis(op.layout, rank)].value;
  const int64_t outputs = weights[0].value;
  const int64_t group_inputs = weights[ChannelAxis(op.layout, rank)].value;
  if (op.groups < 1 || channels % op.groups != 0 || outputs % op.groups != 0 ||
      group_inputs != channels / op.groups) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the weights have dimensions ", DimsToString(weights), " for ",
        channels, " input channels in ", op.groups,
        " groups; expected the groups to divide both channel counts and ",
        op.groups < 1 ? channels : channels / op.groups,
        " input channels in each"));
  }
  const size_t first = FirstSpatialAxis(op.layout);
  for (size_t i = 0; i < rank - 2; ++i) {
    if (weights[first + i].value != op.window.kernel[i]) {
      return absl::InvalidArgumentError(
          absl::StrCat("the weights have dimensions ", DimsToString(weights),
                       ", the kernel has ", op.window.kernel[i],
                       " on spatial axis ", i, "; expected both to be equal"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TensorType> InferOp(const Conv& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(
      inputs, 2 + (op.has_bias ? 1 : 0) + (op.has_residual ? 1 : 0)));
  OCTET_RETURN_IF_ERROR(ExpectActivation(op.activation));
  const TensorType& x = inputs[0];
  const TensorType& weights = inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectImage(x));
  OCTET_RETURN_IF_ERROR(ExpectWindow(op.window, x.dims.size() - 2));
  OCTET_RETURN_IF_ERROR(ExpectWeights(x, weights, 0));
  OCTET_RETURN_IF_ERROR(ExpectConvWeights(op, x.dims, weights.dims));
  OCTET_ASSIGN_OR_RETURN(Dims dims,
                         SlideWindow(op.window, op.layout, false, x.dims));
  dims[ChannelAxis(op.layout, dims.size())] = weights.dims[0];
  if (op.has_bias) {
    OCTET_RETURN_IF_ERROR(ExpectBias(x, inputs[2], weights.dims[0]));
  }
  if (op.has_residual) {
    const TensorType& residual = inputs.back();
    OCTET_RETURN_IF_ERROR(ExpectReal("the residual", residual));
    if (residual.dims != dims ||
        residual.quantization.has_value() != x.quantization.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the residual is ", TypeToString(residual), "; expected ",
          x.quantization.has_value() ? "quantized" : "float32", " ",
          DimsToString(dims), " like the output"));
    }
  }
  return Computed(std::move(dims));
}

absl::StatusOr<TensorType> InferOp(const Pool& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectReal("the input", x));
  OCTET_RETURN_IF_ERROR(ExpectImage(x));
  OCTET_RETURN_IF_ERROR(ExpectWindow(op.window, x.dims.size() - 2));
  for (size_t i = 0; i < op.window.kernel.size(); ++i) {
    // Otherwise a window could lie wholly in the padding.
    const int64_t extent =
        (op.window.kernel[i] - 1) * op.window.dilations[i] + 1;
    if (op.window.pads_begin[i] >= extent || op.window.pads_end[i] >= extent) {
      return absl::InvalidArgumentError(absl::StrCat(
          "pads of ", op.window.pads_begin[i], " and ", op.window.pads_end[i],
          " around a window of ", extent, "; expected less than the window"));
    }
  }
  OCTET_ASSIGN_OR_RETURN(
      Dims dims, SlideWindow(op.window, op.layout, op.ceil_mode, x.dims));
  if (op.kind == PoolKind::kAverage) return Computed(std::move(dims));
  return TensorType{x.dtype, std::move(dims), x.quantization};
}

absl::StatusOr<TensorType> InferOp(const GlobalPool& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectReal("the input", x));
  OCTET_RETURN_IF_ERROR(ExpectImage(x));
  Dims dims = x.dims;
  const size_t first = FirstSpatialAxis(op.layout);
  for (size_t i = 0; i < dims.size() - 2; ++i) {
    if (dims[first + i].value == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the input has dimensions ", DimsToString(dims),
                       "; expected something to pool over"));
    }
    dims[first + i] = Dim::Fixed(1);
  }
  if (op.kind == PoolKind::kAverage) return Computed(std::move(dims));
  return TensorType{x.dtype, std::move(dims), x.quantization};
}

}  // namespace octet::ir::internal
