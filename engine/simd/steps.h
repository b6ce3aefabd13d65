// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_STEPS_H_
#define OCTET_ENGINE_SIMD_STEPS_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/plan/requantization.h"
#include "engine/plan/step.h"
#include "engine/simd/kernel_step.h"
#include "engine/simd/quantized_types.h"

// From nodes of a graph to kernels of this folder. Each Create function returns
// UNIMPLEMENTED with the reason where no kernel runs the node.
namespace octet::simd {

absl::StatusOr<std::unique_ptr<plan::Step>> CreateConvStep(
    const plan::StepRequest& request, const ir::Conv& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateMatMulStep(
    const plan::StepRequest& request, const ir::MatMul& op);

absl::StatusOr<std::unique_ptr<plan::Step>> CreatePoolStep(
    const plan::StepRequest& request, const ir::Pool& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateGlobalPoolStep(
    const plan::StepRequest& request, const ir::GlobalPool& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateAttentionStep(
    const plan::StepRequest& request, const ir::Attention& op);
// Of 8-bit activations: Add, Sub and Mul.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateByteBinaryStep(
    const plan::StepRequest& request, const ir::Binary& op);
// Add of equal shapes.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateAddStep(
    const plan::StepRequest& request, const ir::Binary& op);
// Any type of element: they copy.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateConcatStep(
    const plan::StepRequest& request, const ir::Concat& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateExpandStep(
    const plan::StepRequest& request);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateGatherStep(
    const plan::StepRequest& request, const ir::Gather& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreatePadStep(
    const plan::StepRequest& request, const ir::Pad& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateReshapeStep(
    const plan::StepRequest& request);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateResizeStep(
    const plan::StepRequest& request, const ir::Resize& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateSliceStep(
    const plan::StepRequest& request, const ir::Slice& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateTransposeStep(
    const plan::StepRequest& request, const ir::Transpose& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateRequantizeStep(
    const plan::StepRequest& request);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateQuantizeStep(
    const plan::StepRequest& request);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateDequantizeStep(
    const plan::StepRequest& request);

// Of other types than float32, or with bools as results.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateTypedBinaryStep(
    const plan::StepRequest& request, const ir::Binary& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateWhereStep(
    const plan::StepRequest& request);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateCastStep(
    const plan::StepRequest& request);
// Of 8-bit activations, by a table of all bytes.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateLookUpStep(
    const plan::StepRequest& request, const ir::LookUp& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateByteClampStep(
    const plan::StepRequest& request, const ir::Clamp& op);

// Of float32 alone.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateUnaryStep(
    const plan::StepRequest& request, const ir::Unary& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateClampStep(
    const plan::StepRequest& request, const ir::Clamp& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateFloatBinaryStep(
    const plan::StepRequest& request, const ir::Binary& op);

// Positions of float32 extremes.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateArgReduceStep(
    const plan::StepRequest& request, const ir::ArgReduce& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateBatchNormStep(
    const plan::StepRequest& request, const ir::BatchNorm& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateLayerNormStep(
    const plan::StepRequest& request, const ir::LayerNorm& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateLrnStep(
    const plan::StepRequest& request, const ir::Lrn& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateReduceStep(
    const plan::StepRequest& request, const ir::Reduce& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateSoftmaxStep(
    const plan::StepRequest& request, const ir::Softmax& op);

// UNIMPLEMENTED unless all inputs and the output are plain float32.
absl::Status ExpectFloats(const plan::StepRequest& request);

// The kernels' form of an 8-bit activation's type; UNIMPLEMENTED for others.
absl::StatusOr<ByteType> ToByteType(const ir::TensorType& type);

// The kernels' form of the last step of an operator.
absl::StatusOr<OutputSpec> ToOutputSpec(const plan::OutputStage& stage);

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_STEPS_H_
