// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/broadcast.h"
#include "engine/simd/steps.h"
#include "engine/simd/typed_rows.h"

// Elementwise steps on any type: arithmetic of integers and doubles,
// comparisons, logic, Where and Cast.
namespace octet::simd {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<plan::Step>>;

absl::StatusOr<Broadcast> BroadcastOf(const plan::StepRequest& request) {
  std::vector<Shape> inputs;
  for (ir::ValueId id : request.node.inputs) {
    inputs.push_back(request.shape(id));
  }
  return Broadcast::Create(request.shape(request.node.outputs[0]), inputs);
}

bool AnyQuantized(const plan::StepRequest& request) {
  for (ir::ValueId id : request.node.inputs) {
    if (request.graph.type(id).quantization) return true;
  }
  return request.graph.type(request.node.outputs[0]).quantization.has_value();
}

}  // namespace

StepOr CreateTypedBinaryStep(const plan::StepRequest& request,
                             const ir::Binary& op) {
  const DType dtype = request.graph.type(request.node.inputs[0]).dtype;
  const DType result = request.graph.type(request.node.outputs[0]).dtype;
  if (AnyQuantized(request) || !op.activation.is_identity() ||
      request.graph.type(request.node.inputs[1]).dtype != dtype ||
      result != (ir::GivesBool(op.kind) ? DType::kBool : dtype)) {
    return absl::UnimplementedError("no kernel for these types");
  }
  OCTET_ASSIGN_OR_RETURN(Broadcast broadcast, BroadcastOf(request));
  const auto repeated = broadcast.repeats(0)   ? internal::Repeated::kA
                        : broadcast.repeats(1) ? internal::Repeated::kB
                                               : internal::Repeated::kNone;
  const internal::TypedRow row =
      internal::TypedBinaryRow(op.kind, dtype, repeated);
  if (row == nullptr) {
    return absl::UnimplementedError("no kernel for this function and type");
  }
  const auto bytes = static_cast<int64_t>(SizeOf(dtype));
  const auto y_bytes = static_cast<int64_t>(SizeOf(result));
  return MakeKernelStep(
      "simd:elementwise", 0, [=](const plan::Bindings& bindings) {
        ShareOut(bindings.pool, broadcast.size(),
                 MoveNs(3 * bytes * broadcast.size()),
                 [&](int64_t begin, int64_t end) {
                   broadcast.ForRows(
                       begin, end,
                       [&](int64_t i, const auto& at, int64_t count) {
                         row(bindings.inputs[0] + at[0] * bytes,
                             bindings.inputs[1] + at[1] * bytes,
                             bindings.outputs[0] + i * y_bytes, count);
                       });
                 });
      });
}

StepOr CreateWhereStep(const plan::StepRequest& request) {
  const ir::TensorType& output = request.graph.type(request.node.outputs[0]);
  for (size_t i : {1, 2}) {
    const ir::TensorType& type = request.graph.type(request.node.inputs[i]);
    if (type.dtype != output.dtype ||
        type.quantization != output.quantization) {
      return absl::UnimplementedError("the types of input and output differ");
    }
  }
  OCTET_ASSIGN_OR_RETURN(Broadcast broadcast, BroadcastOf(request));
  const size_t bytes = SizeOf(output.dtype);
  return MakeKernelStep("simd:where", 0, [=](const plan::Bindings& bindings) {
    internal::WhereRow rows;
    rows.condition_repeats = broadcast.repeats(0);
    rows.a_repeats = broadcast.repeats(1);
    rows.b_repeats = broadcast.repeats(2);
    ShareOut(bindings.pool, broadcast.size(),
             MoveNs(3 * static_cast<int64_t>(bytes) * broadcast.size()),
             [&](int64_t begin, int64_t end) {
               internal::WhereRow row = rows;
               broadcast.ForRows(
                   begin, end, [&](int64_t i, const auto& at, int64_t count) {
                     row.condition = reinterpret_cast<const uint8_t*>(
                         bindings.inputs[0] + at[0]);
                     row.a = bindings.inputs[1] + at[1] * bytes;
                     row.b = bindings.inputs[2] + at[2] * bytes;
                     row.y = bindings.outputs[0] + i * bytes;
                     row.n = count;
                     internal::ChooseRow(row, bytes);
                   });
             });
  });
}

StepOr CreateCastStep(const plan::StepRequest& request) {
  const DType from = request.graph.type(request.node.inputs[0]).dtype;
  const DType to = request.graph.type(request.node.outputs[0]).dtype;
  const internal::CastRow row = internal::CastRowFor(from, to);
  if (row == nullptr || AnyQuantized(request)) {
    return absl::UnimplementedError("no kernel for these types");
  }
  const int64_t size = ElementCount(request.shape(request.node.outputs[0]));
  const auto x_bytes = static_cast<int64_t>(SizeOf(from));
  const auto y_bytes = static_cast<int64_t>(SizeOf(to));
  return MakeKernelStep("simd:cast", 0, [=](const plan::Bindings& bindings) {
    ShareOut(bindings.pool, size, size, [&](int64_t begin, int64_t end) {
      row(bindings.inputs[0] + begin * x_bytes,
          bindings.outputs[0] + begin * y_bytes, end - begin);
    });
  });
}

}  // namespace octet::simd
