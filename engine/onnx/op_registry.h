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

// The rule for `op_type` of `domain` (ONNX's own, or "com.microsoft"); null if
// octet has none.
ImportRule FindImportRule(absl::string_view domain, absl::string_view op_type);

// The opsets of the default domain that the rules know.
inline constexpr int64_t kOldestOpset = 6;
inline constexpr int64_t kNewestOpset = 22;

// Computes operators on small constants that shapes are made of (Gather,
// Concat, Slice, Cast, arithmetic, ...) now. False if `node` is none of these
// or reads something that is not known.
absl::StatusOr<bool> FoldIntegers(const NodeReader& node, GraphBuilder& graph);

// import_conv.cc
absl::Status ImportConv(const NodeReader& node, GraphBuilder& graph);
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
// import_binary.cc
absl::Status ImportBinary(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportPrelu(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportVariadic(const NodeReader& node, GraphBuilder& graph);
// A constant of one number. INVALID_ARGUMENT unless `dtype` is float32 or
// float64.
absl::StatusOr<ir::ValueId> AddScalar(const NodeReader& node,
                                      GraphBuilder& graph, DType dtype,
                                      double value);
// import_elementwise.cc
absl::Status ImportUnary(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportIsInf(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportGelu(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportRelu(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportClip(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportWhere(const NodeReader& node, GraphBuilder& graph);
// import_softmax.cc
absl::Status ImportSoftmax(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportHardmax(const NodeReader& node, GraphBuilder& graph);
// import_cast.cc
absl::Status ImportCast(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportCastLike(const NodeReader& node, GraphBuilder& graph);
// import_normalization.cc
absl::Status ImportBatchNorm(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportLayerNorm(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportInstanceNorm(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportGroupNorm(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportLpNorm(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportMeanVarianceNorm(const NodeReader& node,
                                    GraphBuilder& graph);
// import_generate.cc
absl::Status ImportTrilu(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportEyeLike(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportOneHot(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportDropout(const NodeReader& node, GraphBuilder& graph);
absl::Status RefuseRandom(const NodeReader& node, GraphBuilder& graph);
// import_layout.cc
absl::Status ImportIdentity(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportConcat(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportTranspose(const NodeReader& node, GraphBuilder& graph);
// import_slice.cc
absl::Status ImportSlice(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportSplit(const NodeReader& node, GraphBuilder& graph);
// import_pad.cc
absl::Status ImportPad(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportCenterCropPad(const NodeReader& node, GraphBuilder& graph);
// import_expand.cc
absl::Status ImportExpand(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportTile(const NodeReader& node, GraphBuilder& graph);
// import_gather.cc
absl::Status ImportGather(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportGatherElements(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportGatherNd(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportScatterElements(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportScatterNd(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportCompress(const NodeReader& node, GraphBuilder& graph);
// import_rearrange.cc
absl::Status ImportDepthToSpace(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportSpaceToDepth(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportReverseSequence(const NodeReader& node, GraphBuilder& graph);
// import_einsum.cc
absl::Status ImportEinsum(const NodeReader& node, GraphBuilder& graph);
// value_functions.cc; operators that have a ValueFunction
absl::Status ImportByValue(const NodeReader& node, GraphBuilder& graph);
// import_reshape.cc
absl::Status ImportReshape(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportFlatten(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportSqueeze(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportUnsqueeze(const NodeReader& node, GraphBuilder& graph);
// import_recurrent.cc
absl::Status ImportRecurrent(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportDynamicQuantizeLstm(const NodeReader& node,
                                       GraphBuilder& graph);
// import_reduce.cc
absl::Status ImportReduce(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportArgReduce(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportTopK(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportCumSum(const NodeReader& node, GraphBuilder& graph);
// import_quant.cc
absl::Status ImportQuantizeLinear(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportDequantizeLinear(const NodeReader& node,
                                    GraphBuilder& graph);
absl::Status ImportDynamicQuantizeLinear(const NodeReader& node,
                                         GraphBuilder& graph);
// import_integer_product.cc
absl::Status ImportConvInteger(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportMatMulInteger(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportMatMulIntegerToFloat(const NodeReader& node,
                                        GraphBuilder& graph);
absl::Status ImportDynamicQuantizeMatMul(const NodeReader& node,
                                         GraphBuilder& graph);
// import_qlinear.cc
absl::Status ImportQLinearConv(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportQLinearMatMul(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportQGemm(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportQLinearBinary(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportQLinearUnary(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportQLinearSoftmax(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportQLinearPool(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportQLinearConcat(const NodeReader& node, GraphBuilder& graph);
// import_fused.cc
absl::Status ImportFusedConv(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportFusedMatMul(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportFusedGelu(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportSkipLayerNorm(const NodeReader& node, GraphBuilder& graph);
// import_constant.cc
absl::Status ImportConstant(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportConstantOfShape(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportShape(const NodeReader& node, GraphBuilder& graph);
absl::Status ImportSize(const NodeReader& node, GraphBuilder& graph);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_OP_REGISTRY_H_
