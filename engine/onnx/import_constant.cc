// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/integer_list.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

// `count` copies of the one element of `value`.
void Fill(const Tensor& value, Tensor& out) {
  const size_t width = SizeOf(value.dtype());
  for (int64_t i = 0; i < out.size(); ++i) {
    std::memcpy(out.mutable_bytes() + i * width, value.bytes(), width);
  }
}

absl::StatusOr<ir::Dims> DimsOfInput(const NodeReader& node,
                                     GraphBuilder& graph) {
  ir::Dims dims;
  if (const std::optional<Tensor> constant = graph.Constant(node, 0)) {
    dims = ir::FixedDims(constant->shape());
  } else {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
    dims = graph.dims(x);
  }
  return dims;
}

}  // namespace

absl::Status ImportConstant(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(0, 0));
  OCTET_ASSIGN_OR_RETURN(auto value, node.TensorValue("value"));
  if (value.has_value()) return graph.ResultConstant(node, *std::move(value));
  if (node.HasAttribute("value_float")) {
    OCTET_ASSIGN_OR_RETURN(const float number, node.Float("value_float", 0));
    return graph.ResultConstant(node, Tensor::Of<float>({}, {number}));
  }
  if (node.HasAttribute("value_int")) {
    OCTET_ASSIGN_OR_RETURN(const int64_t number, node.Int("value_int", 0));
    return graph.ResultConstant(node, Tensor::Of<int64_t>({}, {number}));
  }
  OCTET_ASSIGN_OR_RETURN(auto floats, node.Floats("value_floats"));
  if (floats.has_value()) {
    const auto count = static_cast<int64_t>(floats->size());
    return graph.ResultConstant(node, Tensor::Of<float>({count}, *floats));
  }
  OCTET_ASSIGN_OR_RETURN(auto ints, node.Ints("value_ints"));
  if (ints.has_value()) {
    const auto count = static_cast<int64_t>(ints->size());
    return graph.ResultConstant(node, Tensor::Of<int64_t>({count}, *ints));
  }
  OCTET_RETURN_IF_ERROR(node.ExpectAllKnown());
  return absl::InvalidArgumentError("attribute 'value' is missing");
}

absl::Status ImportConstantOfShape(const NodeReader& node,
                                   GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const ir::Dims dims,
                         graph.RequireDims(node, 0, "the shape"));
  OCTET_ASSIGN_OR_RETURN(auto attribute, node.TensorValue("value"));
  const Tensor value = attribute.value_or(Tensor::Of<float>({1}, {0.0f}));
  if (value.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute 'value' has the shape ",
                     ShapeToString(value.shape()), "; expected one element"));
  }
  if (ir::HasRows(dims)) {
    OCTET_ASSIGN_OR_RETURN(const ir::ValueId one,
                           graph.AddConstant(node, value));
    return graph.Result(node, ir::Expand{dims}, {one});
  }
  const Shape shape = ir::ConcreteShape(dims);
  OCTET_ASSIGN_OR_RETURN(const int64_t count,
                         CheckedElementCount(shape, kMaxElements));
  OCTET_RETURN_IF_ERROR(graph.Charge(count * SizeOf(value.dtype())));
  Tensor tensor(value.dtype(), shape);
  Fill(value, tensor);
  return graph.ResultConstant(node, std::move(tensor));
}

absl::Status ImportShape(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(int64_t start, node.Int("start", 0));
  OCTET_ASSIGN_OR_RETURN(const ir::Dims dims, DimsOfInput(node, graph));
  const auto rank = static_cast<int64_t>(dims.size());
  OCTET_ASSIGN_OR_RETURN(int64_t end, node.Int("end", rank));
  start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, start, rank);
  IntegerList part;
  part.values.assign(dims.begin() + start, dims.begin() + end);
  return graph.ResultIntegers(node, std::move(part));
}

absl::Status ImportSize(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const ir::Dims dims, DimsOfInput(node, graph));
  IntegerList count;
  count.scalar = true;
  count.values = {ir::Dim::Fixed(1)};
  for (const ir::Dim& dim : dims) {
    if (dim.per_row && count.values[0].per_row) {
      return absl::UnimplementedError(absl::StrCat("asks for the size of ",
                                                   ir::DimsToString(dims),
                                                   ", which has rows twice"));
    }
    // No value has more than kMaxElements, so this cannot overflow.
    count.values[0].value *= dim.value;
    count.values[0].per_row = count.values[0].per_row || dim.per_row;
  }
  return graph.ResultIntegers(node, std::move(count));
}

}  // namespace octet::onnx
