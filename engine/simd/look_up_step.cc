// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/look_up.h"
#include "engine/simd/steps.h"

namespace octet::simd {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<plan::Step>>;

StepOr MakeByteStep(const std::array<uint8_t, 256>& values, int64_t size) {
  return MakeKernelStep(
      absl::StrCat("simd:table:", IsaName(ActiveIsa())), 0,
      [function = ByteFunction(values), size](const plan::Bindings& bindings) {
        ShareOut(bindings.pool, size, MoveNs(2 * size),
                 [&](int64_t begin, int64_t end) {
                   function.Run(bindings.inputs[0], bindings.outputs[0], begin,
                                end);
                 });
      });
}

StepOr MakeFloatStep(const Tensor& table, int64_t size) {
  return MakeKernelStep(
      "simd:table:float", 0, [table, size](const plan::Bindings& bindings) {
        const float* values = table.data<float>().data();
        const auto* x = reinterpret_cast<const uint8_t*>(bindings.inputs[0]);
        auto* y = reinterpret_cast<float*>(bindings.outputs[0]);
        ShareOut(bindings.pool, size, size, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) y[i] = values[x[i]];
        });
      });
}

int64_t ElementsOfOutput(const plan::StepRequest& request) {
  return ElementCount(
      ir::ConcreteShape(request.graph.type(request.node.outputs[0]).dims));
}

}  // namespace

StepOr CreateLookUpStep(const plan::StepRequest& request,
                        const ir::LookUp& op) {
  if (request.graph.type(request.node.outputs[0]).dtype != op.table.dtype()) {
    return absl::UnimplementedError(
        "the table has another type than the output");
  }
  const int64_t size = ElementsOfOutput(request);
  if (op.table.dtype() == DType::kFloat32) {
    return MakeFloatStep(op.table, size);
  }
  std::array<uint8_t, 256> values;
  const auto* bytes = reinterpret_cast<const uint8_t*>(op.table.bytes());
  std::copy_n(bytes, values.size(), values.begin());
  return MakeByteStep(values, size);
}

StepOr CreateByteClampStep(const plan::StepRequest& request,
                           const ir::Clamp& op) {
  const ir::TensorType& input = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& output = request.graph.type(request.node.outputs[0]);
  OCTET_RETURN_IF_ERROR(ToByteType(input).status());
  OCTET_RETURN_IF_ERROR(ToByteType(output).status());
  OCTET_ASSIGN_OR_RETURN(plan::Rescaling numbers,
                         plan::Rescale(input, output, op.range));
  std::array<uint8_t, 256> values;
  for (int byte = 0; byte < 256; ++byte) {
    const int q =
        input.dtype == DType::kInt8 ? static_cast<int8_t>(byte) : byte;
    values[byte] = static_cast<uint8_t>(
        numbers.output.Rounded(numbers.Real(q - numbers.input_zero_point)));
  }
  return MakeByteStep(values, ElementsOfOutput(request));
}

}  // namespace octet::simd
