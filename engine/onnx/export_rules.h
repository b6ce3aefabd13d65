// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_EXPORT_RULES_H_
#define OCTET_ENGINE_ONNX_EXPORT_RULES_H_

#include "absl/status/status.h"
#include "engine/ir/op.h"
#include "engine/onnx/node_writer.h"

// What each IR operator becomes in an ONNX file of opset 17, by family. Each
// writes the whole chain of one node; UNIMPLEMENTED where opset 17 cannot say
// what the operator does. An operator without a rule has no form in a file.
namespace octet::onnx {

// export_window.cc
absl::Status WriteOp(const ir::Conv& op, NodeWriter& writer);
absl::Status WriteOp(const ir::ConvTranspose& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Pool& op, NodeWriter& writer);
absl::Status WriteOp(const ir::MaxPoolIndices& op, NodeWriter& writer);
absl::Status WriteOp(const ir::GlobalPool& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Resize& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Lrn& op, NodeWriter& writer);
absl::Status WriteOp(const ir::RoiAlign& op, NodeWriter& writer);
absl::Status WriteOp(const ir::GridSample& op, NodeWriter& writer);
// Sets kernel_shape, strides and pads.
void SetWindow(const ir::Window& window, pb::NodeProto* node);

// export_axes.cc
absl::Status WriteOp(const ir::MatMul& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Softmax& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Reduce& op, NodeWriter& writer);
absl::Status WriteOp(const ir::ArgReduce& op, NodeWriter& writer);
absl::Status WriteOp(const ir::TopK& op, NodeWriter& writer);
absl::Status WriteOp(const ir::CumSum& op, NodeWriter& writer);

// export_normalization.cc
absl::Status WriteOp(const ir::LayerNorm& op, NodeWriter& writer);
absl::Status WriteOp(const ir::BatchNorm& op, NodeWriter& writer);

// export_recurrent.cc
absl::Status WriteOp(const ir::Recurrent& op, NodeWriter& writer);

// export_elementwise.cc
absl::Status WriteOp(const ir::Binary& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Unary& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Clamp& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Where& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Cast& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Quantize& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Dequantize& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Requantize& op, NodeWriter& writer);

// export_move.cc
absl::Status WriteOp(const ir::Concat& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Slice& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Pad& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Expand& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Gather& op, NodeWriter& writer);
absl::Status WriteOp(const ir::GatherElements& op, NodeWriter& writer);
absl::Status WriteOp(const ir::GatherNd& op, NodeWriter& writer);
absl::Status WriteOp(const ir::ScatterElements& op, NodeWriter& writer);
absl::Status WriteOp(const ir::ScatterNd& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Reshape& op, NodeWriter& writer);
absl::Status WriteOp(const ir::Transpose& op, NodeWriter& writer);

// export_qlinear.cc: the QLinear operator of ONNX (opset 10) or of ONNX
// Runtime's domain com.microsoft (version 1) that computes the node's integers
// from those of its inputs. False, with nothing written, where there is none.
bool WriteQLinear(const ir::Op& op, NodeWriter& writer);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_EXPORT_RULES_H_
