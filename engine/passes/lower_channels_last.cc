// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/lower_channels_last.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/ir/fresh_names.h"
#include "engine/ir/infer_types.h"
#include "engine/passes/permute.h"

namespace octet::passes {
namespace {

using ir::Graph;
using ir::Layout;
using ir::Node;
using ir::TensorType;
using ir::ValueId;

// Where each axis of channels-first data of `rank` axes goes.
ir::AxisMap MapToLast(int rank) {
  ir::AxisMap map;
  for (int axis = 0; axis < rank; ++axis) {
    map.to.push_back(AxisToLast(axis, rank));
  }
  return map;
}

// Whether input 2 of `op` is a bias along the channels.
bool HasConvBias(const ir::Op& op) {
  if (const auto* conv = std::get_if<ir::Conv>(&op)) return conv->has_bias;
  const auto* transposed = std::get_if<ir::ConvTranspose>(&op);
  return transposed != nullptr && transposed->has_bias;
}

// Walks the graph in order and writes the lowered one, making each value in the
// layout that is asked for first and the other one only when asked for.
class Lowering {
 public:
  explicit Lowering(const Graph& source)
      : source_(source),
        first_(source.values().size()),
        last_(source.values().size()) {}

  absl::StatusOr<Graph> Run(absl::Span<const ValueId> watched) {
    for (ValueId id : source_.inputs()) {
      names_.Take(source_.value(id).name);
      first_[id] = result_.AddValue(source_.value(id));
      result_.mutable_inputs().push_back(*first_[id]);
    }
    for (const Node& node : source_.nodes()) {
      OCTET_RETURN_IF_ERROR(Lower(node));
    }
    for (ValueId id : source_.outputs()) {
      const ValueId output = First(id);
      result_.mutable_outputs().push_back(output);
    }
    NameOutputs();
    for (ValueId id : watched) {
      result_.mutable_outputs().push_back(first_[id] ? *first_[id]
                                                     : *last_[id]);
    }
    return result_.Compacted();
  }

 private:
  int RankOf(ValueId id) const {
    return static_cast<int>(source_.type(id).dims.size());
  }

  // The layout that `node` is lowered in.
  bool ChannelsLast(const Node& node) const {
    const ir::AxisUse use = ir::AxisUseOf(node.op);
    if (use == ir::AxisUse::kImage) return true;
    if (use == ir::AxisUse::kFixed) return false;
    const int rank = RankOf(node.outputs[0]);
    bool any_last = false;
    for (ValueId id : node.inputs) {
      const ir::Value& value = source_.value(id);
      // A per-channel edge knows its channels by axis; it stays as it is.
      if (value.type.quantization && !value.type.quantization->per_tensor()) {
        return false;
      }
      if (value.is_constant()) continue;
      if (RankOf(id) != rank) return false;
      any_last = any_last || (last_[id] && !first_[id]);
    }
    const auto& quantization = source_.type(node.outputs[0]).quantization;
    if (quantization && !quantization->per_tensor()) return false;
    return any_last;
  }

  absl::Status Lower(const Node& node) {
    const bool last = ChannelsLast(node);
    const int rank = RankOf(node.outputs[0]);
    ir::Op op = node.op;
    if (last) ir::MoveAxes(MapToLast(rank), op);
    std::vector<ValueId> inputs;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      inputs.push_back(Input(node, op, i, last, rank));
    }
    std::vector<ValueId> outputs;
    for (ValueId id : node.outputs) {
      ir::Value value = source_.value(id);
      if (last) value.type.dims = PermuteToLast(value.type.dims);
      value.name = names_.After(value.name);
      outputs.push_back(result_.AddValue(std::move(value)));
      (last ? last_ : first_)[id] = outputs.back();
    }
    result_.AppendNode(
        {node.name, std::move(op), std::move(inputs), std::move(outputs)});
    return absl::OkStatus();
  }

  // Input `i` of `node` as the lowered operator wants it. May change `op`.
  ValueId Input(const Node& node, ir::Op& op, size_t i, bool last, int rank) {
    const ValueId id = node.inputs[i];
    const ir::Value& value = source_.value(id);
    if (auto* matmul = std::get_if<ir::MatMul>(&op);
        matmul != nullptr && i == 1 && value.is_constant() && RankOf(id) == 2) {
      if (matmul->transpose_b) return First(id);
      matmul->transpose_b = true;
      return Transposed(value);
    }
    if (!last) return First(id);
    // The bias runs along the channels, wherever they are.
    if (i == 2 && HasConvBias(node.op)) return First(id);
    if (value.is_constant() && RankOf(id) != rank) return Broadcast(id, rank);
    return Last(id);
  }

  ValueId First(ValueId id) {
    if (!first_[id]) {
      first_[id] = source_.value(id).is_constant()
                       ? Constant(source_.value(id))
                       : Transpose(*last_[id], PermToFirst(RankOf(id)),
                                   source_.type(id));
    }
    return *first_[id];
  }

  ValueId Last(ValueId id) {
    if (!last_[id]) {
      const ir::Value& value = source_.value(id);
      if (value.is_constant()) {
        const std::vector<int> perm = PermToLast(RankOf(id));
        std::optional<ir::Quantization> quantization = value.type.quantization;
        if (quantization && !quantization->per_tensor()) {
          quantization->axis = AxisToLast(quantization->axis, RankOf(id));
        }
        last_[id] = result_.AddConstant(names_.After(value.name),
                                        Permuted(*value.constant, perm),
                                        std::move(quantization));
      } else {
        TensorType type = value.type;
        type.dims = PermuteToLast(type.dims);
        last_[id] = Transpose(First(id), PermToLast(RankOf(id)), type);
      }
    }
    return *last_[id];
  }

  // A constant of fewer axes than the `rank` it broadcasts to, channels last.
  ValueId Broadcast(ValueId id, int rank) {
    const ir::Value& value = source_.value(id);
    Shape shape = value.constant->shape();
    shape.insert(shape.begin(), rank - shape.size(), 1);
    Tensor full = value.constant->Reshaped(std::move(shape));
    return result_.AddConstant(names_.After(value.name),
                               Permuted(full, PermToLast(rank)));
  }

  ValueId Constant(const ir::Value& value) {
    return result_.AddConstant(names_.After(value.name), *value.constant,
                               value.type.quantization);
  }

  ValueId Transposed(const ir::Value& value) {
    std::optional<ir::Quantization> quantization = value.type.quantization;
    if (quantization && !quantization->per_tensor()) {
      quantization->axis = 1 - quantization->axis;
    }
    return result_.AddConstant(names_.After(value.name),
                               Permuted(*value.constant, {1, 0}),
                               std::move(quantization));
  }

  ValueId Transpose(ValueId from, std::vector<int> perm, TensorType type) {
    const std::string& name = result_.value(from).name;
    return result_.AddNode(name + "_layout", ir::Transpose{std::move(perm)},
                           {from}, names_.After(name + "_layout"),
                           std::move(type));
  }

  // Outputs keep their names, whatever node ends up computing them.
  void NameOutputs() {
    for (size_t i = 0; i < source_.outputs().size(); ++i) {
      const std::string& wanted = source_.value(source_.outputs()[i]).name;
      const ValueId output = result_.outputs()[i];
      for (size_t id = 0; id < result_.values().size(); ++id) {
        if (result_.values()[id].name == wanted &&
            static_cast<ValueId>(id) != output) {
          std::swap(result_.mutable_value(static_cast<ValueId>(id)).name,
                    result_.mutable_value(output).name);
        }
      }
    }
  }

  const Graph& source_;
  Graph result_;
  ir::FreshNames names_;
  // By value of the source: the value of the result in either layout.
  std::vector<std::optional<ValueId>> first_;
  std::vector<std::optional<ValueId>> last_;
};

}  // namespace

absl::StatusOr<Graph> LowerChannelsLast(const Graph& graph,
                                        absl::Span<const ValueId> watched) {
  OCTET_ASSIGN_OR_RETURN(Graph lowered, Lowering(graph).Run(watched));
  OCTET_RETURN_IF_ERROR(ir::VerifyGraph(lowered));
  return lowered;
}

}  // namespace octet::passes
