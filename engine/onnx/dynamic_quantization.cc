// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/dynamic_quantization.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/float_operators.h"
#include "engine/onnx/quantized_form.h"

namespace octet::onnx {
namespace {

using Kind = ir::BinaryKind;

// Up to here float32 holds every integer, and so every sum of integers whose
// partial sums, in any order, stay below: the sums of their magnitudes do.
constexpr int64_t kExactInFloat = int64_t{1} << 24;

// |q - zero point| of 8-bit integers.
constexpr int64_t kLargestFactor = 255;

absl::StatusOr<ir::ValueId> Extreme(const NodeReader& node, GraphBuilder& graph,
                                    ir::ValueId x, bool largest) {
  ir::Reduce reduce;
  reduce.kind = largest ? ir::ReduceKind::kMax : ir::ReduceKind::kMin;
  reduce.keep_dims = false;
  for (size_t i = 0; i < graph.dims(x).size(); ++i) {
    reduce.axes.push_back(static_cast<int>(i));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId extreme,
                         graph.Compute(node, std::move(reduce), {x}));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId zero, Scalar(node, graph, 0));
  return Arithmetic(node, graph, largest ? Kind::kMax : Kind::kMin, extreme,
                    zero);
}

// The elements of an 8-bit tensor.
std::vector<int> WidenedToInt(const Tensor& tensor) {
  if (tensor.dtype() == DType::kInt8) {
    const auto data = tensor.data<int8_t>();
    return {data.begin(), data.end()};
  }
  const auto data = tensor.data<uint8_t>();
  return {data.begin(), data.end()};
}

// Weights of one output, which run along the last axis (MatMul) or the first.
int64_t DepthOf(const ir::Dims& dims, bool outputs_last) {
  if (outputs_last) return dims[dims.size() > 1 ? dims.size() - 2 : 0].value;
  int64_t depth = 1;
  for (size_t i = 1; i < dims.size(); ++i) depth *= dims[i].value;
  return depth;
}

// The sum of |w - zero point| over the weights of one output, at most.
int64_t LargestWeightSum(const GraphBuilder& graph, const IntegerOperand& w,
                         bool outputs_last) {
  const ir::Dims& dims = graph.dims(w.integers);
  const int64_t inner = DepthOf(dims, outputs_last);
  const std::optional<Tensor>& weights = graph.constant(w.integers);
  const std::optional<Tensor>* zero_points = nullptr;
  if (w.zero_point.has_value()) zero_points = &graph.constant(*w.zero_point);
  const bool known = weights.has_value() && weights->size() > 0 &&
                     dims.size() > 1 && (!outputs_last || dims.size() == 2) &&
                     (zero_points == nullptr ||
                      (zero_points->has_value() && (*zero_points)->size() > 0));
  if (!known) return inner * kLargestFactor;
  const std::vector<int> values = WidenedToInt(*weights);
  std::vector<int> zeros = {0};
  if (zero_points != nullptr) zeros = WidenedToInt(**zero_points);
  const int64_t outputs = outputs_last ? dims.back().value : dims[0].value;
  std::vector<int64_t> sums(outputs, 0);
  for (size_t i = 0; i < values.size(); ++i) {
    const size_t output = outputs_last ? i % outputs : i / inner;
    sums[output] += std::abs(values[i] - zeros[output % zeros.size()]);
  }
  return *std::max_element(sums.begin(), sums.end());
}

// `operand` minus its zero point, as `dtype`.
absl::StatusOr<ir::ValueId> Centred(const NodeReader& node, GraphBuilder& graph,
                                    const IntegerOperand& operand,
                                    DType dtype) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x,
                         CastTo(node, graph, operand.integers, dtype));
  if (!operand.zero_point.has_value()) return x;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId zero_point,
                         CastTo(node, graph, *operand.zero_point, dtype));
  OCTET_ASSIGN_OR_RETURN(
      zero_point,
      AlongAxis(node, graph, zero_point, graph.dims(x).size(), operand.axis));
  return Arithmetic(node, graph, Kind::kSub, x, zero_point);
}

// Whole numbers of [-255, 255] as 16 * high + low, both of [-16, 16): half the
// bits each, so that sums of products with them stay exact in float32 for
// sixteen times the depth.
constexpr int32_t kHalfBase = 16;
struct Halves {
  ir::ValueId high = 0;
  ir::ValueId low = 0;
};
absl::StatusOr<Halves> SplitInHalves(const NodeReader& node,
                                     GraphBuilder& graph, ir::ValueId w) {
  Halves halves;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId base, Scalar(node, graph, kHalfBase));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId quotient,
                         Arithmetic(node, graph, Kind::kDiv, w, base));
  OCTET_ASSIGN_OR_RETURN(
      halves.high,
      graph.Compute(node, ir::Unary{ir::UnaryKind::kFloor, 0, 0}, {quotient}));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId rounded,
      Arithmetic(node, graph, Kind::kMul, halves.high, base));
  OCTET_ASSIGN_OR_RETURN(halves.low,
                         Arithmetic(node, graph, Kind::kSub, w, rounded));
  return halves;
}

}  // namespace

absl::StatusOr<DynamicallyQuantized> QuantizeDynamically(const NodeReader& node,
                                                         GraphBuilder& graph,
                                                         ir::ValueId x) {
  if (graph.type(x).dtype != DType::kFloat32) {
    return absl::UnimplementedError(
        absl::StrCat("the input is ", ir::TypeToString(graph.type(x)),
                     "; octet runs float32"));
  }
  DynamicallyQuantized q;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId low, Extreme(node, graph, x, false));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId high, Extreme(node, graph, x, true));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId range,
                         Arithmetic(node, graph, Kind::kSub, high, low));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId steps, Scalar(node, graph, 255));
  OCTET_ASSIGN_OR_RETURN(q.scale,
                         Arithmetic(node, graph, Kind::kDiv, range, steps));
  // Nothing but zeros has no range; its scale is 1, the answer the same.
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId sign,
      graph.Compute(node, ir::Unary{ir::UnaryKind::kSign, 0, 0}, {range}));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId one, Scalar(node, graph, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId none,
                         Arithmetic(node, graph, Kind::kSub, one, sign));
  OCTET_ASSIGN_OR_RETURN(q.scale,
                         Arithmetic(node, graph, Kind::kAdd, q.scale, none));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId zero,
      graph.Compute(node, ir::Unary{ir::UnaryKind::kNeg, 0, 0}, {low}));
  OCTET_ASSIGN_OR_RETURN(zero,
                         Arithmetic(node, graph, Kind::kDiv, zero, q.scale));
  OCTET_ASSIGN_OR_RETURN(zero,
                         graph.Compute(node, ir::Clamp{{0, 255}}, {zero}));
  OCTET_ASSIGN_OR_RETURN(
      q.zero_point,
      graph.Compute(node, ir::Unary{ir::UnaryKind::kRound, 0, 0}, {zero}));
  OCTET_ASSIGN_OR_RETURN(q.integers, RoundTo(node, graph, x, q.scale,
                                             q.zero_point, DType::kUInt8));
  return q;
}

absl::StatusOr<IntegerOperand> ReadIntegerOperand(const NodeReader& node,
                                                  GraphBuilder& graph, int i,
                                                  int zero_point,
                                                  int64_t axis) {
  IntegerOperand operand;
  operand.axis = axis;
  const auto read = [&](int input) -> absl::StatusOr<ir::ValueId> {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId id, ReadPlain(node, graph, input));
    const DType dtype = graph.type(id).dtype;
    if (dtype == DType::kInt8 || dtype == DType::kUInt8) return id;
    return absl::InvalidArgumentError(
        absl::StrCat("input ", input, " is ", ir::TypeToString(graph.type(id)),
                     "; expected int8 or uint8"));
  };
  OCTET_ASSIGN_OR_RETURN(operand.integers, read(i));
  if (node.HasInput(zero_point)) {
    OCTET_ASSIGN_OR_RETURN(operand.zero_point, read(zero_point));
  }
  return operand;
}

absl::StatusOr<ir::ValueId> IntegerProduct(const NodeReader& node,
                                           GraphBuilder& graph,
                                           const IntegerOperand& x,
                                           const IntegerOperand& w,
                                           const ir::Conv* conv) {
  if (graph.dims(x.integers).empty() || graph.dims(w.integers).empty()) {
    return absl::InvalidArgumentError("an operand is a scalar");
  }
  const auto multiply = [&](ir::ValueId a, ir::ValueId b) {
    return conv == nullptr ? ComputeMatMul(node, graph, a, b)
                           : graph.Compute(node, *conv, {a, b});
  };
  constexpr int64_t kLimit = kExactInFloat / kLargestFactor;
  const bool whole = LargestWeightSum(graph, w, conv == nullptr) < kLimit;
  const bool halved =
      DepthOf(graph.dims(w.integers), conv == nullptr) < kLimit / kHalfBase;
  const DType dtype = whole || halved ? DType::kFloat32 : DType::kInt32;
  OCTET_ASSIGN_OR_RETURN(ir::ValueId a, Centred(node, graph, x, dtype));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId b, Centred(node, graph, w, dtype));
  if (whole || !halved) return multiply(a, b);
  OCTET_ASSIGN_OR_RETURN(const Halves halves, SplitInHalves(node, graph, b));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId high, multiply(a, halves.high));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId low, multiply(a, halves.low));
  OCTET_ASSIGN_OR_RETURN(high, CastTo(node, graph, high, DType::kInt32));
  OCTET_ASSIGN_OR_RETURN(low, CastTo(node, graph, low, DType::kInt32));
  OCTET_ASSIGN_OR_RETURN(
      ir::ValueId base,
      graph.AddConstant(node, Tensor::Of<int32_t>({}, {kHalfBase})));
  OCTET_ASSIGN_OR_RETURN(high, Arithmetic(node, graph, Kind::kMul, high, base));
  return Arithmetic(node, graph, Kind::kAdd, high, low);
}

}  // namespace octet::onnx
