// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/onednn/layouts.h"
#include "engine/onednn/product.h"
#include "engine/onednn/steps.h"

namespace octet::onednn {
namespace {

using Tag = dnnl::memory::format_tag;

// `a` [..., M, K] times one constant matrix is [everything, K] times it.
struct MatMulSizes {
  int64_t m = 1, k = 1, n = 1;
};

MatMulSizes SizesOf(const plan::StepRequest& request) {
  const Shape a =
      ir::ConcreteShape(request.graph.type(request.node.inputs[0]).dims);
  const Shape c =
      ir::ConcreteShape(request.graph.type(request.node.outputs[0]).dims);
  return {ElementCount(a) / a.back(), a.back(), c.back()};
}

// Whether all inputs but the first are constants, the second a matrix.
bool HasConstantMatrix(const plan::StepRequest& request) {
  const std::vector<ir::ValueId>& inputs = request.node.inputs;
  return request.graph.type(inputs[1]).dims.size() == 2 &&
         std::all_of(inputs.begin() + 1, inputs.end(), [&](ir::ValueId id) {
           return request.graph.value(id).is_constant();
         });
}

absl::Status CheckSupported(const plan::StepRequest& request) {
  const ir::Dims& a = request.graph.type(request.node.inputs[0]).dims;
  if (a.size() < 2) return absl::UnimplementedError("a is a vector");
  for (const ir::Dim& dim : a) {
    if (dim.value == 0) return absl::UnimplementedError("a is empty");
  }
  return absl::OkStatus();
}

// Whether this is a float product of a model that has integer ones.
bool MustNotDependOnBatch(const plan::StepRequest& request) {
  if (request.graph.type(request.node.inputs[0]).quantization) return false;
  const std::vector<ir::Value>& values = request.graph.values();
  return std::any_of(values.begin(), values.end(), [](const ir::Value& value) {
    return value.type.quantization.has_value();
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateMatMulStep(
    const plan::StepRequest& request, const ir::MatMul& op) {
  if (!HasConstantMatrix(request)) return CreateBatchedMatMulStep(request, op);
  OCTET_RETURN_IF_ERROR(CheckSupported(request));
  ProductNode product;
  product.channel_axis = op.transpose_b ? 0 : 1;
  product.scale_mask = 2;  // oneDNN's weights are [K, N]
  if (op.has_bias) product.bias_input = 2;
  product.activation = op.activation;
  OCTET_ASSIGN_OR_RETURN(ProductSetup setup, SetUpProduct(request, product));

  MatMulSizes sizes = SizesOf(request);
  const ir::Graph& graph = request.graph;
  // oneDNN sums one float row in another order than several; in a quantized
  // model, whose answers must not depend on the batch, each is done by itself.
  const bool by_row = MustNotDependOnBatch(request);
  const int64_t repeats = by_row ? sizes.m : 1;
  if (by_row) sizes.m = 1;
  const dnnl::memory::desc source(
      {sizes.m, sizes.k}, DataType(graph.type(request.node.inputs[0]).dtype),
      Tag::ab);
  const dnnl::memory::desc weights(
      {sizes.k, sizes.n}, DataType(graph.type(request.node.inputs[1]).dtype),
      op.transpose_b ? Tag::ba : Tag::ab);
  const dnnl::memory::desc destination(
      {sizes.m, sizes.n}, DataType(graph.type(request.node.outputs[0]).dtype),
      Tag::ab);
  std::optional<dnnl::memory::desc> bias;
  if (op.has_bias) {
    bias =
        dnnl::memory::desc({1, sizes.n}, dnnl::memory::data_type::f32, Tag::ab);
  }
  auto desc = WithSharedWeights(
      request, weights,
      [&](const dnnl::memory::desc& layout, bool allow_empty) {
        if (bias) {
          return dnnl::matmul::primitive_desc(CpuEngine(), source, layout,
                                              *bias, destination,
                                              setup.attributes, allow_empty);
        }
        return dnnl::matmul::primitive_desc(CpuEngine(), source, layout,
                                            destination, setup.attributes,
                                            allow_empty);
      });
  return FinishProduct(request, product, setup,
                       {dnnl::matmul(desc), desc.impl_info_str(), source,
                        weights, desc.weights_desc(), destination,
                        desc.scratchpad_desc(), bias, repeats});
}

}  // namespace octet::onednn
