// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/backend.h"

#include <utility>

#include "engine/simd/recurrent_step.h"
#include "engine/simd/steps.h"

namespace octet::simd {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<plan::Step>>;

// Asks the operator's function where this backend has one.
class CreateVisitor {
 public:
  explicit CreateVisitor(const plan::StepRequest& request)
      : request_(request) {}

  StepOr operator()(const ir::Conv& op) const {
    return CreateConvStep(request_, op);
  }
  StepOr operator()(const ir::MatMul& op) const {
    return CreateMatMulStep(request_, op);
  }
  StepOr operator()(const ir::Attention& op) const {
    return CreateAttentionStep(request_, op);
  }
  StepOr operator()(const ir::Pool& op) const {
    return CreatePoolStep(request_, op);
  }
  StepOr operator()(const ir::GlobalPool& op) const {
    return CreateGlobalPoolStep(request_, op);
  }
  StepOr operator()(const ir::Binary& op) const {
    const ir::TensorType& type = request_.graph.type(request_.node.inputs[0]);
    if (type.quantization) return CreateByteBinaryStep(request_, op);
    if (type.dtype == DType::kFloat32 && !ir::GivesBool(op.kind)) {
      return CreateFloatBinaryStep(request_, op);
    }
    return CreateTypedBinaryStep(request_, op);
  }
  StepOr operator()(const ir::Unary& op) const {
    return CreateUnaryStep(request_, op);
  }
  StepOr operator()(const ir::Clamp& op) const {
    const ir::TensorType& type = request_.graph.type(request_.node.inputs[0]);
    if (type.quantization) return CreateByteClampStep(request_, op);
    return CreateClampStep(request_, op);
  }
  StepOr operator()(const ir::LookUp& op) const {
    return CreateLookUpStep(request_, op);
  }
  StepOr operator()(const ir::Recurrent& op) const {
    return CreateRecurrentStep(request_, op);
  }
  StepOr operator()(const ir::Concat& op) const {
    return CreateConcatStep(request_, op);
  }
  StepOr operator()(const ir::Resize& op) const {
    return CreateResizeStep(request_, op);
  }
  StepOr operator()(const ir::Slice& op) const {
    return CreateSliceStep(request_, op);
  }
  StepOr operator()(const ir::Pad& op) const {
    return CreatePadStep(request_, op);
  }
  StepOr operator()(const ir::Reshape&) const {
    return CreateReshapeStep(request_);
  }
  StepOr operator()(const ir::Transpose& op) const {
    return CreateTransposeStep(request_, op);
  }
  StepOr operator()(const ir::Quantize&) const {
    return CreateQuantizeStep(request_);
  }
  StepOr operator()(const ir::Dequantize&) const {
    return CreateDequantizeStep(request_);
  }
  StepOr operator()(const ir::Requantize&) const {
    return CreateRequantizeStep(request_);
  }
  StepOr operator()(const ir::BatchNorm& op) const {
    return CreateBatchNormStep(request_, op);
  }
  StepOr operator()(const ir::LayerNorm& op) const {
    return CreateLayerNormStep(request_, op);
  }
  StepOr operator()(const ir::Lrn& op) const {
    return CreateLrnStep(request_, op);
  }
  StepOr operator()(const ir::Reduce& op) const {
    return CreateReduceStep(request_, op);
  }
  StepOr operator()(const ir::Softmax& op) const {
    return CreateSoftmaxStep(request_, op);
  }
  StepOr operator()(const ir::Gather& op) const {
    return CreateGatherStep(request_, op);
  }
  StepOr operator()(const ir::Expand&) const {
    return CreateExpandStep(request_);
  }
  StepOr operator()(const ir::Where&) const {
    return CreateWhereStep(request_);
  }
  StepOr operator()(const ir::Cast&) const { return CreateCastStep(request_); }
  StepOr operator()(const ir::ArgReduce& op) const {
    return CreateArgReduceStep(request_, op);
  }
  template <typename Op>
  StepOr operator()(const Op&) const {
    return absl::UnimplementedError("not an operator of this backend");
  }

 private:
  const plan::StepRequest& request_;
};

class SimdBackend : public plan::Backend {
 public:
  absl::string_view name() const override { return "simd"; }

  StepOr CreateStep(const plan::StepRequest& request) const override {
    return std::visit(CreateVisitor(request), request.node.op);
  }
};

}  // namespace

absl::StatusOr<ByteType> ToByteType(const ir::TensorType& type) {
  const bool bytes = type.dtype == DType::kUInt8 || type.dtype == DType::kInt8;
  if (!bytes || !type.quantization || !type.quantization->per_tensor()) {
    return absl::UnimplementedError(
        "an activation that is not 8 bits with one scale");
  }
  return ByteType{type.dtype, type.quantization->zero_points[0]};
}

absl::StatusOr<OutputSpec> ToOutputSpec(const plan::OutputStage& stage) {
  OutputSpec spec;
  spec.dtype = stage.dtype;
  switch (stage.dtype) {
    case DType::kFloat32:
      spec.lower = stage.lower;
      spec.upper = stage.upper;
      return spec;
    case DType::kUInt8:
    case DType::kInt8:
      spec.zero_point = stage.zero_point;
      spec.lo = static_cast<int32_t>(stage.lower) + stage.zero_point;
      spec.hi = static_cast<int32_t>(stage.upper) + stage.zero_point;
      return spec;
    default:
      return absl::UnimplementedError("an output wider than 8 bits");
  }
}

std::unique_ptr<plan::Backend> CreateSimdBackend() {
  return std::make_unique<SimdBackend>();
}

}  // namespace octet::simd
