// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "engine/onnx/export_resize.h"
#include "engine/onnx/export_rules.h"

namespace octet::onnx {

void SetWindow(const ir::Window& window, pb::NodeProto* node) {
  SetInts(node, "kernel_shape", window.kernel);
  SetInts(node, "strides", window.strides);
  std::vector<int64_t> pads = window.pads_begin;
  pads.insert(pads.end(), window.pads_end.begin(), window.pads_end.end());
  SetInts(node, "pads", pads);
}

namespace {

// MaxPool of the only input, as the last node.
pb::NodeProto* AddMaxPool(const ir::Window& window, bool ceil_mode,
                          NodeWriter& writer) {
  writer.Expect(1);
  pb::NodeProto* pool = writer.Add("MaxPool", {writer.Input(0)});
  SetWindow(window, pool);
  SetInts(pool, "dilations", window.dilations);
  SetInt(pool, "ceil_mode", ceil_mode ? 1 : 0);
  return pool;
}

}  // namespace

absl::Status WriteOp(const ir::Conv& op, NodeWriter& writer) {
  if (op.layout != ir::Layout::kChannelsFirst) {
    return writer.Unsupported("channels last");
  }
  const bool clamps = !op.activation.is_identity();
  writer.Expect(1 + (op.has_residual ? 1 : 0) + (clamps ? 1 : 0));
  pb::NodeProto* conv = writer.Add("Conv", writer.Inputs(op.has_bias ? 3 : 2));
  SetWindow(op.window, conv);
  SetInts(conv, "dilations", op.window.dilations);
  SetInt(conv, "group", op.groups);
  if (op.has_residual) {
    writer.Add("Add", {writer.current(), writer.Input(op.has_bias ? 3 : 2)});
  }
  if (clamps) writer.AddActivation(op.activation, writer.current());
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::ConvTranspose& op, NodeWriter& writer) {
  if (op.layout != ir::Layout::kChannelsFirst) {
    return writer.Unsupported("channels last");
  }
  for (size_t i = 0; i < op.output_pads.size(); ++i) {
    if (op.output_pads[i] >= op.window.strides[i] && op.output_pads[i] > 0) {
      return writer.Unsupported("it adds a stride or more behind");
    }
  }
  const bool clamps = !op.activation.is_identity();
  writer.Expect(clamps ? 2 : 1);
  pb::NodeProto* conv =
      writer.Add("ConvTranspose", writer.Inputs(op.has_bias ? 3 : 2));
  SetWindow(op.window, conv);
  SetInts(conv, "dilations", op.window.dilations);
  SetInts(conv, "output_padding", op.output_pads);
  SetInt(conv, "group", op.groups);
  if (clamps) writer.AddActivation(op.activation, writer.current());
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Pool& op, NodeWriter& writer) {
  if (op.layout != ir::Layout::kChannelsFirst) {
    return writer.Unsupported("channels last");
  }
  if (op.kind == ir::PoolKind::kMax) {
    AddMaxPool(op.window, op.ceil_mode, writer);
    return absl::OkStatus();
  }
  for (int64_t dilation : op.window.dilations) {
    if (dilation != 1)
      return writer.Unsupported("a dilated average (opset 19)");
  }
  writer.Expect(1);
  pb::NodeProto* pool = writer.Add("AveragePool", {writer.Input(0)});
  SetWindow(op.window, pool);
  SetInt(pool, "ceil_mode", op.ceil_mode ? 1 : 0);
  SetInt(pool, "count_include_pad", op.count_include_pad ? 1 : 0);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::MaxPoolIndices& op, NodeWriter& writer) {
  pb::NodeProto* pool = AddMaxPool(op.window, op.ceil_mode, writer);
  writer.SkipFirstOutput(pool);
  SetInt(pool, "storage_order", op.column_major ? 1 : 0);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::GlobalPool& op, NodeWriter& writer) {
  if (op.layout != ir::Layout::kChannelsFirst) {
    return writer.Unsupported("channels last");
  }
  writer.Expect(1);
  writer.Add(
      op.kind == ir::PoolKind::kMax ? "GlobalMaxPool" : "GlobalAveragePool",
      {writer.Input(0)});
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Resize& op, NodeWriter& writer) {
  writer.Expect(1);
  const Tensor scales =
      Tensor::Of<float>({static_cast<int64_t>(op.scales.size())}, op.scales);
  const absl::Status status = SetResizeAttributes(
      op, writer.InputDims(0),
      writer.Add("Resize",
                 {writer.Input(0), "", writer.Initializer("scales", scales)}));
  return status.ok() ? status : writer.Unsupported(status.message());
}

absl::Status WriteOp(const ir::Lrn& op, NodeWriter& writer) {
  writer.Expect(1);
  if (op.axis != 1) return writer.Unsupported("channels last");
  pb::NodeProto* node = writer.Add("LRN", {writer.Input(0)});
  SetInt(node, "size", op.size);
  SetFloat(node, "alpha", op.alpha);
  SetFloat(node, "beta", op.beta);
  SetFloat(node, "bias", op.bias);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::RoiAlign& op, NodeWriter& writer) {
  writer.Expect(1);
  pb::NodeProto* node = writer.Add("RoiAlign", writer.Inputs(3));
  SetString(node, "mode", op.kind == ir::PoolKind::kMax ? "max" : "avg");
  SetString(node, "coordinate_transformation_mode",
            op.half_pixel ? "half_pixel" : "output_half_pixel");
  SetInt(node, "output_height", op.output_height);
  SetInt(node, "output_width", op.output_width);
  SetInt(node, "sampling_ratio", op.sampling_ratio);
  SetFloat(node, "spatial_scale", op.spatial_scale);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::GridSample& op, NodeWriter& writer) {
  if (writer.InputDims(0).size() != 4) {
    return writer.Unsupported("opset 17 has it for two spatial axes only");
  }
  writer.Expect(1);
  pb::NodeProto* node = writer.Add("GridSample", writer.Inputs(2));
  SetString(node, "mode",
            op.mode == ir::ResizeMode::kNearest ? "nearest"
            : op.mode == ir::ResizeMode::kCubic ? "bicubic"
                                                : "bilinear");
  SetString(node, "padding_mode",
            op.padding == ir::GridPadding::kBorder       ? "border"
            : op.padding == ir::GridPadding::kReflection ? "reflection"
                                                         : "zeros");
  SetInt(node, "align_corners", op.align_corners ? 1 : 0);
  return absl::OkStatus();
}

}  // namespace octet::onnx
