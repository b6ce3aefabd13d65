// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/integer_list.h"
#include "engine/onnx/op_registry.h"

// Operators on lists that may hold the number of rows, which is not known while
// a graph with rows is built. On lists of plain numbers they do what the
// operators do, so that both go the same way.
namespace octet::onnx {
namespace {

// Shapes are short; anything longer is data and left to the passes.
constexpr int64_t kMaxFoldedIntegers = 1024;

using ir::Dim;
using Folded = absl::StatusOr<std::optional<IntegerList>>;

Folded FoldGather(const NodeReader& node,
                  const std::vector<IntegerList>& inputs) {
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  if (inputs.size() != 2 || inputs[0].scalar || (axis != 0 && axis != -1) ||
      ir::HasRows(inputs[1].values)) {
    return std::nullopt;
  }
  IntegerList result = inputs[1];
  result.dtype = inputs[0].dtype;
  const auto extent = static_cast<int64_t>(inputs[0].values.size());
  for (Dim& value : result.values) {
    const int64_t index = value.value < 0 ? value.value + extent : value.value;
    if (index < 0 || index >= extent) {
      return absl::InvalidArgumentError(
          absl::StrCat("index ", value.value, " into ", extent, " entries"));
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

// A list of one entry and a scalar are each other's Squeeze and Unsqueeze.
Folded FoldSqueeze(const NodeReader& node,
                   const std::vector<IntegerList>& inputs) {
  IntegerList result = inputs[0];
  if (result.values.size() != 1) return std::nullopt;
  OCTET_RETURN_IF_ERROR(node.Ints("axes").status());
  if (node.op_type() == "Unsqueeze" && !result.scalar) return std::nullopt;
  result.scalar = node.op_type() == "Squeeze";
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
  } else if (op_type == "Max") {
    result = std::max(a, b);
  } else if (b == 0 || b == -1) {
    // -1 overflows for the smallest number; negation says so.
    overflows = b == 0 || __builtin_sub_overflow(int64_t{0}, a, &result);
  } else {
    result = a / b;
  }
  if (overflows) return std::nullopt;
  return result;
}

// Whether what Calculate() gives for the factors is, with the rows put in, what
// the operator gives, and then whether that has rows; nullopt if it is not.
std::optional<bool> KeepsRows(const std::string& op_type, const Dim& a,
                              const Dim& b) {
  if (!a.per_row && !b.per_row) return false;
  if (op_type == "Mul") {
    if (a.per_row && b.per_row) return std::nullopt;
    return true;
  }
  if (op_type == "Div") {
    if (a.per_row && b.per_row) {
      if (b.value == 0 || a.value % b.value != 0) return std::nullopt;
      return false;
    }
    if (b.per_row || b.value == 0 || a.value % b.value != 0) {
      return std::nullopt;
    }
    return true;
  }
  if (op_type == "Max") {
    if (a.per_row && b.per_row) return true;
    // There is at least one row.
    const Dim& rows = a.per_row ? a : b;
    const Dim& number = a.per_row ? b : a;
    if (rows.value < 0 || number.value > rows.value) return std::nullopt;
    return true;
  }
  // Sums of rows and rows, or of rows and nothing.
  if (a.per_row && b.per_row) return true;
  if ((a.per_row ? b.value : a.value) != 0 || (op_type == "Sub" && b.per_row)) {
    return std::nullopt;
  }
  return true;
}

Folded FoldArithmetic(const NodeReader& node,
                      const std::vector<IntegerList>& inputs) {
  if (inputs.size() != 2 || inputs[0].dtype != inputs[1].dtype) {
    return std::nullopt;
  }
  const ir::Dims& a = inputs[0].values;
  const ir::Dims& b = inputs[1].values;
  if (a.size() != b.size() && a.size() != 1 && b.size() != 1) {
    return std::nullopt;
  }
  IntegerList result;
  result.dtype = inputs[0].dtype;
  result.scalar = inputs[0].scalar && inputs[1].scalar;
  if (a.empty() || b.empty()) return result;
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const Dim& left = a[a.size() == 1 ? 0 : i];
    const Dim& right = b[b.size() == 1 ? 0 : i];
    const std::optional<bool> rows = KeepsRows(node.op_type(), left, right);
    if (!rows.has_value()) return std::nullopt;
    const std::optional<int64_t> value =
        Calculate(node.op_type(), left.value, right.value);
    if (!value.has_value()) {
      return absl::InvalidArgumentError(
          "overflows or divides by zero on constants");
    }
    result.values.push_back({*value, *rows});
  }
  return result;
}

// The product of a whole list: the length of axes that are made one.
Folded FoldReduceProd(const NodeReader& node,
                      const std::vector<IntegerList>& inputs) {
  OCTET_ASSIGN_OR_RETURN(const auto attribute, node.Ints("axes"));
  OCTET_ASSIGN_OR_RETURN(const int64_t keep_dims, node.Int("keepdims", 1));
  OCTET_ASSIGN_OR_RETURN(const int64_t none_if_empty,
                         node.Int("noop_with_empty_axes", 0));
  ir::Dims axes;
  if (inputs.size() > 1) axes = inputs[1].values;
  if (attribute.has_value()) {
    for (int64_t axis : *attribute) axes.push_back(Dim::Fixed(axis));
  }
  // There is but one axis to be named.
  const bool whole = axes.empty() ? none_if_empty == 0
                                  : axes == ir::Dims{Dim::Fixed(0)} ||
                                        axes == ir::Dims{Dim::Fixed(-1)};
  if (!whole || inputs[0].scalar || inputs.size() > 2) return std::nullopt;
  Dim product = Dim::Fixed(1);
  for (const Dim& value : inputs[0].values) {
    const std::optional<bool> rows = KeepsRows("Mul", product, value);
    const auto result = Calculate("Mul", product.value, value.value);
    if (!rows || !result) return std::nullopt;
    product = {*result, *rows};
  }
  IntegerList result;
  result.dtype = inputs[0].dtype;
  result.scalar = keep_dims == 0;
  result.values = {product};
  return result;
}

// Slice of a list by plain numbers.
Folded FoldSlice(const NodeReader& node,
                 const std::vector<IntegerList>& inputs) {
  if (inputs.size() < 3 || inputs[0].scalar) return std::nullopt;
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (inputs[i].values.size() != 1 || inputs[i].values[0].per_row) {
      return std::nullopt;
    }
  }
  if (inputs.size() > 3 && inputs[3].values[0].value != 0 &&
      inputs[3].values[0].value != -1) {
    return std::nullopt;
  }
  if (inputs.size() > 4 && inputs[4].values[0].value != 1) return std::nullopt;
  static_cast<void>(node);
  const auto extent = static_cast<int64_t>(inputs[0].values.size());
  const auto bound = [extent](int64_t at) {
    return std::clamp<int64_t>(at < 0 && at >= -extent ? at + extent : at, 0,
                               extent);
  };
  const int64_t begin = bound(inputs[1].values[0].value);
  const int64_t end = std::max(begin, bound(inputs[2].values[0].value));
  IntegerList result = inputs[0];
  result.values.assign(inputs[0].values.begin() + begin,
                       inputs[0].values.begin() + end);
  return result;
}

using FoldRule = Folded (*)(const NodeReader&, const std::vector<IntegerList>&);

FoldRule FindFoldRule(const NodeReader& node) {
  const std::string& op_type = node.op_type();
  if (op_type == "Gather") return FoldGather;
  if (op_type == "Concat") return FoldConcat;
  if (op_type == "Cast") return FoldCast;
  if (op_type == "Squeeze" || op_type == "Unsqueeze") return FoldSqueeze;
  if (op_type == "Slice" && node.opset() >= 10) return FoldSlice;
  if (op_type == "ReduceProd") return FoldReduceProd;
  if (op_type == "Add" || op_type == "Sub" || op_type == "Mul" ||
      op_type == "Div" || op_type == "Max") {
    return FoldArithmetic;
  }
  return nullptr;
}

}  // namespace

std::optional<IntegerList> AsIntegerList(const Tensor& tensor) {
  if (tensor.shape().size() > 1 || tensor.size() > kMaxFoldedIntegers) {
    return std::nullopt;
  }
  IntegerList list;
  list.scalar = tensor.shape().empty();
  list.dtype = tensor.dtype();
  const auto append = [&](const auto& data) {
    for (const int64_t value : data) list.values.push_back(Dim::Fixed(value));
  };
  if (list.dtype == DType::kInt64) {
    append(tensor.data<int64_t>());
  } else if (list.dtype == DType::kInt32) {
    append(tensor.data<int32_t>());
  } else {
    return std::nullopt;
  }
  return list;
}

std::optional<Tensor> AsTensor(const IntegerList& list) {
  if (ir::HasRows(list.values)) return std::nullopt;
  const auto count = static_cast<int64_t>(list.values.size());
  const Shape shape = list.scalar ? Shape{} : Shape{count};
  std::vector<int64_t> values;
  std::vector<int32_t> narrowed;
  for (const Dim& dim : list.values) {
    values.push_back(dim.value);
    narrowed.push_back(static_cast<int32_t>(dim.value));
    if (list.dtype == DType::kInt32 && narrowed.back() != dim.value) {
      return std::nullopt;
    }
  }
  if (list.dtype == DType::kInt32) return Tensor::Of<int32_t>(shape, narrowed);
  return Tensor::Of<int64_t>(shape, values);
}

absl::StatusOr<bool> FoldIntegers(const NodeReader& node, GraphBuilder& graph) {
  const FoldRule rule = FindFoldRule(node);
  if (rule == nullptr || node.input_count() == 0) return false;
  std::vector<IntegerList> inputs;
  for (int i = 0; i < node.input_count(); ++i) {
    std::optional<IntegerList> list = graph.Integers(node, i);
    if (!list.has_value()) return false;
    inputs.push_back(*std::move(list));
  }
  OCTET_ASSIGN_OR_RETURN(std::optional<IntegerList> result, rule(node, inputs));
  if (!result.has_value()) return false;
  if (ir::HasRows(result->values)) {
    OCTET_RETURN_IF_ERROR(graph.ResultIntegers(node, *std::move(result)));
    return true;
  }
  const std::optional<Tensor> tensor = AsTensor(*result);
  if (!tensor.has_value()) return false;
  OCTET_RETURN_IF_ERROR(graph.ResultConstant(node, *tensor));
  return true;
}

}  // namespace octet::onnx
