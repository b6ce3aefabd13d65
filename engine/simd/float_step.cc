// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/broadcast.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/float_kernels.h"
#include "engine/simd/steps.h"

// Elementwise steps on floats.
namespace octet::simd {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<plan::Step>>;

// Nanoseconds an element of these takes one thread, roughly.
constexpr double kSimpleNs = 0.15;
constexpr double kFunctionNs = 1;
constexpr double kPowNs = 25;

const float* FloatsOf(const plan::Bindings& bindings, int i) {
  return reinterpret_cast<const float*>(bindings.inputs[i]);
}

std::unique_ptr<plan::Step> MakeRowStep(const plan::StepRequest& request,
                                        internal::UnaryRow row,
                                        const internal::FloatParams& params,
                                        double element_ns) {
  const int64_t size = ElementCount(request.shape(request.node.outputs[0]));
  const auto ns = static_cast<int64_t>(element_ns * static_cast<double>(size));
  return MakeKernelStep(
      KernelName("elementwise"), 0,
      [row, params, size, ns](const plan::Bindings& bindings) {
        const float* x = FloatsOf(bindings, 0);
        auto* y = reinterpret_cast<float*>(bindings.outputs[0]);
        ShareOut(bindings.pool, size, ns, [&](int64_t begin, int64_t end) {
          row(x + begin, y + begin, end - begin, params);
        });
      });
}

}  // namespace

absl::Status ExpectFloats(const plan::StepRequest& request) {
  const auto plain = [&](ir::ValueId id) {
    const ir::TensorType& type = request.graph.type(id);
    return type.dtype == DType::kFloat32 && !type.quantization;
  };
  for (ir::ValueId id : request.node.inputs) {
    if (!plain(id)) return absl::UnimplementedError("an input is no float32");
  }
  if (plain(request.node.outputs[0])) return absl::OkStatus();
  return absl::UnimplementedError("the output is no float32");
}

StepOr CreateUnaryStep(const plan::StepRequest& request, const ir::Unary& op) {
  OCTET_RETURN_IF_ERROR(ExpectFloats(request));
  const internal::UnaryRow row =
      internal::FloatKernelsFor(ActiveIsa()).unary(op.kind);
  if (row == nullptr) {
    return absl::UnimplementedError("no kernel for this function");
  }
  internal::FloatParams params;
  params.alpha = op.alpha;
  params.beta = op.beta;
  return MakeRowStep(request, row, params, kFunctionNs);
}

StepOr CreateClampStep(const plan::StepRequest& request, const ir::Clamp& op) {
  OCTET_RETURN_IF_ERROR(ExpectFloats(request));
  internal::FloatParams params;
  params.lower = op.range.lower;
  params.upper = op.range.upper;
  return MakeRowStep(request, internal::FloatKernelsFor(ActiveIsa()).clamp,
                     params, kSimpleNs);
}

StepOr CreateFloatBinaryStep(const plan::StepRequest& request,
                             const ir::Binary& op) {
  OCTET_RETURN_IF_ERROR(ExpectFloats(request));
  OCTET_ASSIGN_OR_RETURN(
      Broadcast broadcast,
      Broadcast::Create(request.shape(request.node.outputs[0]),
                        {request.shape(request.node.inputs[0]),
                         request.shape(request.node.inputs[1])}));
  const auto repeated = broadcast.repeats(0)   ? internal::Repeated::kA
                        : broadcast.repeats(1) ? internal::Repeated::kB
                                               : internal::Repeated::kNone;
  const internal::BinaryRow row =
      internal::FloatKernelsFor(ActiveIsa()).binary(op.kind, repeated);
  if (row == nullptr) {
    return absl::UnimplementedError("no kernel for this function");
  }
  internal::FloatParams params;
  params.lower = op.activation.lower;
  params.upper = op.activation.upper;
  const bool pow = op.kind == ir::BinaryKind::kPow;
  const auto ns = static_cast<int64_t>(static_cast<double>(broadcast.size()) *
                                       (pow ? kPowNs : kSimpleNs));
  return MakeKernelStep(
      KernelName("elementwise"), 0, [=](const plan::Bindings& bindings) {
        const float* a = FloatsOf(bindings, 0);
        const float* b = FloatsOf(bindings, 1);
        auto* y = reinterpret_cast<float*>(bindings.outputs[0]);
        ShareOut(bindings.pool, broadcast.size(), ns,
                 [&](int64_t begin, int64_t end) {
                   broadcast.ForRows(
                       begin, end,
                       [&](int64_t i, const auto& from, int64_t count) {
                         row(a + from[0], b + from[1], y + i, count, params);
                       });
                 });
      });
}

}  // namespace octet::simd
