// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/elementwise.h"
#include "engine/simd/steps.h"

namespace octet::simd {
namespace {

int64_t ElementsOf(const plan::StepRequest& request, ir::ValueId id) {
  return ElementCount(ir::ConcreteShape(request.graph.type(id).dims));
}

std::unique_ptr<plan::Step> MakeSumStep(absl::string_view name, const Sum& sum,
                                        int64_t elements) {
  return MakeKernelStep(
      KernelName(name), 0, [sum, elements](const plan::Bindings& bindings) {
        const void* b =
            bindings.inputs.size() > 1 ? bindings.inputs[1] : nullptr;
        bindings.pool->ParallelRanges(
            elements, [&](int64_t begin, int64_t end, int) {
              sum.Run(bindings.inputs[0], b, bindings.outputs[0], begin, end);
            });
      });
}

// The one scale and 8-bit type of `type`.
absl::StatusOr<Quantizer> QuantizerFor(const ir::TensorType& type) {
  OCTET_ASSIGN_OR_RETURN(ByteType bytes, ToByteType(type));
  return Quantizer::Create(type.quantization->scales[0], bytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateAddStep(
    const plan::StepRequest& request, const ir::Binary& op) {
  const ir::Graph& graph = request.graph;
  const ir::TensorType& a = graph.type(request.node.inputs[0]);
  const ir::TensorType& b = graph.type(request.node.inputs[1]);
  if (op.kind != ir::BinaryKind::kAdd || a.dims != b.dims) {
    return absl::UnimplementedError("not an addition of equal shapes");
  }
  SumParams params;
  OCTET_ASSIGN_OR_RETURN(params.a, ToByteType(a));
  OCTET_ASSIGN_OR_RETURN(ByteType b_type, ToByteType(b));
  OCTET_ASSIGN_OR_RETURN(
      plan::SumRequantization numbers,
      plan::RequantizeSum(a, b, graph.type(request.node.outputs[0]),
                          op.activation));
  params.multiplier = numbers.a_multiplier;
  params.b = ResidualSpec{b_type, numbers.b_multiplier};
  OCTET_ASSIGN_OR_RETURN(params.output, ToOutputSpec(numbers.output));
  OCTET_ASSIGN_OR_RETURN(Sum sum, Sum::Create(params));
  return MakeSumStep("add", sum, ElementsOf(request, request.node.outputs[0]));
}

absl::StatusOr<std::unique_ptr<plan::Step>> CreateRequantizeStep(
    const plan::StepRequest& request) {
  const ir::TensorType& input = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& output = request.graph.type(request.node.outputs[0]);
  SumParams params;
  OCTET_ASSIGN_OR_RETURN(params.a, ToByteType(input));
  OCTET_ASSIGN_OR_RETURN(plan::Rescaling numbers, plan::Rescale(input, output));
  params.multiplier = numbers.multiplier;
  OCTET_ASSIGN_OR_RETURN(params.output, ToOutputSpec(numbers.output));
  OCTET_ASSIGN_OR_RETURN(Sum sum, Sum::Create(params));
  return MakeSumStep("requantize", sum,
                     ElementsOf(request, request.node.outputs[0]));
}

absl::StatusOr<std::unique_ptr<plan::Step>> CreateQuantizeStep(
    const plan::StepRequest& request) {
  OCTET_ASSIGN_OR_RETURN(
      Quantizer quantizer,
      QuantizerFor(request.graph.type(request.node.outputs[0])));
  const int64_t elements = ElementsOf(request, request.node.outputs[0]);
  return MakeKernelStep(
      KernelName("quantize"), 0,
      [quantizer, elements](const plan::Bindings& bindings) {
        const auto* x = reinterpret_cast<const float*>(bindings.inputs[0]);
        bindings.pool->ParallelRanges(
            elements, [&](int64_t begin, int64_t end, int) {
              quantizer.Quantize(x, bindings.outputs[0], begin, end);
            });
      });
}

absl::StatusOr<std::unique_ptr<plan::Step>> CreateDequantizeStep(
    const plan::StepRequest& request) {
  OCTET_ASSIGN_OR_RETURN(
      Quantizer quantizer,
      QuantizerFor(request.graph.type(request.node.inputs[0])));
  const int64_t elements = ElementsOf(request, request.node.outputs[0]);
  return MakeKernelStep(
      KernelName("dequantize"), 0,
      [quantizer, elements](const plan::Bindings& bindings) {
        auto* y = reinterpret_cast<float*>(bindings.outputs[0]);
        bindings.pool->ParallelRanges(
            elements, [&](int64_t begin, int64_t end, int) {
              quantizer.Dequantize(bindings.inputs[0], y, begin, end);
            });
      });
}

}  // namespace octet::simd
