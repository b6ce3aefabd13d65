// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/row_constants.h"

// What takes or puts elements where an input says.
namespace octet::onnx {
namespace {

// The elements of int32 or int64 indices that are known now; nullopt where
// they are not.
std::optional<std::vector<int64_t>> KnownIndices(const GraphBuilder& graph,
                                                 ir::ValueId id) {
  const std::optional<Tensor>& tensor = graph.constant(id);
  if (!tensor.has_value()) return std::nullopt;
  if (tensor->dtype() == DType::kInt64) {
    const auto data = tensor->data<int64_t>();
    return std::vector<int64_t>(data.begin(), data.end());
  }
  if (tensor->dtype() == DType::kInt32) {
    const auto data = tensor->data<int32_t>();
    return std::vector<int64_t>(data.begin(), data.end());
  }
  return std::nullopt;
}

// Indices that come with a run are clamped there; those of the file are wrong.
absl::Status ExpectKnownInRange(const GraphBuilder& graph, ir::ValueId indices,
                                const ir::Dim& dim) {
  if (dim.per_row) return absl::OkStatus();
  const auto known = KnownIndices(graph, indices);
  if (!known.has_value()) return absl::OkStatus();
  for (int64_t index : *known) {
    if (index >= -dim.value && index < dim.value) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("index ", index, " into ", dim.value, " entries"));
  }
  return absl::OkStatus();
}

// One known entry of an axis: a Slice, and a Reshape that drops the axis.
absl::Status TakeEntry(const NodeReader& node, GraphBuilder& graph,
                       ir::ValueId x, int axis, int64_t index) {
  const ir::Dims dims = graph.dims(x);
  ir::Slice op;
  op.starts.assign(dims.size(), 0);
  op.steps.assign(dims.size(), 1);
  for (const ir::Dim& dim : dims) {
    op.sizes.push_back(dim.per_row ? 0 : dim.value);
  }
  op.starts[axis] = index < 0 ? index + dims[axis].value : index;
  op.sizes[axis] = 1;
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId entry,
                         graph.Compute(node, std::move(op), {x}));
  ir::Dims rest = dims;
  rest.erase(rest.begin() + axis);
  return graph.Result(node, ir::Reshape{std::move(rest)}, {entry});
}

absl::StatusOr<int> ReadAxis(const NodeReader& node, const GraphBuilder& graph,
                             ir::ValueId x) {
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", 0));
  return NormalizedAxis(axis, graph.dims(x).size());
}

// All inputs of the node.
absl::StatusOr<std::vector<ir::ValueId>> ReadAll(const NodeReader& node,
                                                 GraphBuilder& graph,
                                                 int count) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(count, count));
  std::vector<ir::ValueId> inputs;
  for (int i = 0; i < count; ++i) {
    OCTET_ASSIGN_OR_RETURN(const ir::ValueId id, graph.Read(node, i));
    inputs.push_back(id);
  }
  return inputs;
}

// Attribute 'reduction': add and mul since opset 16, min and max since 18.
absl::StatusOr<ir::ScatterReduction> ReadReduction(const NodeReader& node) {
  OCTET_ASSIGN_OR_RETURN(const std::string name,
                         node.String("reduction", "none"));
  if (name == "none") return ir::ScatterReduction::kNone;
  if (name == "add") return ir::ScatterReduction::kAdd;
  if (name == "mul") return ir::ScatterReduction::kMul;
  if (name == "min") return ir::ScatterReduction::kMin;
  if (name == "max") return ir::ScatterReduction::kMax;
  return absl::InvalidArgumentError(
      absl::StrCat("attribute 'reduction' is '", name,
                   "'; expected 'none', 'add', 'mul', 'min' or 'max'"));
}

}  // namespace

absl::Status ImportGather(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto inputs, ReadAll(node, graph, 2));
  ir::Gather op;
  OCTET_ASSIGN_OR_RETURN(op.axis, ReadAxis(node, graph, inputs[0]));
  const ir::Dim dim = graph.dims(inputs[0])[op.axis];
  OCTET_RETURN_IF_ERROR(ExpectKnownInRange(graph, inputs[1], dim));
  const auto known = KnownIndices(graph, inputs[1]);
  if (known.has_value() && graph.dims(inputs[1]).empty() && !dim.per_row) {
    return TakeEntry(node, graph, inputs[0], op.axis, (*known)[0]);
  }
  return graph.Result(node, op, std::move(inputs));
}

absl::Status ImportGatherElements(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto inputs, ReadAll(node, graph, 2));
  ir::GatherElements op;
  OCTET_ASSIGN_OR_RETURN(op.axis, ReadAxis(node, graph, inputs[0]));
  OCTET_RETURN_IF_ERROR(
      ExpectKnownInRange(graph, inputs[1], graph.dims(inputs[0])[op.axis]));
  if (op.axis != 0) {
    OCTET_RETURN_IF_ERROR(GiveConstantsRows(node, graph, inputs));
  }
  return graph.Result(node, op, std::move(inputs));
}

absl::Status ImportGatherNd(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto inputs, ReadAll(node, graph, 2));
  OCTET_ASSIGN_OR_RETURN(const int64_t batch_dims, node.Int("batch_dims", 0));
  if (batch_dims < 0 ||
      batch_dims >= static_cast<int64_t>(graph.dims(inputs[0]).size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("batch_dims is ", batch_dims, " for dimensions ",
                     ir::DimsToString(graph.dims(inputs[0]))));
  }
  if (batch_dims > 0) {
    OCTET_RETURN_IF_ERROR(GiveConstantsRows(node, graph, inputs));
  }
  return graph.Result(node, ir::GatherNd{static_cast<int>(batch_dims)},
                      std::move(inputs));
}

absl::Status ImportScatterElements(const NodeReader& node,
                                   GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto inputs, ReadAll(node, graph, 3));
  ir::ScatterElements op;
  OCTET_ASSIGN_OR_RETURN(op.axis, ReadAxis(node, graph, inputs[0]));
  OCTET_ASSIGN_OR_RETURN(op.reduction, ReadReduction(node));
  OCTET_RETURN_IF_ERROR(
      ExpectKnownInRange(graph, inputs[1], graph.dims(inputs[0])[op.axis]));
  if (op.axis != 0) {
    OCTET_RETURN_IF_ERROR(GiveConstantsRows(node, graph, inputs));
  }
  return graph.Result(node, op, std::move(inputs));
}

absl::Status ImportScatterNd(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto inputs, ReadAll(node, graph, 3));
  ir::ScatterNd op;
  OCTET_ASSIGN_OR_RETURN(op.reduction, ReadReduction(node));
  return graph.Result(node, op, std::move(inputs));
}

// Takes the entries of an axis, or of all elements in a row, where a condition
// holds that is known now.
absl::Status ImportCompress(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(const Tensor condition,
                         graph.RequireConstant(node, 1, "the condition"));
  if (condition.dtype() != DType::kBool || condition.shape().size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the condition (input '", node.input(1), "') is ",
                     Name(condition.dtype()), ShapeToString(condition.shape()),
                     "; expected a list of bool"));
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  ir::Gather op;
  if (node.HasAttribute("axis")) {
    OCTET_ASSIGN_OR_RETURN(op.axis, ReadAxis(node, graph, x));
  } else {
    ir::Dim flat = ir::Dim::Fixed(1);
    for (const ir::Dim& dim : graph.dims(x)) {
      flat.value *= dim.value;
      flat.per_row = flat.per_row || dim.per_row;
    }
    OCTET_ASSIGN_OR_RETURN(x, graph.Compute(node, ir::Reshape{{flat}}, {x}));
  }
  std::vector<int64_t> entries;
  for (int64_t i = 0; i < condition.size(); ++i) {
    if (condition.data<bool>()[i]) entries.push_back(i);
  }
  const auto count = static_cast<int64_t>(entries.size());
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId indices,
      graph.AddConstant(node, Tensor::Of<int64_t>({count}, entries)));
  OCTET_RETURN_IF_ERROR(
      ExpectKnownInRange(graph, indices, graph.dims(x)[op.axis]));
  return graph.Result(node, op, {x, indices});
}

}  // namespace octet::onnx
