// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/onednn/layouts.h"
#include "engine/onednn/product.h"
#include "engine/onednn/steps.h"

namespace octet::onednn {
namespace {

using dnnl::convolution_forward;

// oneDNN counts the elements between taps, ONNX the distance.
dnnl::memory::dims Dilations(const ir::Window& window) {
  dnnl::memory::dims dilations;
  for (int64_t dilation : window.dilations) dilations.push_back(dilation - 1);
  return dilations;
}

struct ConvDescs {
  dnnl::memory::desc source, weights, destination;
  std::optional<dnnl::memory::desc> bias;
};

absl::StatusOr<ConvDescs> DescribeTensors(const plan::StepRequest& request,
                                          const ir::Conv& op) {
  const ir::Graph& graph = request.graph;
  const std::vector<ir::ValueId>& inputs = request.node.inputs;
  const ir::ValueId output = request.node.outputs[0];
  ConvDescs descs;
  OCTET_ASSIGN_OR_RETURN(descs.source, ImageDesc(request.shape(inputs[0]),
                                                 graph.type(inputs[0]).dtype));
  OCTET_ASSIGN_OR_RETURN(descs.weights,
                         WeightsDesc(request.shape(inputs[1]), op.groups,
                                     graph.type(inputs[1]).dtype));
  OCTET_ASSIGN_OR_RETURN(
      descs.destination,
      ImageDesc(request.shape(output), graph.type(output).dtype));
  if (op.has_bias) {
    descs.bias = dnnl::memory::desc({request.shape(output).back()},
                                    dnnl::memory::data_type::f32,
                                    dnnl::memory::format_tag::a);
  }
  return descs;
}

convolution_forward::primitive_desc CreateDesc(
    const ir::Conv& op, const ConvDescs& descs,
    const dnnl::memory::desc& weights, const dnnl::primitive_attr& attributes,
    bool allow_empty) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  constexpr auto kAlgorithm = dnnl::algorithm::convolution_direct;
  const ir::Window& window = op.window;
  if (descs.bias) {
    return convolution_forward::primitive_desc(
        CpuEngine(), kKind, kAlgorithm, descs.source, weights, *descs.bias,
        descs.destination, window.strides, Dilations(window), window.pads_begin,
        window.pads_end, attributes, allow_empty);
  }
  return convolution_forward::primitive_desc(
      CpuEngine(), kKind, kAlgorithm, descs.source, weights, descs.destination,
      window.strides, Dilations(window), window.pads_begin, window.pads_end,
      attributes, allow_empty);
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateConvStep(
    const plan::StepRequest& request, const ir::Conv& op) {
  if (op.layout != ir::Layout::kChannelsLast) {
    return absl::UnimplementedError("channels-first convolution");
  }
  if (!request.graph.value(request.node.inputs[1]).is_constant()) {
    return absl::UnimplementedError("weights that are no constant");
  }
  if (op.has_bias &&
      !request.graph.value(request.node.inputs[2]).is_constant()) {
    return absl::UnimplementedError("a bias that is no constant");
  }
  ProductNode product;
  product.channel_axis = 0;
  // Per output channel: with groups that is two of oneDNN's dimensions.
  product.scale_mask = op.groups > 1 ? 3 : 1;
  if (op.has_bias) product.bias_input = 2;
  if (op.has_residual) product.residual_input = request.node.inputs.size() - 1;
  product.activation = op.activation;
  OCTET_ASSIGN_OR_RETURN(ProductSetup setup, SetUpProduct(request, product));
  OCTET_ASSIGN_OR_RETURN(ConvDescs descs, DescribeTensors(request, op));
  auto desc = WithSharedWeights(
      request, descs.weights,
      [&](const dnnl::memory::desc& weights, bool allow_empty) {
        return CreateDesc(op, descs, weights, setup.attributes, allow_empty);
      });
  return FinishProduct(
      request, product, setup,
      {convolution_forward(desc), desc.impl_info_str(), descs.source,
       descs.weights, desc.weights_desc(), descs.destination,
       desc.scratchpad_desc(), descs.bias, /*repeats=*/1});
}

}  // namespace octet::onednn
