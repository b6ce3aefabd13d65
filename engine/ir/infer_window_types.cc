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

// The weights of a transposed convolution on `x`, one channel axis each.
absl::Status ExpectTransposedWeights(const ConvTranspose& op, const Dims& x,
                                     const Dims& weights) {
  const size_t rank = x.size();
  const int64_t channels = x[ChannelAxis(op.layout, rank)].value;
  if (weights.size() != rank || HasRows(weights) || op.groups < 1 ||
      channels % op.groups != 0 || weights[0].value != channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the weights have dimensions ", DimsToString(weights), " for an input ",
        DimsToString(x), " in ", op.groups, " groups; expected ", rank,
        " fixed dimensions, the first of them the input's channels, which the "
        "groups divide"));
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

// Where each element of `x` becomes a window: how long spatial axis `axis` is.
absl::StatusOr<Dim> SpreadExtent(const ConvTranspose& op, size_t axis,
                                 int64_t in) {
  const Window& window = op.window;
  const int64_t begin = window.pads_begin[axis];
  const int64_t end = window.pads_end[axis];
  const int64_t extent = (window.kernel[axis] - 1) * window.dilations[axis] + 1;
  // Bounded so that the sum below cannot overflow.
  if (in > kMaxExtent || extent > kMaxExtent || begin > kMaxExtent ||
      end > kMaxExtent || begin < -kMaxExtent || end < -kMaxExtent) {
    return absl::InvalidArgumentError(
        absl::StrCat("spatial axis ", axis, " has ", in,
                     " entries, a window of ", extent, " and pads of ", begin,
                     " and ", end, "; expected at most ", kMaxExtent));
  }
  const int64_t out = (in - 1) * window.strides[axis] + extent - begin - end +
                      op.output_pads[axis];
  if (in < 1 || out < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("spatial axis ", axis, " of ", in, " entries becomes ",
                     out, "; expected at least one"));
  }
  return Dim::Fixed(out);
}

// Whether a pool's pads leave something of the input in each window.
absl::Status ExpectPadsInside(const Window& window) {
  for (size_t i = 0; i < window.kernel.size(); ++i) {
    const int64_t extent = (window.kernel[i] - 1) * window.dilations[i] + 1;
    if (window.pads_begin[i] >= extent || window.pads_end[i] >= extent) {
      return absl::InvalidArgumentError(absl::StrCat(
          "pads of ", window.pads_begin[i], " and ", window.pads_end[i],
          " around a window of ", extent, "; expected less than the window"));
    }
  }
  return absl::OkStatus();
}

// float32, 8-bit integers that stand for reals, or where nothing is computed
// but picked, plain float64 and 8-bit integers.
absl::Status ExpectPooled(PoolKind kind, const TensorType& x) {
  const bool picked = x.dtype == DType::kFloat64 || x.dtype == DType::kInt8 ||
                      x.dtype == DType::kUInt8;
  if (kind == PoolKind::kMax && picked) return absl::OkStatus();
  if (ExpectReal("the input", x).ok()) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("the input is ", TypeToString(x),
                   "; octet pools float32 and 8-bit integers, for the largest "
                   "float64 too"));
}

}  // namespace

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

absl::StatusOr<TensorType> InferOp(const ConvTranspose& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, op.has_bias ? 3 : 2));
  OCTET_RETURN_IF_ERROR(ExpectActivation(op.activation));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectImage(x));
  const size_t rank = x.dims.size();
  OCTET_RETURN_IF_ERROR(ExpectWeights(
      x, inputs[1], static_cast<int>(ChannelAxis(op.layout, rank))));
  if (op.groups != 1 && x.quantization.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("integers in ", op.groups, " groups; expected one"));
  }
  const size_t axes = rank - 2;
  OCTET_RETURN_IF_ERROR(ExpectEntries("kernel", op.window.kernel, axes, 1));
  OCTET_RETURN_IF_ERROR(ExpectEntries("strides", op.window.strides, axes, 1));
  OCTET_RETURN_IF_ERROR(
      ExpectEntries("dilations", op.window.dilations, axes, 1));
  OCTET_RETURN_IF_ERROR(
      ExpectEntries("pads", op.window.pads_begin, axes, -kMaxExtent));
  OCTET_RETURN_IF_ERROR(
      ExpectEntries("pads", op.window.pads_end, axes, -kMaxExtent));
  OCTET_RETURN_IF_ERROR(
      ExpectEntries("output_padding", op.output_pads, axes, 0));
  const Dims& weights = inputs[1].dims;
  OCTET_RETURN_IF_ERROR(ExpectTransposedWeights(op, x.dims, weights));
  Dims dims = x.dims;
  const size_t channel_axis = ChannelAxis(op.layout, dims.size());
  const int64_t group_outputs = weights[channel_axis].value;
  if (group_outputs > kMaxExtent / op.groups) {
    return absl::InvalidArgumentError(
        absl::StrCat(op.groups, " groups of ", group_outputs,
                     " channels; expected at most ", kMaxExtent));
  }
  dims[channel_axis] = Dim::Fixed(group_outputs * op.groups);
  const size_t first = FirstSpatialAxis(op.layout);
  for (size_t i = 0; i < axes; ++i) {
    OCTET_ASSIGN_OR_RETURN(dims[first + i],
                           SpreadExtent(op, i, x.dims[first + i].value));
  }
  if (op.has_bias) {
    OCTET_RETURN_IF_ERROR(ExpectBias(x, inputs[2], dims[channel_axis]));
  }
  return Computed(std::move(dims));
}

absl::StatusOr<TensorType> InferOp(const Pool& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectPooled(op.kind, x));
  OCTET_RETURN_IF_ERROR(ExpectImage(x));
  OCTET_RETURN_IF_ERROR(ExpectWindow(op.window, x.dims.size() - 2));
  OCTET_RETURN_IF_ERROR(ExpectPadsInside(op.window));
  OCTET_ASSIGN_OR_RETURN(
      Dims dims, SlideWindow(op.window, op.layout, op.ceil_mode, x.dims));
  if (op.kind == PoolKind::kAverage) return Computed(std::move(dims));
  return TensorType{x.dtype, std::move(dims), x.quantization};
}

absl::StatusOr<TensorType> InferOp(const MaxPoolIndices& op,
                                   InputTypes inputs) {
  const Pool pool = {PoolKind::kMax, op.window, op.ceil_mode, false,
                     Layout::kChannelsFirst};
  OCTET_ASSIGN_OR_RETURN(TensorType type, InferOp(pool, inputs));
  return TensorType{DType::kInt64, std::move(type.dims), std::nullopt};
}

absl::StatusOr<TensorType> InferOp(const GlobalPool& op, InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, 1));
  const TensorType& x = inputs[0];
  OCTET_RETURN_IF_ERROR(ExpectPooled(op.kind, x));
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
