// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_FLOAT_OPERATORS_H_
#define OCTET_ENGINE_ONNX_FLOAT_OPERATORS_H_

#include "absl/status/statusor.h"
#include "engine/onnx/graph_builder.h"
#include "engine/onnx/node_reader.h"

// The operators that quantized and fused spellings are made of, apart from
// where these have their operands.
namespace octet::onnx {

// The Conv that `node`'s attributes describe, for dimensions `x` and weights of
// dimensions `w`; without a bias. In import_conv.cc.
absl::StatusOr<ir::Conv> ReadConv(const NodeReader& node, const ir::Dims& x,
                                  const ir::Dims& w);

// The Pool that `node`'s attributes describe. In import_conv.cc.
absl::StatusOr<ir::Pool> ReadPool(const NodeReader& node, ir::PoolKind kind,
                                  const ir::Dims& x);

// a times b as ONNX MatMul has it: a vector is a row in front and a column
// behind. In import_matmul.cc.
absl::StatusOr<ir::ValueId> ComputeMatMul(const NodeReader& node,
                                          GraphBuilder& graph, ir::ValueId a,
                                          ir::ValueId b);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_FLOAT_OPERATORS_H_
