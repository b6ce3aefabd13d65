// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

using ir::BinaryKind;
using ir::ValueId;

absl::StatusOr<ValueId> Combine(const NodeReader& node, GraphBuilder& graph,
                                BinaryKind kind, ValueId a, ValueId b) {
  return graph.Compute(node, ir::Binary{kind, {}}, {a, b});
}

absl::StatusOr<ValueId> Map(const NodeReader& node, GraphBuilder& graph,
                            ir::UnaryKind kind, ValueId x) {
  ir::Unary op;
  op.kind = kind;
  return graph.Compute(node, op, {x});
}

absl::StatusOr<ValueId> Average(const NodeReader& node, GraphBuilder& graph,
                                ValueId x, std::vector<int> axes) {
  return graph.Compute(
      node, ir::Reduce{ir::ReduceKind::kMean, std::move(axes), true}, {x});
}

// What a normalization is made of.
struct Parts {
  ValueId mean = 0;  // only with the mean subtracted
  ValueId inverse_deviation = 0;
  ValueId result = 0;
};

// LayerNorm without scale and bias as single operators.
absl::StatusOr<Parts> NormalizeByParts(const NodeReader& node,
                                       GraphBuilder& graph, ValueId x,
                                       const ir::LayerNorm& op) {
  const DType dtype = graph.type(x).dtype;
  std::vector<int> axes;
  for (size_t i = op.axis; i < graph.dims(x).size(); ++i) {
    axes.push_back(static_cast<int>(i));
  }
  Parts parts;
  if (op.subtract_mean) {
    OCTET_ASSIGN_OR_RETURN(parts.mean, Average(node, graph, x, axes));
    OCTET_ASSIGN_OR_RETURN(
        x, Combine(node, graph, BinaryKind::kSub, x, parts.mean));
  }
  OCTET_ASSIGN_OR_RETURN(ValueId deviation,
                         Combine(node, graph, BinaryKind::kMul, x, x));
  OCTET_ASSIGN_OR_RETURN(deviation, Average(node, graph, deviation, axes));
  OCTET_ASSIGN_OR_RETURN(const ValueId epsilon,
                         AddScalar(node, graph, dtype, op.epsilon));
  OCTET_ASSIGN_OR_RETURN(
      deviation, Combine(node, graph, BinaryKind::kAdd, deviation, epsilon));
  OCTET_ASSIGN_OR_RETURN(deviation,
                         Map(node, graph, ir::UnaryKind::kSqrt, deviation));
  OCTET_ASSIGN_OR_RETURN(
      parts.inverse_deviation,
      Map(node, graph, ir::UnaryKind::kReciprocal, deviation));
  OCTET_ASSIGN_OR_RETURN(parts.result, Combine(node, graph, BinaryKind::kMul, x,
                                               parts.inverse_deviation));
  return parts;
}

// LayerNorm without scale and bias.
absl::StatusOr<ValueId> Normalize(const NodeReader& node, GraphBuilder& graph,
                                  ValueId x, const ir::LayerNorm& op) {
  if (graph.type(x).dtype == DType::kFloat32) {
    return graph.Compute(node, op, {x});
  }
  OCTET_ASSIGN_OR_RETURN(const Parts parts,
                         NormalizeByParts(node, graph, x, op));
  return parts.result;
}

// x * scale + bias; both broadcast to x. Leaves out what `scale_input` and
// `bias_input` don't give.
absl::StatusOr<ValueId> ScaleAndShift(const NodeReader& node,
                                      GraphBuilder& graph, ValueId x,
                                      int scale_input, int bias_input) {
  const ir::Dims dims = graph.dims(x);
  const std::pair<int, BinaryKind> steps[] = {{scale_input, BinaryKind::kMul},
                                              {bias_input, BinaryKind::kAdd}};
  for (const auto& [input, kind] : steps) {
    if (!node.HasInput(input)) continue;
    OCTET_ASSIGN_OR_RETURN(const ValueId by, graph.Read(node, input));
    OCTET_ASSIGN_OR_RETURN(x, Combine(node, graph, kind, x, by));
    if (graph.dims(x) != dims) {
      return absl::InvalidArgumentError(
          absl::StrCat("input '", node.input(input), "' does not broadcast to ",
                       ir::DimsToString(dims)));
    }
  }
  return x;
}

// Input `i`, of [C], with axes of one entry behind, `rank` - 1 in all.
absl::StatusOr<ValueId> ReadChannels(const NodeReader& node,
                                     GraphBuilder& graph, int i, size_t rank,
                                     const ir::Dim& channels) {
  OCTET_ASSIGN_OR_RETURN(const ValueId x, graph.Read(node, i));
  if (graph.dims(x) != ir::Dims{channels}) {
    return absl::InvalidArgumentError(
        absl::StrCat("input '", node.input(i), "' has dimensions ",
                     ir::DimsToString(graph.dims(x)), "; expected ",
                     ir::DimsToString({channels})));
  }
  ir::Dims dims(rank - 1, ir::Dim::Fixed(1));
  dims[0] = channels;
  return graph.Compute(node, ir::Reshape{std::move(dims)}, {x});
}

// x normalized over each of `groups` equal parts of its channels, in x's shape
// or, with `keep_groups`, as [N, groups, the rest].
absl::StatusOr<ValueId> NormalizeGroups(const NodeReader& node,
                                        GraphBuilder& graph, ValueId x,
                                        int64_t groups, bool keep_groups) {
  const ir::Dims dims = graph.dims(x);
  if (dims.size() < 2 || dims[1].per_row || groups < 1 ||
      dims[1].value % groups != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the input has dimensions ", ir::DimsToString(dims),
                     "; expected [N, C, ...] with C a multiple of ", groups));
  }
  ir::Dims grouped = {dims[0], ir::Dim::Fixed(groups),
                      ir::Dim::Fixed(dims[1].value / groups)};
  for (size_t i = 2; i < dims.size(); ++i) {
    grouped[2].value *= dims[i].value;
    grouped[2].per_row = grouped[2].per_row || dims[i].per_row;
  }
  ir::LayerNorm op;
  op.axis = 2;
  OCTET_ASSIGN_OR_RETURN(op.epsilon, node.Float("epsilon", 1e-5f));
  OCTET_ASSIGN_OR_RETURN(x, graph.Compute(node, ir::Reshape{grouped}, {x}));
  OCTET_ASSIGN_OR_RETURN(x, Normalize(node, graph, x, op));
  if (keep_groups) return x;
  return graph.Compute(node, ir::Reshape{dims}, {x});
}

// x * scale + bias with one number each for each entry of axis 1.
absl::StatusOr<ValueId> ScaleChannels(const NodeReader& node,
                                      GraphBuilder& graph, ValueId x) {
  const ir::Dims dims = graph.dims(x);
  const BinaryKind kinds[] = {BinaryKind::kMul, BinaryKind::kAdd};
  for (int i = 0; i < 2; ++i) {
    OCTET_ASSIGN_OR_RETURN(
        const ValueId by,
        ReadChannels(node, graph, i + 1, dims.size(), dims[1]));
    OCTET_ASSIGN_OR_RETURN(x, Combine(node, graph, kinds[i], x, by));
  }
  return x;
}

bool Wants(const NodeReader& node, int output) {
  return output < node.output_count() && !node.output(output).empty();
}

absl::Status ExpectInference(const NodeReader& node) {
  OCTET_ASSIGN_OR_RETURN(const int64_t training, node.Int("training_mode", 0));
  // Before opset 7 a flag, and not a number of outputs, said it.
  OCTET_ASSIGN_OR_RETURN(const int64_t is_test, node.Int("is_test", 1));
  bool more_outputs = false;
  for (int i = 1; i < node.output_count(); ++i) {
    more_outputs = more_outputs || Wants(node, i);
  }
  if (training == 0 && is_test != 0 && !more_outputs) return absl::OkStatus();
  return absl::UnimplementedError(
      "BatchNormalization in training mode; octet runs inference: export the "
      "model in evaluation mode");
}

}  // namespace

absl::Status ImportBatchNorm(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(5, 5));
  OCTET_RETURN_IF_ERROR(ExpectInference(node));
  node.Ignore("momentum");
  node.Ignore("consumed_inputs");
  ir::BatchNorm op;
  OCTET_ASSIGN_OR_RETURN(op.epsilon, node.Float("epsilon", 1e-5f));
  OCTET_ASSIGN_OR_RETURN(const int64_t spatial, node.Int("spatial", 1));
  std::vector<ValueId> inputs(5);
  for (int i = 0; i < 5; ++i) {
    OCTET_ASSIGN_OR_RETURN(inputs[i], graph.Read(node, i));
  }
  if (spatial != 0) return graph.Result(node, op, std::move(inputs));
  // One set of numbers for each element of a row.
  const ValueId x = inputs[0];
  OCTET_ASSIGN_OR_RETURN(
      const ValueId epsilon,
      AddScalar(node, graph, graph.type(x).dtype, op.epsilon));
  OCTET_ASSIGN_OR_RETURN(
      ValueId deviation,
      Combine(node, graph, BinaryKind::kAdd, inputs[4], epsilon));
  OCTET_ASSIGN_OR_RETURN(deviation,
                         Map(node, graph, ir::UnaryKind::kSqrt, deviation));
  OCTET_ASSIGN_OR_RETURN(ValueId y,
                         Combine(node, graph, BinaryKind::kSub, x, inputs[3]));
  OCTET_ASSIGN_OR_RETURN(y,
                         Combine(node, graph, BinaryKind::kDiv, y, deviation));
  OCTET_ASSIGN_OR_RETURN(y, ScaleAndShift(node, graph, y, 1, 2));
  return graph.ResultIs(node, y);
}

absl::Status ImportLayerNorm(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 3));
  node.Ignore("stash_type");  // sums are taken in more digits than it asks for
  OCTET_ASSIGN_OR_RETURN(const ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t axis, node.Int("axis", -1));
  ir::LayerNorm op;
  op.subtract_mean = node.op_type() == "LayerNormalization";
  OCTET_ASSIGN_OR_RETURN(op.epsilon, node.Float("epsilon", 1e-5f));
  OCTET_ASSIGN_OR_RETURN(op.axis, NormalizedAxis(axis, graph.dims(x).size()));
  // RMS normalization's second output is the inverse deviation.
  const int deviation_output = op.subtract_mean ? 2 : 1;
  if (Wants(node, 1) || Wants(node, deviation_output)) {
    OCTET_ASSIGN_OR_RETURN(const Parts parts,
                           NormalizeByParts(node, graph, x, op));
    OCTET_ASSIGN_OR_RETURN(const ValueId y,
                           ScaleAndShift(node, graph, parts.result, 1, 2));
    OCTET_RETURN_IF_ERROR(graph.ResultIs(node, y));
    if (op.subtract_mean) {
      OCTET_RETURN_IF_ERROR(graph.ResultIs(node, parts.mean, 1));
    }
    return graph.ResultIs(node, parts.inverse_deviation, deviation_output);
  }
  const ir::Dims normalized(graph.dims(x).begin() + op.axis,
                            graph.dims(x).end());
  std::vector<ValueId> inputs = {x};
  bool fits = graph.type(x).dtype == DType::kFloat32;
  for (int i = 1; i <= 2; ++i) {
    if (!node.HasInput(i)) continue;
    OCTET_ASSIGN_OR_RETURN(const ValueId id, graph.Read(node, i));
    fits = fits && graph.dims(id) == normalized;
    inputs.push_back(id);
  }
  if (fits) {
    op.has_scale = true;
    op.has_bias = node.HasInput(2);
    return graph.Result(node, op, std::move(inputs));
  }
  OCTET_ASSIGN_OR_RETURN(ValueId y, Normalize(node, graph, x, op));
  OCTET_ASSIGN_OR_RETURN(y, ScaleAndShift(node, graph, y, 1, 2));
  return graph.ResultIs(node, y);
}

absl::Status ImportInstanceNorm(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 3));
  node.Ignore("consumed_inputs");
  OCTET_ASSIGN_OR_RETURN(ValueId x, graph.Read(node, 0));
  const ir::Dims& dims = graph.dims(x);
  const int64_t channels = dims.size() < 2 ? 0 : dims[1].value;
  OCTET_ASSIGN_OR_RETURN(x, NormalizeGroups(node, graph, x, channels, false));
  OCTET_ASSIGN_OR_RETURN(x, ScaleChannels(node, graph, x));
  return graph.ResultIs(node, x);
}

absl::Status ImportGroupNorm(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 3));
  node.Ignore("stash_type");
  OCTET_ASSIGN_OR_RETURN(ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t groups, node.Int("num_groups", 0));
  // Before opset 21 scale and bias have a number for each group.
  const bool by_group = node.opset() < 21;
  const ir::Dims dims = graph.dims(x);
  OCTET_ASSIGN_OR_RETURN(x, NormalizeGroups(node, graph, x, groups, by_group));
  OCTET_ASSIGN_OR_RETURN(x, ScaleChannels(node, graph, x));
  if (!by_group) return graph.ResultIs(node, x);
  return graph.Result(node, ir::Reshape{dims}, {x});
}

absl::Status ImportLpNorm(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t p, node.Int("p", 2));
  OCTET_ASSIGN_OR_RETURN(const int64_t attribute, node.Int("axis", -1));
  OCTET_ASSIGN_OR_RETURN(const int axis,
                         NormalizedAxis(attribute, graph.dims(x).size()));
  if (p != 1 && p != 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("p is ", p, "; expected 1 or 2"));
  }
  const ir::ReduceKind kind =
      p == 1 ? ir::ReduceKind::kL1 : ir::ReduceKind::kL2;
  OCTET_ASSIGN_OR_RETURN(
      ValueId norm, graph.Compute(node, ir::Reduce{kind, {axis}, true}, {x}));
  // Zeros have the norm 0 and stay zeros.
  OCTET_ASSIGN_OR_RETURN(const ValueId least,
                         AddScalar(node, graph, graph.type(x).dtype,
                                   std::numeric_limits<float>::denorm_min()));
  OCTET_ASSIGN_OR_RETURN(norm,
                         Combine(node, graph, BinaryKind::kMax, norm, least));
  return graph.Result(node, ir::Binary{BinaryKind::kDiv, {}}, {x, norm});
}

absl::Status ImportLrn(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  ir::Lrn op;
  OCTET_ASSIGN_OR_RETURN(op.size, node.Int("size", 0));
  OCTET_ASSIGN_OR_RETURN(op.alpha, node.Float("alpha", 1e-4f));
  OCTET_ASSIGN_OR_RETURN(op.beta, node.Float("beta", 0.75f));
  OCTET_ASSIGN_OR_RETURN(op.bias, node.Float("bias", 1.0f));
  OCTET_ASSIGN_OR_RETURN(const ValueId x, graph.Read(node, 0));
  return graph.Result(node, op, {x});
}

// (x - mean) / (deviation + 1e-9).
absl::Status ImportMeanVarianceNorm(const NodeReader& node,
                                    GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const auto attribute, node.Ints("axes"));
  std::vector<int> axes;
  for (int64_t axis : attribute.value_or(std::vector<int64_t>{0, 2, 3})) {
    OCTET_ASSIGN_OR_RETURN(const int index,
                           NormalizedAxis(axis, graph.dims(x).size()));
    axes.push_back(index);
  }
  OCTET_ASSIGN_OR_RETURN(const ValueId mean, Average(node, graph, x, axes));
  OCTET_ASSIGN_OR_RETURN(x, Combine(node, graph, BinaryKind::kSub, x, mean));
  OCTET_ASSIGN_OR_RETURN(ValueId deviation,
                         Combine(node, graph, BinaryKind::kMul, x, x));
  OCTET_ASSIGN_OR_RETURN(deviation, Average(node, graph, deviation, axes));
  OCTET_ASSIGN_OR_RETURN(deviation,
                         Map(node, graph, ir::UnaryKind::kSqrt, deviation));
  OCTET_ASSIGN_OR_RETURN(const ValueId epsilon,
                         AddScalar(node, graph, graph.type(x).dtype, 1e-9));
  OCTET_ASSIGN_OR_RETURN(
      deviation, Combine(node, graph, BinaryKind::kAdd, deviation, epsilon));
  return graph.Result(node, ir::Binary{BinaryKind::kDiv, {}}, {x, deviation});
}

}  // namespace octet::onnx
