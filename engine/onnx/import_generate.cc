// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

// Operators whose results, or parts of them, follow from shapes alone.
namespace octet::onnx {
namespace {

using ir::ValueId;

// Offsets of diagonals, limits of ranges: beyond these they change nothing, and
// sums of two stay far from overflow.
constexpr int64_t kMaxOffset = int64_t{1} << 40;

absl::StatusOr<int64_t> ElementsOf(const ir::Dims& dims) {
  if (ir::HasRows(dims)) {
    return absl::UnimplementedError(
        absl::StrCat("needs the dimensions ", ir::DimsToString(dims),
                     ", which depend on the number of rows"));
  }
  return CheckedElementCount(ir::ConcreteShape(dims), kMaxElements);
}

// Whether element (row, column) is at least `offset` above the diagonal.
struct Diagonal {
  bool at_or_above;
  int64_t offset;

  bool Holds(int64_t row, int64_t column) const {
    const int64_t above = column - row - offset;
    return at_or_above ? above >= 0 : above <= 0;
  }
};

// The one number of a known tensor of any type that has numbers.
absl::StatusOr<double> RequireNumber(const NodeReader& node,
                                     const GraphBuilder& graph, int i,
                                     absl::string_view what) {
  OCTET_ASSIGN_OR_RETURN(const Tensor tensor,
                         graph.RequireConstant(node, i, what));
  if (tensor.size() == 1) {
    switch (tensor.dtype()) {
      case DType::kFloat32:
        return tensor.data<float>()[0];
      case DType::kFloat64:
        return tensor.data<double>()[0];
      case DType::kInt8:
        return tensor.data<int8_t>()[0];
      case DType::kUInt8:
        return tensor.data<uint8_t>()[0];
      case DType::kInt16:
        return tensor.data<int16_t>()[0];
      case DType::kUInt16:
        return tensor.data<uint16_t>()[0];
      case DType::kInt32:
        return tensor.data<int32_t>()[0];
      case DType::kUInt32:
        return tensor.data<uint32_t>()[0];
      case DType::kInt64:
        return static_cast<double>(tensor.data<int64_t>()[0]);
      case DType::kUInt64:
        return static_cast<double>(tensor.data<uint64_t>()[0]);
      default:
        break;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, " (input '", node.input(i), "') is ", Name(tensor.dtype()),
      ShapeToString(tensor.shape()), "; expected one number"));
}

absl::StatusOr<int64_t> CheckedCount(double count) {
  if (count <= static_cast<double>(kMaxElements)) {
    return static_cast<int64_t>(std::max(count, 0.0));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the result has ", count, " elements; expected at most ", kMaxElements));
}

// 0, 1, ..., count - 1 along `axis` of `rank` axes.
absl::StatusOr<ValueId> AddIndices(const NodeReader& node, GraphBuilder& graph,
                                   int64_t count, size_t rank, int axis) {
  OCTET_RETURN_IF_ERROR(graph.Charge(count * sizeof(int64_t)));
  Shape shape(rank, 1);
  shape[axis] = count;
  Tensor indices(DType::kInt64, std::move(shape));
  const auto values = indices.mutable_data<int64_t>();
  std::iota(values.begin(), values.end(), 0);
  return graph.AddConstant(node, std::move(indices));
}

absl::StatusOr<ValueId> AddInt(const NodeReader& node, GraphBuilder& graph,
                               int64_t value) {
  return graph.AddConstant(node, Tensor::Of<int64_t>({}, {value}));
}

// OneHot's indices as int64, negative ones counted from the end.
absl::StatusOr<ValueId> ReadIndices(const NodeReader& node, GraphBuilder& graph,
                                    int64_t depth) {
  OCTET_ASSIGN_OR_RETURN(ValueId indices, graph.Read(node, 0));
  if (graph.type(indices).dtype != DType::kInt64) {
    OCTET_ASSIGN_OR_RETURN(
        indices, graph.Compute(node, ir::Cast{DType::kInt64}, {indices}));
  }
  OCTET_ASSIGN_OR_RETURN(const ValueId zero, AddInt(node, graph, 0));
  OCTET_ASSIGN_OR_RETURN(const ValueId extent, AddInt(node, graph, depth));
  OCTET_ASSIGN_OR_RETURN(
      const ValueId is_negative,
      graph.Compute(node, ir::Binary{ir::BinaryKind::kLess, {}},
                    {indices, zero}));
  OCTET_ASSIGN_OR_RETURN(
      const ValueId from_end,
      graph.Compute(node, ir::Binary{ir::BinaryKind::kAdd, {}},
                    {indices, extent}));
  return graph.Compute(node, ir::Where{}, {is_negative, from_end, indices});
}

// Entry `i` of OneHot's values.
absl::StatusOr<ValueId> PickValue(const NodeReader& node, GraphBuilder& graph,
                                  ValueId values, int64_t i) {
  OCTET_ASSIGN_OR_RETURN(
      const ValueId one,
      graph.Compute(node, ir::Slice{{i}, {1}, {1}}, {values}));
  return graph.Compute(node, ir::Reshape{{}}, {one});
}

// Dropout's mask: nothing is dropped. Of bools from opset 10 on, before of x's
// type.
absl::Status AddDropoutMask(const NodeReader& node, GraphBuilder& graph,
                            ValueId x) {
  if (node.output_count() < 2 || node.output(1).empty()) {
    return absl::OkStatus();
  }
  const DType dtype = node.opset() < 10 ? graph.type(x).dtype : DType::kBool;
  // As long as x is, whose length may not be known.
  OCTET_ASSIGN_OR_RETURN(const ValueId bools,
                         graph.Compute(node, ir::Cast{DType::kBool}, {x}));
  OCTET_ASSIGN_OR_RETURN(
      ValueId mask, graph.Compute(node, ir::Binary{ir::BinaryKind::kEqual, {}},
                                  {bools, bools}));
  if (dtype != DType::kBool) {
    OCTET_ASSIGN_OR_RETURN(mask, graph.Compute(node, ir::Cast{dtype}, {mask}));
  }
  return graph.ResultIs(node, mask, 1);
}

}  // namespace

absl::Status ImportTrilu(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 2));
  OCTET_ASSIGN_OR_RETURN(const int64_t upper, node.Int("upper", 1));
  int64_t offset = 0;
  if (node.HasInput(1)) {
    OCTET_ASSIGN_OR_RETURN(const auto k,
                           graph.RequireInts(node, 1, "the diagonal"));
    if (k.size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the diagonal has ", k.size(), " numbers; expected one"));
    }
    offset = std::clamp(k[0], -kMaxOffset, kMaxOffset);
  }
  OCTET_ASSIGN_OR_RETURN(const ValueId x, graph.Read(node, 0));
  const ir::Dims& dims = graph.dims(x);
  if (dims.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat("the input has dimensions ",
                                                   ir::DimsToString(dims),
                                                   "; expected [..., N, M]"));
  }
  const ir::Dims matrix(dims.end() - 2, dims.end());
  OCTET_ASSIGN_OR_RETURN(const int64_t elements, ElementsOf(matrix));
  OCTET_RETURN_IF_ERROR(graph.Charge(elements));
  Tensor keep(DType::kBool, ir::ConcreteShape(matrix));
  const auto flags = keep.mutable_data<bool>();
  const Diagonal diagonal = {upper != 0, offset};
  for (int64_t i = 0; i < elements; ++i) {
    flags[i] = diagonal.Holds(i / matrix[1].value, i % matrix[1].value);
  }
  OCTET_ASSIGN_OR_RETURN(const ValueId condition,
                         graph.AddConstant(node, std::move(keep)));
  OCTET_ASSIGN_OR_RETURN(
      const ValueId zero,
      graph.AddConstant(node, Tensor(graph.type(x).dtype, Shape{})));
  return graph.Result(node, ir::Where{}, {condition, x, zero});
}

absl::Status ImportEyeLike(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t k, node.Int("k", 0));
  const ir::TensorType type = graph.type(x);
  OCTET_ASSIGN_OR_RETURN(const int64_t to,
                         node.Int("dtype", DTypeToOnnx(type.dtype)));
  OCTET_ASSIGN_OR_RETURN(const DType dtype,
                         DTypeFromOnnx(static_cast<int32_t>(
                             std::clamp<int64_t>(to, 0, kMaxElements))));
  if (type.dims.size() != 2) {
    return absl::InvalidArgumentError(absl::StrCat("the input has dimensions ",
                                                   ir::DimsToString(type.dims),
                                                   "; expected [N, M]"));
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t elements, ElementsOf(type.dims));
  OCTET_RETURN_IF_ERROR(graph.Charge(elements));
  Tensor ones(DType::kBool, ir::ConcreteShape(type.dims));
  const auto flags = ones.mutable_data<bool>();
  for (int64_t i = 0; i < elements; ++i) {
    const int64_t columns = type.dims[1].value;
    flags[i] =
        i % columns - i / columns == std::clamp(k, -kMaxOffset, kMaxOffset);
  }
  OCTET_ASSIGN_OR_RETURN(const ValueId eye,
                         graph.AddConstant(node, std::move(ones)));
  const bool half = dtype == DType::kFloat16 || dtype == DType::kBFloat16;
  return graph.Result(node, ir::Cast{half ? DType::kFloat32 : dtype}, {eye});
}

absl::Status ImportOneHot(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 3));
  OCTET_ASSIGN_OR_RETURN(const int64_t attribute, node.Int("axis", -1));
  OCTET_ASSIGN_OR_RETURN(const double depth,
                         RequireNumber(node, graph, 1, "the depth"));
  if (!(depth >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the depth is ", depth, "; expected at least 0"));
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t count, CheckedCount(depth));
  OCTET_ASSIGN_OR_RETURN(ValueId indices, ReadIndices(node, graph, count));
  ir::Dims dims = graph.dims(indices);
  OCTET_ASSIGN_OR_RETURN(const int axis,
                         NormalizedAxis(attribute, dims.size() + 1));
  OCTET_ASSIGN_OR_RETURN(const ValueId counted,
                         AddIndices(node, graph, count, dims.size() + 1, axis));
  dims.insert(dims.begin() + axis, ir::Dim::Fixed(1));
  OCTET_ASSIGN_OR_RETURN(
      indices, graph.Compute(node, ir::Reshape{std::move(dims)}, {indices}));
  OCTET_ASSIGN_OR_RETURN(
      const ValueId is_hot,
      graph.Compute(node, ir::Binary{ir::BinaryKind::kEqual, {}},
                    {indices, counted}));
  OCTET_ASSIGN_OR_RETURN(const ValueId values, graph.Read(node, 2));
  if (graph.dims(values) != ir::Dims{ir::Dim::Fixed(2)}) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the values (input '", node.input(2), "') have dimensions ",
        ir::DimsToString(graph.dims(values)), "; expected [2]"));
  }
  OCTET_ASSIGN_OR_RETURN(const ValueId off, PickValue(node, graph, values, 0));
  OCTET_ASSIGN_OR_RETURN(const ValueId on, PickValue(node, graph, values, 1));
  return graph.Result(node, ir::Where{}, {is_hot, on, off});
}

absl::Status ImportDropout(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 3));
  node.Ignore("ratio");
  node.Ignore("seed");
  node.Ignore("consumed_inputs");
  OCTET_ASSIGN_OR_RETURN(const int64_t is_test, node.Int("is_test", 1));
  bool training = is_test == 0;
  if (node.HasInput(2)) {
    OCTET_ASSIGN_OR_RETURN(const Tensor flag,
                           graph.RequireConstant(node, 2, "training_mode"));
    training = training || flag.dtype() != DType::kBool || flag.size() != 1 ||
               flag.data<bool>()[0];
  }
  if (training) {
    return absl::UnimplementedError(
        "Dropout in training mode; octet runs inference: export the model in "
        "evaluation mode");
  }
  OCTET_ASSIGN_OR_RETURN(const ValueId x, graph.Read(node, 0));
  OCTET_RETURN_IF_ERROR(AddDropoutMask(node, graph, x));
  return graph.ResultIs(node, x);
}

absl::Status RefuseRandom(const NodeReader& node, GraphBuilder&) {
  return absl::UnimplementedError(
      absl::StrCat(node.op_type(),
                   " draws random numbers; octet's answers follow from its "
                   "inputs alone: draw them outside and make them an input"));
}

}  // namespace octet::onnx
