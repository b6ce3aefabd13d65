// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>
#include <vector>

#include "engine/passes/expressions.h"
#include "engine/passes/recognize.h"

namespace octet::passes {
namespace {

using ir::Dim;
using ir::Dims;
using ir::Graph;
using ir::GraphPatch;
using ir::Node;
using ir::ValueId;

template <typename Op>
const Op* OpOf(const Node* node) {
  return node == nullptr ? nullptr : std::get_if<Op>(&node->op);
}

bool SameMatrices(const Dims& a, const Dims& b) {
  return a.size() >= 2 && b.size() >= 2 && a.back() == b.back() &&
         a[a.size() - 2] == b[b.size() - 2];
}

// `id`, or what it is a Reshape of, as long as the last two axes stay.
ValueId BehindReshapes(const Expressions& read, ValueId id) {
  while (true) {
    const Node* node = read.index().Producer(id);
    if (OpOf<ir::Reshape>(node) == nullptr ||
        !SameMatrices(read.graph().type(id).dims,
                      read.graph().type(node->inputs[0]).dims)) {
      return id;
    }
    id = node->inputs[0];
  }
}

// A product of two computed float matrices without bias or clamp.
const Node* ProductOf(const Expressions& read, ValueId id) {
  const Node* node = read.index().Producer(id);
  const auto* op = OpOf<ir::MatMul>(node);
  const Graph& graph = read.graph();
  if (op == nullptr || op->has_bias || !op->activation.is_identity() ||
      graph.type(id).dtype != DType::kFloat32 ||
      graph.type(id).quantization.has_value() ||
      graph.value(node->inputs[0]).is_constant() ||
      graph.value(node->inputs[1]).is_constant() ||
      graph.type(node->inputs[0]).dims.size() !=
          graph.type(node->inputs[1]).dims.size()) {
    return nullptr;
  }
  return node;
}

// The formula's parts, as found.
struct Parts {
  ValueId q = -1;
  // k, or where it must be transposed first, that and how.
  ValueId k = -1;
  std::vector<int> k_perm;
  ValueId v = -1;
  ValueId mask = -1;
  float scale = 1;
};

// Sets k from the second operand of q k^T.
bool FindKeys(const Expressions& read, const Node& product, Parts& parts) {
  ValueId id = product.inputs[1];
  if (OpOf<ir::MatMul>(&product)->transpose_b) {
    parts.k = id;
    return true;
  }
  const Graph& graph = read.graph();
  // A Reshape of the transposed keys keeps their last two axes.
  id = BehindReshapes(read, id);
  const Node* node = read.index().Producer(id);
  const auto* transpose = OpOf<ir::Transpose>(node);
  if (transpose == nullptr || transpose->perm.size() < 2) return false;
  parts.k = node->inputs[0];
  parts.k_perm = transpose->perm;
  std::swap(parts.k_perm[parts.k_perm.size() - 1],
            parts.k_perm[parts.k_perm.size() - 2]);
  if (std::is_sorted(parts.k_perm.begin(), parts.k_perm.end())) {
    parts.k_perm.clear();
  }
  return graph.type(parts.k).dims.size() >= 2;
}

// Sets everything but v from what the softmax takes.
bool FindScores(const Expressions& read, ValueId scores, Parts& parts) {
  scores = BehindReshapes(read, scores);
  if (const auto sum = read.Binary(scores, ir::BinaryKind::kAdd)) {
    // The mask is the operand that is no (scaled) product.
    for (const auto& [main, mask] :
         {*sum, Expressions::Pair(sum->second, sum->first)}) {
      const auto factors = read.Factors(main);
      if (factors.values.size() == 1 &&
          ProductOf(read, BehindReshapes(read, factors.values[0])) != nullptr &&
          read.graph().type(main).dims == read.graph().type(scores).dims &&
          read.graph().type(mask).dtype == DType::kFloat32) {
        parts.mask = mask;
        scores = main;
        break;
      }
    }
  }
  const Expressions::Product factors = read.Factors(scores);
  if (factors.values.size() != 1) return false;
  parts.scale = static_cast<float>(factors.number);
  const Node* product =
      ProductOf(read, BehindReshapes(read, factors.values[0]));
  if (product == nullptr) return false;
  parts.q = product->inputs[0];
  return FindKeys(read, *product, parts);
}

std::optional<Parts> FindParts(const Expressions& read, const Node& output) {
  const Node* product = ProductOf(read, output.outputs[0]);
  if (product == nullptr || OpOf<ir::MatMul>(product)->transpose_b) {
    return std::nullopt;
  }
  const ValueId weights = BehindReshapes(read, product->inputs[0]);
  const Node* softmax = read.index().Producer(weights);
  const auto* op = OpOf<ir::Softmax>(softmax);
  if (op == nullptr || op->log ||
      op->axis + 1 !=
          static_cast<int>(read.graph().type(weights).dims.size()) ||
      read.graph().type(weights).quantization.has_value()) {
    return std::nullopt;
  }
  Parts parts;
  parts.v = product->inputs[1];
  if (!FindScores(read, softmax->inputs[0], parts)) return std::nullopt;
  return parts;
}

// Four axes: [B, H, M, D], 1 in front where there are fewer.
std::optional<Dims> FourAxes(const Dims& dims) {
  if (dims.size() > 4) return std::nullopt;
  Dims four = dims;
  four.insert(four.begin(), 4 - four.size(), Dim::Fixed(1));
  return four;
}

class AttentionBuilder {
 public:
  AttentionBuilder(const Graph& graph, const Node& last, Parts parts)
      : graph_(graph), last_(last), parts_(std::move(parts)), patch_(graph) {}

  std::optional<GraphPatch> Build() {
    const auto q_dims = FourAxes(graph_.type(parts_.q).dims);
    Dims k_shape = graph_.type(parts_.k).dims;
    if (!parts_.k_perm.empty()) {
      for (size_t i = 0; i < k_shape.size(); ++i) {
        k_shape[i] = graph_.type(parts_.k).dims[parts_.k_perm[i]];
      }
    }
    const auto k_dims = FourAxes(k_shape);
    const auto v_dims = FourAxes(graph_.type(parts_.v).dims);
    if (!q_dims || !k_dims || !v_dims || !Fits(*q_dims, *k_dims, *v_dims)) {
      return std::nullopt;
    }
    ir::Attention op;
    op.scale = parts_.scale;
    op.has_mask = parts_.mask >= 0;
    std::vector<ValueId> inputs = {Shaped(parts_.q, *q_dims),
                                   Keys(k_shape, *k_dims),
                                   Shaped(parts_.v, *v_dims)};
    if (op.has_mask) {
      const auto mask = FourAxes(graph_.type(parts_.mask).dims);
      if (!mask || !MaskFits(*mask, *q_dims, *k_dims)) return std::nullopt;
      inputs.push_back(Shaped(parts_.mask, *mask));
    }
    Dims y_dims = *q_dims;
    y_dims[3] = (*v_dims)[3];
    const ir::Value& output = graph_.value(last_.outputs[0]);
    if (FourAxes(output.type.dims) != y_dims) return std::nullopt;
    const ValueId y =
        patch_.AddNode(last_.name, op, std::move(inputs),
                       output.name + "_heads", {DType::kFloat32, y_dims, {}});
    patch_.Replace(last_.outputs[0],
                   patch_.AddNode(last_.name, ir::Reshape{output.type.dims},
                                  {y}, output.name, output.type));
    return std::move(patch_);
  }

 private:
  static bool Fits(const Dims& q, const Dims& k, const Dims& v) {
    return q[0] == k[0] && q[0] == v[0] && q[1] == k[1] && q[1] == v[1] &&
           q[3] == k[3] && k[2] == v[2] && !q[2].per_row && !k[2].per_row &&
           !q[1].per_row && !q[3].per_row && !v[3].per_row;
  }

  static bool MaskFits(const Dims& mask, const Dims& q, const Dims& k) {
    const Dims full = {q[0], q[1], q[2], k[2]};
    for (int i = 0; i < 4; ++i) {
      if (mask[i] != full[i] && mask[i] != Dim::Fixed(1)) return false;
    }
    return true;
  }

  ValueId Shaped(ValueId id, const Dims& dims) {
    if (graph_.type(id).dims == dims) return id;
    const std::string& name = graph_.value(id).name;
    return patch_.AddNode(last_.name, ir::Reshape{dims}, {id}, name + "_heads",
                          {DType::kFloat32, dims, {}});
  }

  ValueId Keys(const Dims& shape, const Dims& four) {
    if (parts_.k_perm.empty()) return Shaped(parts_.k, four);
    const std::string& name = graph_.value(parts_.k).name;
    const ValueId turned =
        patch_.AddNode(last_.name, ir::Transpose{parts_.k_perm}, {parts_.k},
                       name + "_keys", {DType::kFloat32, shape, {}});
    if (shape == four) return turned;
    return patch_.AddNode(last_.name, ir::Reshape{four}, {turned},
                          name + "_heads", {DType::kFloat32, four, {}});
  }

  const Graph& graph_;
  const Node& last_;
  const Parts parts_;
  GraphPatch patch_;
};

// x where `id` is x with its middle axes turned, [B, M, H, D] -> [B, H, M, D].
std::optional<ValueId> BehindHeadTranspose(const Expressions& read,
                                           ValueId id) {
  const Node* node = read.index().Producer(id);
  const auto* transpose = OpOf<ir::Transpose>(node);
  if (transpose == nullptr || transpose->perm != std::vector<int>{0, 2, 1, 3}) {
    return std::nullopt;
  }
  return node->inputs[0];
}

}  // namespace

absl::StatusOr<std::optional<GraphPatch>> RecognizeAttention(
    const Graph& graph, const PassContext& /*context*/) {
  const Expressions read(graph);
  for (const Node& node : graph.nodes()) {
    if (OpOf<ir::MatMul>(&node) == nullptr) continue;
    std::optional<Parts> parts = FindParts(read, node);
    if (!parts.has_value()) continue;
    auto patch = AttentionBuilder(graph, node, *std::move(parts)).Build();
    if (patch.has_value()) return patch;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<GraphPatch>> AbsorbHeadTransposes(
    const Graph& graph, const PassContext& /*context*/) {
  const Expressions read(graph);
  for (const Node& node : graph.nodes()) {
    const auto* attention = OpOf<ir::Attention>(&node);
    if (attention == nullptr || attention->heads_inner) continue;
    std::vector<ValueId> inputs = node.inputs;
    bool all = true;
    for (int i = 0; i < 3; ++i) {
      const auto x = BehindHeadTranspose(read, inputs[i]);
      all = all && x.has_value();
      if (x.has_value()) inputs[i] = *x;
    }
    const Node* reader = read.index().SoleReader(node.outputs[0]);
    const auto* transpose = OpOf<ir::Transpose>(reader);
    if (!all || transpose == nullptr ||
        transpose->perm != std::vector<int>{0, 2, 1, 3}) {
      continue;
    }
    ir::Attention op = *attention;
    op.heads_inner = true;
    const ir::Value& output = graph.value(reader->outputs[0]);
    GraphPatch patch(graph);
    patch.Replace(reader->outputs[0],
                  patch.AddNode(node.name, op, std::move(inputs), output.name,
                                output.type));
    return patch;
  }
  return std::nullopt;
}

}  // namespace octet::passes
