// SPDX-License-Identifier: Apache-2.0
#include "engine/onednn/product.h"

#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/onednn/layouts.h"
#include "engine/plan/requantization.h"

namespace octet::onednn {
namespace {

// The packed layout that the first plan chose for a node's weights.
struct ChosenLayout {
  dnnl::memory::desc desc;
};

std::string WeightsKey(const plan::StepRequest& request) {
  return absl::StrCat("onednn/",
                      request.weights->KeyOf(request.graph, request.node));
}

// Notes the layout of the first plan for the plans that come after.
absl::Status RememberWeights(const plan::StepRequest& request,
                             const dnnl::memory::desc& packed) {
  return request.weights
      ->GetOrMake<ChosenLayout>(
          WeightsKey(request),
          [&]() -> absl::StatusOr<std::shared_ptr<const ChosenLayout>> {
            return std::make_shared<const ChosenLayout>(ChosenLayout{packed});
          },
          [](const ChosenLayout&) { return 0; })
      .status();
}

Tensor ScalarInt32(int32_t value) {
  return Tensor::Of<int32_t>({1}, absl::MakeConstSpan(&value, 1));
}

absl::StatusOr<ProductSetup> SetUpFloat(const plan::StepRequest& request,
                                        const ProductNode& product) {
  ProductSetup setup;
  setup.attributes = BaseAttributes();
  dnnl::post_ops ops;
  if (product.residual_input) ops.append_sum(1.0f);
  AppendClip(ops, product.activation.lower, product.activation.upper);
  setup.attributes.set_post_ops(ops);
  if (product.bias_input) {
    setup.bias =
        request.graph.value(request.node.inputs[*product.bias_input]).constant;
  }
  return setup;
}

// The bias in units of the output's scale: b[c] * m[c].
Tensor ScaledBias(const Tensor& bias, const std::vector<float>& multipliers) {
  Tensor scaled(DType::kFloat32, bias.shape());
  const auto integers = bias.data<int32_t>();
  auto real = scaled.mutable_data<float>();
  for (size_t c = 0; c < integers.size(); ++c) {
    real[c] =
        static_cast<float>(static_cast<double>(integers[c]) * multipliers[c]);
  }
  return scaled;
}

absl::StatusOr<ProductSetup> SetUpIntegers(const plan::StepRequest& request,
                                           const ProductNode& product) {
  const ir::Graph& graph = request.graph;
  const std::vector<ir::ValueId>& inputs = request.node.inputs;
  const ir::TensorType& output = graph.type(request.node.outputs[0]);
  const ir::TensorType* residual =
      product.residual_input ? &graph.type(inputs[*product.residual_input])
                             : nullptr;
  if (residual != nullptr && output.dtype == DType::kFloat32) {
    return absl::UnimplementedError("integer residual with a float output");
  }
  OCTET_ASSIGN_OR_RETURN(
      plan::ProductRequantization numbers,
      plan::RequantizeProducts({graph.type(inputs[0]), graph.type(inputs[1]),
                                product.channel_axis, residual, output,
                                product.activation}));
  ProductSetup setup;
  setup.attributes = BaseAttributes();
  setup.attributes.set_scales_mask(DNNL_ARG_WEIGHTS, product.scale_mask);
  if (numbers.input_zero_point != 0) {
    setup.attributes.set_zero_points_mask(DNNL_ARG_SRC, 0);
    setup.input_zero_point = ScalarInt32(numbers.input_zero_point);
  }
  if (numbers.output.zero_point != 0) {
    setup.attributes.set_zero_points_mask(DNNL_ARG_DST, 0);
    setup.output_zero_point = ScalarInt32(numbers.output.zero_point);
  }
  dnnl::post_ops ops;
  if (residual != nullptr) {
    ops.append_sum(numbers.residual_multiplier, numbers.residual_zero_point,
                   DataType(residual->dtype));
  }
  AppendClip(ops, numbers.output.lower, numbers.output.upper);
  setup.attributes.set_post_ops(ops);
  if (product.bias_input) {
    setup.bias = ScaledBias(*graph.value(inputs[*product.bias_input]).constant,
                            numbers.multipliers);
  }
  setup.multipliers = Tensor::Of<float>(
      {static_cast<int64_t>(numbers.multipliers.size())}, numbers.multipliers);
  return setup;
}

Argument PackedArgument(int id, std::shared_ptr<const PackedConstant> packed) {
  return {id, packed->memory.get_desc(), Argument::Source::kPacked, 0, packed};
}

// A small constant of `setup`, as `desc` describes it, that the step owns.
absl::StatusOr<Argument> ConstantArgument(int id, const Tensor& tensor,
                                          const dnnl::memory::desc& desc) {
  return WithoutExceptions([&]() -> absl::StatusOr<Argument> {
    auto packed = std::make_shared<PackedConstant>();
    packed->memory = dnnl::memory(desc, CpuEngine());
    OCTET_CHECK(desc.get_size() == tensor.byte_size());
    std::memcpy(packed->memory.get_data_handle(), tensor.bytes(),
                tensor.byte_size());
    return PackedArgument(id, std::move(packed));
  });
}

dnnl::memory::desc VectorDesc(const Tensor& tensor) {
  return dnnl::memory::desc({tensor.size()}, DataType(tensor.dtype()),
                            dnnl::memory::format_tag::a);
}

absl::Status AddRunTimeAttributes(const ProductSetup& setup,
                                  std::vector<Argument>& arguments) {
  const std::pair<int, const std::optional<Tensor>*> attributes[] = {
      {DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, &setup.multipliers},
      {DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, &setup.input_zero_point},
      {DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_DST, &setup.output_zero_point},
  };
  for (const auto& [id, tensor] : attributes) {
    if (!tensor->has_value()) continue;
    OCTET_ASSIGN_OR_RETURN(
        Argument argument,
        ConstantArgument(id, **tensor, VectorDesc(**tensor)));
    arguments.push_back(std::move(argument));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ProductSetup> SetUpProduct(const plan::StepRequest& request,
                                          const ProductNode& product) {
  const bool integers =
      request.graph.type(request.node.inputs[0]).quantization.has_value();
  return integers ? SetUpIntegers(request, product)
                  : SetUpFloat(request, product);
}

bool IsPlainLoops(const std::string& implementation) {
  return absl::StrContains(implementation, "ref");
}

std::optional<dnnl::memory::desc> ChosenWeights(
    const plan::StepRequest& request) {
  auto chosen = request.weights->Find<ChosenLayout>(WeightsKey(request));
  if (chosen == nullptr) return std::nullopt;
  return chosen->desc;
}

absl::StatusOr<std::unique_ptr<plan::Step>> FinishProduct(
    const plan::StepRequest& request, const ProductNode& product,
    const ProductSetup& setup, const ProductPrimitive& primitive) {
  const bool integers = setup.multipliers.has_value();
  if (integers && IsPlainLoops(primitive.implementation)) {
    return absl::UnimplementedError(absl::StrCat("only oneDNN's plain loops (",
                                                 primitive.implementation,
                                                 ") multiply these integers"));
  }
  const std::byte* bytes =
      request.graph.value(request.node.inputs[1]).constant->bytes();
  OCTET_RETURN_IF_ERROR(RememberWeights(request, primitive.packed_weights));
  // One entry per layout: plans that chose the same one share it.
  dnnl::memory::desc layout = primitive.packed_weights;
  const std::vector<uint8_t> blob = layout.get_blob();
  const std::string key = absl::StrCat(WeightsKey(request), "/",
                                       std::string(blob.begin(), blob.end()));
  OCTET_ASSIGN_OR_RETURN(std::shared_ptr<const PackedConstant> weights,
                         Pack(*request.weights, key, primitive.weights, bytes,
                              primitive.packed_weights));
  PrimitiveStepParts parts;
  parts.primitive = primitive.primitive;
  parts.kernel = absl::StrCat("onednn:", primitive.implementation);
  parts.scratch_bytes = primitive.scratchpad.get_size();
  parts.repeats = primitive.repeats;
  parts.arguments = {
      {DNNL_ARG_SRC, primitive.source, Argument::Source::kInput, 0, nullptr},
      PackedArgument(DNNL_ARG_WEIGHTS, std::move(weights)),
      {DNNL_ARG_DST, primitive.destination, Argument::Source::kOutput, 0,
       nullptr},
      {DNNL_ARG_SCRATCHPAD, primitive.scratchpad, Argument::Source::kScratch, 0,
       nullptr},
  };
  if (setup.bias) {
    OCTET_ASSIGN_OR_RETURN(
        Argument bias,
        ConstantArgument(DNNL_ARG_BIAS, *setup.bias, *primitive.bias));
    parts.arguments.push_back(std::move(bias));
  }
  OCTET_RETURN_IF_ERROR(AddRunTimeAttributes(setup, parts.arguments));
  if (product.residual_input) {
    parts.residual_input = product.residual_input;
    parts.residual_bytes = primitive.destination.get_size();
  }
  return MakePrimitiveStep(std::move(parts));
}

}  // namespace octet::onednn
