// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"
#include "engine/passes/recognize.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::GraphIndex;
using ir::GraphPatch;
using ir::Node;
using ir::ValueId;

// The node of type `Op` that computes `id` for `reader` alone.
template <typename Op>
const Node* SoleProducer(const GraphIndex& index, ValueId id,
                         const Node& reader) {
  const Node* producer = index.Producer(id);
  const bool fits = producer != nullptr &&
                    std::holds_alternative<Op>(producer->op) &&
                    index.SoleReader(id) == &reader;
  return fits ? producer : nullptr;
}

// Whether `values` are 0, 1, 2, ...
template <typename T>
bool CountsUp(absl::Span<const T> values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] != static_cast<T>(i)) return false;
  }
  return true;
}

// Whether `constant` is 0 to its size, along the last axis.
bool IsEveryIndex(const Tensor& constant) {
  if (constant.shape().empty() || constant.shape().back() != constant.size()) {
    return false;
  }
  if (constant.dtype() == DType::kInt32) {
    return CountsUp(constant.data<int32_t>());
  }
  return constant.dtype() == DType::kInt64 &&
         CountsUp(constant.data<int64_t>());
}

// The integers [..., 1] whose one-hot form `product` reads, as floats.
std::optional<ValueId> IndicesOf(const Graph& graph, const GraphIndex& index,
                                 const Node& product) {
  const Node* cast = SoleProducer<ir::Cast>(index, product.inputs[0], product);
  if (cast == nullptr) return std::nullopt;
  const Node* equal = SoleProducer<ir::Binary>(index, cast->inputs[0], *cast);
  if (equal == nullptr ||
      std::get<ir::Binary>(equal->op).kind != ir::BinaryKind::kEqual) {
    return std::nullopt;
  }
  for (int side : {0, 1}) {
    const ir::Value& every = graph.value(equal->inputs[1 - side]);
    const ValueId indices = equal->inputs[side];
    const ir::Dims& dims = graph.type(indices).dims;
    if (every.is_constant() && IsEveryIndex(*every.constant) &&
        !graph.value(indices).is_constant() &&
        dims.size() == graph.type(equal->outputs[0]).dims.size() &&
        dims.back() == ir::Dim::Fixed(1)) {
      return indices;
    }
  }
  return std::nullopt;
}

// Zero times another number is none.
bool AllFinite(const Tensor& weights) {
  const auto values = weights.data<float>();
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

// The rows of `weights`, and a row of zeros behind them.
Tensor TableOf(const Tensor& weights, bool transposed) {
  const int64_t rows = weights.shape()[transposed ? 1 : 0];
  const int64_t width = weights.shape()[transposed ? 0 : 1];
  Tensor table(DType::kFloat32, {rows + 1, width});
  const auto from = weights.data<float>();
  const auto to = table.mutable_data<float>();
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < width; ++c) {
      to[r * width + c] = from[transposed ? c * rows + r : r * width + c];
    }
  }
  std::fill(to.begin() + rows * width, to.end(), 0.0f);
  return table;
}

Tensor IndexOf(DType dtype, int64_t value) {
  return dtype == DType::kInt32
             ? Tensor::Of<int32_t>({}, {static_cast<int32_t>(value)})
             : Tensor::Of<int64_t>({}, {value});
}

// Adds nodes to a patch, the types found by the rules of each operator.
class Chain {
 public:
  Chain(const Graph& graph, const Node& replaced, ValueId start)
      : patch_(graph),
        name_(replaced.name),
        stem_(graph.value(replaced.outputs[0]).name),
        value_(start),
        type_(graph.type(start)) {}

  // `first`: the chain's value is the last input, not the first.
  absl::Status Add(ir::Op op, const ir::TensorType* other_type, ValueId other,
                   bool first = false) {
    std::vector<ir::TensorType> types = {type_};
    std::vector<ValueId> inputs = {value_};
    if (other_type != nullptr) {
      types.insert(first ? types.begin() : types.end(), *other_type);
      inputs.insert(first ? inputs.begin() : inputs.end(), other);
    }
    OCTET_ASSIGN_OR_RETURN(type_, ir::InferType(op, types));
    value_ =
        patch_.AddNode(name_, std::move(op), std::move(inputs), stem_, type_);
    return absl::OkStatus();
  }

  absl::Status AddWith(ir::Op op, Tensor constant, bool first = false) {
    const ir::TensorType type{constant.dtype(), ir::FixedDims(constant.shape()),
                              std::nullopt};
    const ValueId id =
        patch_.AddConstant(stem_ + "_table", std::move(constant));
    return Add(std::move(op), &type, id, first);
  }

  GraphPatch Replace(ValueId replaced) && {
    patch_.Replace(replaced, value_);
    return std::move(patch_);
  }

 private:
  GraphPatch patch_;
  const std::string name_;
  const std::string stem_;
  ValueId value_;
  ir::TensorType type_;
};

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> RecognizeOneHotProduct(
    const Graph& graph, const PassContext& /*context*/) {
  const GraphIndex index(graph);
  for (const Node& node : graph.nodes()) {
    const auto* product = std::get_if<ir::MatMul>(&node.op);
    if (product == nullptr) continue;
    const ir::Value& weights = graph.value(node.inputs[1]);
    if (!weights.is_constant() || weights.type.dtype != DType::kFloat32 ||
        weights.type.dims.size() != 2 || !AllFinite(*weights.constant)) {
      continue;
    }
    const std::optional<ValueId> indices = IndicesOf(graph, index, node);
    if (!indices) continue;
    Tensor table = TableOf(*weights.constant, product->transpose_b);
    const int64_t zeros = table.shape()[0] - 1;
    const DType dtype = graph.type(*indices).dtype;
    ir::Dims dims = graph.type(*indices).dims;
    dims.pop_back();
    // What is in no row of the weights takes the zeros: they are the last row,
    // which -1 names too.
    Chain chain(graph, node, *indices);
    OCTET_RETURN_IF_ERROR(chain.Add(ir::Reshape{dims}, nullptr, -1));
    OCTET_RETURN_IF_ERROR(chain.AddWith(ir::Binary{ir::BinaryKind::kMin, {}},
                                        IndexOf(dtype, zeros)));
    OCTET_RETURN_IF_ERROR(chain.AddWith(ir::Binary{ir::BinaryKind::kMax, {}},
                                        IndexOf(dtype, -1)));
    OCTET_RETURN_IF_ERROR(
        chain.AddWith(ir::Gather{0}, std::move(table), /*first=*/true));
    if (product->has_bias) {
      OCTET_RETURN_IF_ERROR(
          chain.Add(ir::Binary{ir::BinaryKind::kAdd, product->activation},
                    &graph.type(node.inputs[2]), node.inputs[2]));
    } else if (!product->activation.is_identity()) {
      OCTET_RETURN_IF_ERROR(
          chain.Add(ir::Clamp{product->activation}, nullptr, -1));
    }
    return std::move(chain).Replace(node.outputs[0]);
  }
  return std::nullopt;
}

}  // namespace octet::passes
