// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/conv.h"
#include "engine/simd/matmul.h"
#include "engine/simd/steps.h"

namespace octet::simd {
namespace {

// The constants and types of a Conv or MatMul of integers.
struct Product {
  plan::ProductRequantization numbers;
  ByteType input;
  OutputSpec output;
  std::optional<ResidualSpec> residual;
  ConvConstants constants;
};

// Each thread's scratch starts on a cache line of its own.
size_t ScratchPerThread(size_t bytes) { return (bytes + 63) / 64 * 64; }

struct ProductShape {
  int channel_axis = 0;
  bool has_bias = false;
  bool has_residual = false;
  ir::Activation activation;
};

absl::StatusOr<Product> Describe(const plan::StepRequest& request,
                                 const ProductShape& shape) {
  const ir::Graph& graph = request.graph;
  const std::vector<ir::ValueId>& inputs = request.node.inputs;
  const ir::Value& weights = graph.value(inputs[1]);
  if (!graph.type(inputs[0]).quantization) {
    return absl::UnimplementedError("float products");
  }
  if (!weights.is_constant() || weights.type.dtype != DType::kInt8) {
    return absl::UnimplementedError("weights that are no int8 constant");
  }
  const ir::TensorType* residual =
      shape.has_residual ? &graph.type(inputs.back()) : nullptr;
  Product product;
  OCTET_ASSIGN_OR_RETURN(
      product.numbers,
      plan::RequantizeProducts(
          {graph.type(inputs[0]), weights.type, shape.channel_axis, residual,
           graph.type(request.node.outputs[0]), shape.activation}));
  OCTET_ASSIGN_OR_RETURN(product.input, ToByteType(graph.type(inputs[0])));
  OCTET_ASSIGN_OR_RETURN(product.output, ToOutputSpec(product.numbers.output));
  if (residual != nullptr) {
    OCTET_ASSIGN_OR_RETURN(ByteType type, ToByteType(*residual));
    product.residual = ResidualSpec{type, product.numbers.residual_multiplier};
  }
  product.constants.weights = weights.constant->data<int8_t>();
  if (shape.has_bias) {
    product.constants.bias = graph.value(inputs[2]).constant->data<int32_t>();
  }
  return product;
}

std::string WeightsKey(const plan::StepRequest& request) {
  return absl::StrCat("simd/",
                      request.weights->KeyOf(request.graph, request.node));
}

// A step that runs `kernel`, a Conv or a MatMul, over the pool.
template <typename Kernel>
std::unique_ptr<plan::Step> MakeProductStep(const plan::StepRequest& request,
                                            const Kernel& kernel,
                                            bool has_residual) {
  const size_t share = ScratchPerThread(kernel.scratch_bytes());
  const size_t last = request.node.inputs.size() - 1;
  auto body = [kernel, share, has_residual,
               last](const plan::Bindings& bindings) {
    ConvArgs args;
    args.input = bindings.inputs[0];
    args.residual = has_residual ? bindings.inputs[last] : nullptr;
    args.output = bindings.outputs[0];
    args.next_weights = bindings.next_weights;
    bindings.pool->ParallelRanges(
        kernel.work_items(), [&](int64_t begin, int64_t end, int thread) {
          kernel.Run(args, begin, end, bindings.scratch + thread * share);
        });
  };
  InputUse inputs;
  // Weights and bias.
  for (size_t i = 1; i < last + (has_residual ? 0 : 1); ++i) {
    inputs.packed.push_back(i);
  }
  // Kernels add a residual element where they store the sum.
  if (has_residual) inputs.overwritable = last;
  return MakeKernelStep(absl::StrCat("simd:", kernel.name()),
                        share * request.threads, std::move(body),
                        std::move(inputs), kernel.first_weights());
}

absl::StatusOr<ConvParams> ConvParamsOf(const plan::StepRequest& request,
                                        const ir::Conv& op) {
  const Shape x =
      ir::ConcreteShape(request.graph.type(request.node.inputs[0]).dims);
  const size_t axes = op.window.kernel.size();
  if (op.layout != ir::Layout::kChannelsLast) {
    return absl::UnimplementedError("channels-first convolution");
  }
  if (axes != 1 && axes != 2) {
    return absl::UnimplementedError(
        absl::StrCat("convolution over ", axes, " axes"));
  }
  const ir::Window& window = op.window;
  ConvParams params;
  params.batch = x[0];
  params.width = x[axes];
  params.in_channels = x[axes + 1];
  params.out_channels =
      ir::ConcreteShape(request.graph.type(request.node.inputs[1]).dims)[0];
  params.groups = op.groups;
  params.kernel_w = window.kernel[axes - 1];
  params.stride_w = window.strides[axes - 1];
  params.dilation_w = window.dilations[axes - 1];
  params.pad_left = window.pads_begin[axes - 1];
  params.pad_right = window.pads_end[axes - 1];
  if (axes == 2) {
    params.height = x[1];
    params.kernel_h = window.kernel[0];
    params.stride_h = window.strides[0];
    params.dilation_h = window.dilations[0];
    params.pad_top = window.pads_begin[0];
    params.pad_bottom = window.pads_end[0];
  }
  return params;
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateConvStep(
    const plan::StepRequest& request, const ir::Conv& op) {
  OCTET_ASSIGN_OR_RETURN(
      Product product,
      Describe(request, {0, op.has_bias, op.has_residual, op.activation}));
  OCTET_ASSIGN_OR_RETURN(ConvParams params, ConvParamsOf(request, op));
  params.input = product.input;
  params.output = product.output;
  params.residual = product.residual;
  product.constants.multipliers = product.numbers.multipliers;
  OCTET_ASSIGN_OR_RETURN(
      std::shared_ptr<const Conv> packed,
      request.weights->GetOrMake<Conv>(
          WeightsKey(request),
          [&]() -> absl::StatusOr<std::shared_ptr<const Conv>> {
            OCTET_ASSIGN_OR_RETURN(Conv conv,
                                   Conv::Create(params, product.constants));
            return std::make_shared<const Conv>(std::move(conv));
          },
          [](const Conv& conv) { return conv.weight_bytes(); }));
  OCTET_ASSIGN_OR_RETURN(
      Conv conv, packed->ForInput(params.batch, params.height, params.width));
  return MakeProductStep(request, conv, op.has_residual);
}

absl::StatusOr<std::unique_ptr<plan::Step>> CreateMatMulStep(
    const plan::StepRequest& request, const ir::MatMul& op) {
  const ir::Dims& b = request.graph.type(request.node.inputs[1]).dims;
  if (b.size() != 2) return absl::UnimplementedError("b is no matrix");
  const Shape a =
      ir::ConcreteShape(request.graph.type(request.node.inputs[0]).dims);
  if (ElementCount(a) == 0) return absl::UnimplementedError("a is empty");
  OCTET_ASSIGN_OR_RETURN(
      Product product,
      Describe(request, {op.transpose_b ? 0 : 1, op.has_bias,
                         /*has_residual=*/false, op.activation}));
  product.constants.multipliers = product.numbers.multipliers;
  MatMulParams params;
  params.depth = a.back();
  params.rows = ElementCount(a) / params.depth;
  params.columns = b[op.transpose_b ? 0 : 1].value;
  params.transposed_weights = op.transpose_b;
  params.input = product.input;
  params.output = product.output;
  OCTET_ASSIGN_OR_RETURN(
      std::shared_ptr<const MatMul> packed,
      request.weights->GetOrMake<MatMul>(
          WeightsKey(request),
          [&]() -> absl::StatusOr<std::shared_ptr<const MatMul>> {
            OCTET_ASSIGN_OR_RETURN(MatMul matmul,
                                   MatMul::Create(params, product.constants));
            return std::make_shared<const MatMul>(std::move(matmul));
          },
          [](const MatMul& matmul) { return matmul.weight_bytes(); }));
  OCTET_ASSIGN_OR_RETURN(MatMul matmul, packed->ForRows(params.rows));
  return MakeProductStep(request, matmul, /*has_residual=*/false);
}

}  // namespace octet::simd
