// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_STEPS_H_
#define OCTET_ENGINE_REFERENCE_STEPS_H_

#include "absl/status/statusor.h"
#include "engine/ir/op.h"
#include "engine/plan/requantization.h"
#include "engine/reference/loop_step.h"

// One function for each operator of engine/ir/op.h, so that a new operator
// does not compile until it has its loop here. All dimensions are fixed, and
// the graph has passed ir::VerifyGraph(): shapes fit.
// UNIMPLEMENTED  types or ranks that have no loop, with the reason.
namespace octet::reference {

// conv_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Conv& op, const NodeTypes& node);
// conv_transpose_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::ConvTranspose& op,
                                 const NodeTypes& node);
// matmul_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::MatMul& op, const NodeTypes& node);
// attention_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Attention& op,
                                 const NodeTypes& node);
// pool_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Pool& op, const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::GlobalPool& op,
                                 const NodeTypes& node);
// max_pool_indices_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::MaxPoolIndices& op,
                                 const NodeTypes& node);
// resize_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Resize& op, const NodeTypes& node);
// lrn_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Lrn& op, const NodeTypes& node);
// roi_align_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::RoiAlign& op, const NodeTypes& node);
// grid_sample_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::GridSample& op,
                                 const NodeTypes& node);
// binary_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Binary& op, const NodeTypes& node);
// unary_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Unary& op, const NodeTypes& node);
// elementwise_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Clamp& op, const NodeTypes& node);
// where_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Where& op, const NodeTypes& node);
// cast_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Cast& op, const NodeTypes& node);
// softmax_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Softmax& op, const NodeTypes& node);
// gather_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Gather& op, const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::GatherElements& op,
                                 const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::GatherNd& op, const NodeTypes& node);
// scatter_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::ScatterElements& op,
                                 const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::ScatterNd& op,
                                 const NodeTypes& node);
// pad_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Pad& op, const NodeTypes& node);
// layout_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Concat& op, const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::Expand& op, const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::Slice& op, const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::Reshape& op, const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::Transpose& op,
                                 const NodeTypes& node);
// reduce_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Reduce& op, const NodeTypes& node);
// arg_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::ArgReduce& op,
                                 const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::TopK& op, const NodeTypes& node);
// cum_sum_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::CumSum& op, const NodeTypes& node);
// normalization_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::BatchNorm& op,
                                 const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::LayerNorm& op,
                                 const NodeTypes& node);
// quantize_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::Quantize& op, const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::Dequantize& op,
                                 const NodeTypes& node);
absl::StatusOr<StepPtr> MakeStep(const ir::Requantize& op,
                                 const NodeTypes& node);

// look_up_step.cc
absl::StatusOr<StepPtr> MakeStep(const ir::LookUp& op, const NodeTypes& node);

// Requantize, and Clamp on integers: every element in other steps.
// In elementwise_step.cc.
StepPtr MakeRescaleLoop(const plan::Rescaling& rescaling,
                        const NodeTypes& node);

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_STEPS_H_
