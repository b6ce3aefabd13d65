// SPDX-License-Identifier: Apache-2.0
#include "engine/signature.h"

#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace octet::internal {
namespace {

// Multiply-accumulates of `node` for one row.
int64_t MacsOf(const ir::Graph& graph, const ir::Node& node) {
  const int64_t outputs =
      ElementCount(ir::ConcreteShape(graph.type(node.outputs[0]).dims));
  if (std::holds_alternative<ir::Conv>(node.op)) {
    const Shape weights = ir::ConcreteShape(graph.type(node.inputs[1]).dims);
    return outputs * ElementCount(weights) / std::max<int64_t>(weights[0], 1);
  }
  if (std::holds_alternative<ir::ConvTranspose>(node.op)) {
    const Shape x = ir::ConcreteShape(graph.type(node.inputs[0]).dims);
    const Shape weights = ir::ConcreteShape(graph.type(node.inputs[1]).dims);
    return ElementCount(x) *
           (ElementCount(weights) / std::max<int64_t>(weights[0], 1));
  }
  if (std::holds_alternative<ir::MatMul>(node.op)) {
    return outputs * ir::ConcreteShape(graph.type(node.inputs[0]).dims).back();
  }
  if (std::holds_alternative<ir::Recurrent>(node.op)) {
    // Every step of each sequence multiplies all of W and R.
    const Shape x = ir::ConcreteShape(graph.type(node.inputs[0]).dims);
    const auto size_of = [&](int input) {
      return ElementCount(
          ir::ConcreteShape(graph.type(node.inputs[input]).dims));
    };
    return x[0] * x[1] * (size_of(1) + size_of(2));
  }
  return 0;
}

// The types of the data, and of a recurrent layer's weights where they differ.
std::string TypesOf(const ir::Graph& graph, const ir::Node& node) {
  const auto name_of = [&](ir::ValueId id) {
    return Name(graph.type(id).dtype);
  };
  const bool byte_weights = std::holds_alternative<ir::Recurrent>(node.op) &&
                            graph.type(node.inputs[1]).dtype == DType::kInt8;
  return absl::StrCat(name_of(node.inputs[0]), byte_weights ? " x int8" : "",
                      " -> ", name_of(node.outputs[0]));
}

}  // namespace

std::vector<StepDescription> DescribeSteps(const plan::Plan& plan) {
  const ir::Graph& graph = plan.graph();
  std::vector<StepDescription> steps;
  for (const plan::PlannedStep& planned : plan.steps()) {
    const ir::Node& node = planned.node;
    steps.push_back({node.name, std::string(ir::OpName(node.op)),
                     planned.step->kernel(), TypesOf(graph, node),
                     MacsOf(graph, node)});
  }
  return steps;
}

absl::Status CheckOptions(const ModelOptions& options) {
  if (options.threads < 1 || options.threads > 256) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads is ", options.threads, "; expected 1 to 256"));
  }
  if (options.max_batch < 1 || options.max_batch > 1024) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_batch is ", options.max_batch, "; expected 1 to 1024"));
  }
  return absl::OkStatus();
}

absl::Status CheckTensorsFit(const ir::Graph& graph, int64_t max_bytes) {
  for (const ir::Node& node : graph.nodes()) {
    double bytes = 0;
    absl::flat_hash_set<ir::ValueId> seen;
    for (const std::vector<ir::ValueId>* ids : {&node.inputs, &node.outputs}) {
      for (ir::ValueId id : *ids) {
        if (graph.value(id).is_constant() || !seen.insert(id).second) continue;
        const ir::TensorType& type = graph.type(id);
        bytes +=
            static_cast<double>(ElementCount(ir::ConcreteShape(type.dims))) *
            static_cast<double>(SizeOf(type.dtype));
      }
    }
    if (bytes <= static_cast<double>(max_bytes)) continue;
    return absl::ResourceExhaustedError(
        absl::StrCat("node '", node.name, "' (", ir::OpName(node.op),
                     ") reads and computes ", bytes,
                     " bytes at once; expected at most ", max_bytes));
  }
  return absl::OkStatus();
}

absl::Status CheckTensorFits(const TensorSpec& spec, const Tensor& tensor) {
  bool fits = tensor.dtype() == spec.dtype &&
              tensor.shape().size() == spec.row_shape.size();
  for (size_t i = 0; fits && i < spec.row_shape.size(); ++i) {
    fits = spec.row_shape[i] == -1 || spec.row_shape[i] == tensor.shape()[i];
  }
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "input '", spec.name, "': got ", Name(tensor.dtype()), " ",
      ShapeToString(tensor.shape()), "; expected ", Name(spec.dtype), " ",
      ShapeToString(spec.row_shape), " (-1: any extent)"));
}

}  // namespace octet::internal
