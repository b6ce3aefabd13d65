// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_DYNAMIC_QUANTIZATION_H_
#define OCTET_ENGINE_ONNX_DYNAMIC_QUANTIZATION_H_

#include <optional>

#include "absl/status/statusor.h"
#include "engine/onnx/graph_builder.h"
#include "engine/onnx/node_reader.h"

// Quantization by the range of the data at hand, and the exact products of
// integers that go with it.
namespace octet::onnx {

// A tensor that ONNX DynamicQuantizeLinear-11 made: plain uint8, and what they
// stand for as float32 scalars.
struct DynamicallyQuantized {
  ir::ValueId integers = 0;
  ir::ValueId scale = 0;
  ir::ValueId zero_point = 0;
};
absl::StatusOr<DynamicallyQuantized> QuantizeDynamically(const NodeReader& node,
                                                         GraphBuilder& graph,
                                                         ir::ValueId x);

// One operand of a product of integers: plain 8-bit integers and what is
// subtracted from them, plain too, of one element or one along `axis`.
struct IntegerOperand {
  ir::ValueId integers = 0;
  std::optional<ir::ValueId> zero_point;
  int64_t axis = 0;
};

// Input `i` of `node` with the zero point in input `zero_point`, if that is
// there. UNIMPLEMENTED unless they are 8-bit integers.
absl::StatusOr<IntegerOperand> ReadIntegerOperand(const NodeReader& node,
                                                  GraphBuilder& graph, int i,
                                                  int zero_point, int64_t axis);

// (x - zero point) (w - zero point) for a Conv or, where `conv` is null, a
// MatMul of any axes: the exact sum of products, as float32 where that holds
// every partial sum, else as int32.
absl::StatusOr<ir::ValueId> IntegerProduct(const NodeReader& node,
                                           GraphBuilder& graph,
                                           const IntegerOperand& x,
                                           const IntegerOperand& w,
                                           const ir::Conv* conv);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_DYNAMIC_QUANTIZATION_H_
