// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_OP_REGISTRY_H_
#define OCTET_ENGINE_ONNX_OP_REGISTRY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "engine/onnx/graph_builder.h"
#include "engine/onnx/node_reader.h"

namespace octet::onnx {

// Lowers one ONNX node: reads its inputs and attributes, adds IR nodes, and
// binds its first output. INVALID_ARGUMENT or UNIMPLEMENTED otherwise.
using ImportRule = absl::Status (*)(const NodeReader& node,
                                    GraphBuilder& graph);

// The rule for `op_type` of the default domain; null if octet has none.
ImportRule FindImportRule(absl::string_view op_type);

// The opsets of the default domain that the rules know.
inline constexpr int64_t kOldestOpset = 6;
inline constexpr int64_t kNewestOpset = 22;

// Computes operators on small constants that shapes are made of (Gather,
// Concat, Slice, Cast, arithmetic, ...) now. False if `node` is none of these
// or reads something that is not known.
absl::StatusOr<bool> FoldIntegers(const NodeReader& node, GraphBuilder& graph);

// import_conv.cc
absl::Status ImportConv(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportBatchNorm(const NodeReader& node, GraphBuilder& graph);
// import_conv_transpose.cc
absl::Status ImportConvTranspose(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportCol2Im(const NodeReader& node, GraphBuilder& graph);
// import_deform_conv.cc
absl::Status ImportDeformConv(const NodeReader& node, GraphBuilder& graph);
// import_pool.cc
absl::Status ImportPool(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportGlobalPool(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportMaxUnpool(const NodeReader& node, GraphBuilder& graph);
// import_lp_pool.cc
absl::Status ImportLpPool(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportGlobalLpPool(const NodeReader& node, GraphBuilder& graph);
// import_resize.cc
absl::Status ImportResize(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportUpsample(const NodeReader& node, GraphBuilder& graph);
// import_sampling.cc
absl::Status ImportAffineGrid(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportGridSample(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportLrn(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportRoiAlign(const NodeReader& node, GraphBuilder& graph);
// import_matmul.cc
absl::Status ImportGemm(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportMatMul(const NodeReader& node, GraphBuilder& graph);
// import_elementwise.cc
absl::Status ImportBinary(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportUnary(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportRelu(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportClip(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportSoftmax(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportCast(const NodeReader& node, GraphBuilder& graph);
// import_layout.cc
absl::Status ImportIdentity(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportConcat(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportSlice(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportPad(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportTranspose(const NodeReader& node, GraphBuilder& graph);
// import_reshape.cc
absl::Status ImportReshape(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportFlatten(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportSqueeze(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportUnsqueeze(const NodeReader& node, GraphBuilder& graph);
// import_reduce.cc
absl::Status ImportReduce(const NodeReader& node, GraphBuilder& graph);
// import_quant.cc
absl::Status ImportQuantizeLinear(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportDequantizeLinear(const NodeReader& node,
                                    GraphBuilder& graph);
// import_constant.cc
absl::Status ImportConstant(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportConstantOfShape(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportShape(const NodeReader& node, GraphBuilder& graph);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_OP_REGISTRY_H_
