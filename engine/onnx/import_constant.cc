// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

// Shapes are short; anything longer is data and left to the passes.
constexpr int64_t kMaxFoldedElements = 1024;

// A known int32 or int64 tensor of at most one axis.
struct IntegerList {
  std::vector<int64_t> values;
  bool scalar = false;
  DType dtype = DType::kInt64;
};

std::optional<IntegerList> AsIntegers(const std::optional<Tensor>& tensor) {
  if (!tensor.has_value() || tensor->shape().size() > 1 ||
      tensor->size() > kMaxFoldedElements) {
    return std::nullopt;
  }
  IntegerList list;
  list.scalar = tensor->shape().empty();
  list.dtype = tensor->dtype();
  if (list.dtype == DType::kInt64) {
    const auto data = tensor->data<int64_t>();
    list.values.assign(data.begin(), data.end());
  } else if (list.dtype == DType::kInt32) {
    const auto data = tensor->data<int32_t>();
    list.values.assign(data.begin(), data.end());
  } else {
    return std::nullopt;
  }
  return list;
}

// nullopt where a value is out of the type's range.
std::optional<Tensor> AsTensor(const IntegerList& list) {
  const auto count = static_cast<int64_t>(list.values.size());
  const Shape shape = list.scalar ? Shape{} : Shape{count};
  if (list.dtype == DType::kInt64) {
    return Tensor::Of<int64_t>(shape, list.values);
  }
  std::vector<int32_t> narrowed;
  for (int64_t value : list.values) {
    narrowed.push_back(static_cast<int32_t>(value));
    if (narrowed.back() != value) return std::nullopt;
  }
  return Tensor::Of<int32_t>(shape, narrowed);
}

using Folded = absl::StatusOr<std::optional<IntegerList>>;

Folded FoldGather(const NodeReader& node,
                  const std::vector<IntegerList>& inputs) {
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  if (inputs.size() != 2 || inputs[0].scalar || (axis != 0 && axis != -1)) {
    return std::nullopt;
  }
  IntegerList result = inputs[1];
  result.dtype = inputs[0].dtype;
  const auto extent = static_cast<int64_t>(inputs[0].values.size());
  for (int64_t& value : result.values) {
    const int64_t index = value < 0 ? value + extent : value;
    if (index < 0 || index >= extent) {
      return absl::InvalidArgumentError(
          absl::StrCat("index ", value, " into ", extent, " entries"));
    }
    value = inputs[0].values[index];
  }
  return result;
}

Folded FoldConcat(const NodeReader& node,
                  const std::vector<IntegerList>& inputs) {
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  IntegerList result;
  result.dtype = inputs[0].dtype;
  for (const IntegerList& input : inputs) {
    if (input.scalar || input.dtype != result.dtype ||
        (axis != 0 && axis != -1)) {
      return std::nullopt;
    }
    result.values.insert(result.values.end(), input.values.begin(),
                         input.values.end());
  }
  return result;
}

Folded FoldCast(const NodeReader& node,
                const std::vector<IntegerList>& inputs) {
  OCTET_ASSIGN_OR_RETURN(const int64_t to, node.Int("to", 0));
  IntegerList result = inputs[0];
  if (to == pb::TensorProto::INT64) {
    result.dtype = DType::kInt64;
  } else if (to == pb::TensorProto::INT32) {
    result.dtype = DType::kInt32;
  } else {
    return std::nullopt;
  }
  return result;
}

// nullopt on overflow and division by zero.
std::optional<int64_t> Calculate(const std::string& op_type, int64_t a,
                                 int64_t b) {
  int64_t result = 0;
  bool overflows = false;
  if (op_type == "Add") {
    overflows = __builtin_add_overflow(a, b, &result);
  } else if (op_type == "Sub") {
    overflows = __builtin_sub_overflow(a, b, &result);
  } else if (op_type == "Mul") {
    overflows = __builtin_mul_overflow(a, b, &result);
  } else if (b == 0 || b == -1) {
    // -1 overflows for the smallest number; negation says so.
    overflows = b == 0 || __builtin_sub_overflow(int64_t{0}, a, &result);
  } else {
    result = a / b;
  }
  if (overflows) return std::nullopt;
  return result;
}

Folded FoldArithmetic(const NodeReader& node,
                      const std::vector<IntegerList>& inputs) {
  if (inputs.size() != 2 || inputs[0].dtype != inputs[1].dtype) {
    return std::nullopt;
  }
  const auto& a = inputs[0].values;
  const auto& b = inputs[1].values;
  if (a.size() != b.size() && a.size() != 1 && b.size() != 1) {
    return std::nullopt;
  }
  IntegerList result;
  result.dtype = inputs[0].dtype;
  result.scalar = inputs[0].scalar && inputs[1].scalar;
  if (a.empty() || b.empty()) return result;
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::optional<int64_t> value = Calculate(
        node.op_type(), a[a.size() == 1 ? 0 : i], b[b.size() == 1 ? 0 : i]);
    if (!value.has_value()) {
      return absl::InvalidArgumentError(
          "overflows or divides by zero on constants");
    }
    result.values.push_back(*value);
  }
  return result;
}

using FoldRule = Folded (*)(const NodeReader&, const std::vector<IntegerList>&);

FoldRule FindFoldRule(const std::string& op_type) {
  if (op_type == "Gather") return FoldGather;
  if (op_type == "Concat") return FoldConcat;
  if (op_type == "Cast") return FoldCast;
  if (op_type == "Add" || op_type == "Sub" || op_type == "Mul" ||
      op_type == "Div") {
    return FoldArithmetic;
  }
  return nullptr;
}

// `count` copies of the one element of `value`.
void Fill(const Tensor& value, Tensor& out) {
  const size_t width = SizeOf(value.dtype());
  for (int64_t i = 0; i < out.size(); ++i) {
    std::memcpy(out.mutable_bytes() + i * width, value.bytes(), width);
  }
}

}  // namespace

absl::StatusOr<bool> FoldIntegers(const NodeReader& node, GraphBuilder& graph) {
  const FoldRule rule = FindFoldRule(node.op_type());
  if (rule == nullptr || node.input_count() == 0) return false;
  std::vector<IntegerList> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    std::optional<IntegerList> list = AsIntegers(graph.Constant(node, i));
    if (!list.has_value()) return false;
    inputs.push_back(*std::move(list));
  }
  OCTET_ASSIGN_OR_RETURN(std::optional<IntegerList> result, rule(node, inputs));
  if (!result.has_value()) return false;
  const std::optional<Tensor> tensor = AsTensor(*result);
  if (!tensor.has_value()) return false;
  OCTET_RETURN_IF_ERROR(graph.ResultConstant(node, *tensor));
  return true;
}

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
  OCTET_ASSIGN_OR_RETURN(const Shape shape,
                         graph.RequireInts(node, 0, "the shape"));
  OCTET_ASSIGN_OR_RETURN(auto attribute, node.TensorValue("value"));
  const Tensor value = attribute.value_or(Tensor::Of<float>({1}, {0.0f}));
  if (value.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute 'value' has the shape ",
                     ShapeToString(value.shape()), "; expected one element"));
  }
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
  ir::Dims dims;
  if (const std::optional<Tensor> constant = graph.Constant(node, 0)) {
    dims = ir::FixedDims(constant->shape());
  } else {
    OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
    dims = graph.dims(x);
  }
  if (ir::HasRows(dims)) {
    return absl::UnimplementedError(
        absl::StrCat("asks for the dimensions ", ir::DimsToString(dims),
                     ", which depend on the number of rows"));
  }
  const auto rank = static_cast<int64_t>(dims.size());
  OCTET_ASSIGN_OR_RETURN(int64_t end, node.Int("end", rank));
  start = std::clamp<int64_t>(start < 0 ? start + rank : start, 0, rank);
  end = std::clamp<int64_t>(end < 0 ? end + rank : end, start, rank);
  const Shape shape = ir::ConcreteShape(dims);
  const std::vector<int64_t> part(shape.begin() + start, shape.begin() + end);
  return graph.ResultConstant(node, Tensor::Of<int64_t>({end - start}, part));
}

}  // namespace octet::onnx
