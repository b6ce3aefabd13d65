// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/probe_builder.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"

namespace octet::quant {

using ir::ValueId;

absl::StatusOr<ValueId> ProbeBuilder::Add(const std::string& stem, ir::Op op,
                                          std::vector<ValueId> inputs) {
  std::vector<ir::TensorType> types;
  for (ValueId id : inputs) types.push_back(graph_.type(id));
  OCTET_ASSIGN_OR_RETURN(ir::TensorType type, ir::InferType(op, types));
  return graph_.AddNode(absl::StrCat(stem, "/probe"), std::move(op),
                        std::move(inputs), names_.After(stem), std::move(type));
}

absl::StatusOr<ValueId> ProbeBuilder::Round(ValueId id, const Scheme& scheme) {
  const ir::Dims dims = graph_.type(id).dims;
  const ValueId integers = graph_.AddNode(
      "quantize/probe", ir::Quantize{}, {id}, names_.After("integers"),
      {scheme.dtype, dims, scheme.ToQuantization()});
  return graph_.AddNode("dequantize/probe", ir::Dequantize{}, {integers},
                        names_.After("rounded"),
                        {DType::kFloat32, dims, std::nullopt});
}

absl::StatusOr<ValueId> ProbeBuilder::Reduce(ValueId id, int channel_axis,
                                             ChannelReduction kind) {
  const ir::Unary negate{ir::UnaryKind::kNeg, 0, 0};
  switch (kind) {
    case ChannelReduction::kMean:
      return MeanOrMax(id, channel_axis, /*mean=*/true);
    case ChannelReduction::kMax:
      return MeanOrMax(id, channel_axis, /*mean=*/false);
    case ChannelReduction::kMin: {
      OCTET_ASSIGN_OR_RETURN(const ValueId negative,
                             Add("negative", negate, {id}));
      OCTET_ASSIGN_OR_RETURN(const ValueId max,
                             MeanOrMax(negative, channel_axis, false));
      return Add("min", negate, {max});
    }
    case ChannelReduction::kMeanSquare: {
      OCTET_ASSIGN_OR_RETURN(
          const ValueId square,
          Add("square", ir::Binary{ir::BinaryKind::kMul, {}}, {id, id}));
      return MeanOrMax(square, channel_axis, /*mean=*/true);
    }
  }
  OCTET_CHECK(false);
}

absl::StatusOr<ValueId> ProbeBuilder::MeanOrMax(ValueId id, int channel_axis,
                                                bool mean) {
  const ir::Dims& dims = graph_.type(id).dims;
  ir::Reduce reduce;
  reduce.kind = mean ? ir::ReduceKind::kMean : ir::ReduceKind::kMax;
  const int rank = static_cast<int>(dims.size());
  if (channel_axis == 1 && rank > 2) {
    ir::GlobalPool pool;
    pool.kind = mean ? ir::PoolKind::kAverage : ir::PoolKind::kMax;
    OCTET_ASSIGN_OR_RETURN(id, Add("pooled", pool, {id}));
    reduce.axes = {0};
  } else {
    for (int axis = 0; axis < rank; ++axis) {
      if (axis != channel_axis) reduce.axes.push_back(axis);
    }
  }
  return Add("reduced", std::move(reduce), {id});
}

ValueId ProbeBuilder::AddChannelInput(const std::string& stem, int rank,
                                      int channel_axis, int64_t channels) {
  Shape shape(rank, 1);
  shape[channel_axis] = channels;
  const ValueId id =
      graph_.AddValue({names_.After(stem),
                       {DType::kFloat32, ir::FixedDims(shape), std::nullopt},
                       std::nullopt});
  graph_.mutable_inputs().push_back(id);
  return id;
}

ir::Op BareProducts(const ir::Op& op) {
  ir::Op bare = WithoutActivation(op);
  if (auto* conv = std::get_if<ir::Conv>(&bare)) {
    conv->has_bias = false;
    conv->has_residual = false;
  } else {
    std::get<ir::MatMul>(bare).has_bias = false;
  }
  return bare;
}

bool HasBias(const ir::Op& op) {
  if (const auto* conv = std::get_if<ir::Conv>(&op)) return conv->has_bias;
  if (const auto* conv = std::get_if<ir::ConvTranspose>(&op)) {
    return conv->has_bias;
  }
  return std::get<ir::MatMul>(op).has_bias;
}

const ir::Activation& ActivationOf(const ir::Op& op) {
  if (const auto* conv = std::get_if<ir::Conv>(&op)) return conv->activation;
  return std::get<ir::MatMul>(op).activation;
}

ir::Op WithoutActivation(const ir::Op& op) {
  ir::Op linear = op;
  if (auto* conv = std::get_if<ir::Conv>(&linear)) {
    conv->activation = {};
  } else {
    std::get<ir::MatMul>(linear).activation = {};
  }
  return linear;
}

int ResultChannelAxis(const ir::Op& op, int rank) {
  return std::holds_alternative<ir::Conv>(op) ? 1 : rank - 1;
}

}  // namespace octet::quant
