// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONEDNN_STEPS_H_
#define OCTET_ENGINE_ONEDNN_STEPS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "engine/plan/step.h"

// One function per operator of the backend; each returns UNIMPLEMENTED with the
// reason where oneDNN, or octet's use of it, does not run the node. They may
// throw dnnl::error.
namespace octet::onednn {

absl::StatusOr<std::unique_ptr<plan::Step>> CreateConvStep(
    const plan::StepRequest& request, const ir::Conv& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateMatMulStep(
    const plan::StepRequest& request, const ir::MatMul& op);
// The same where an input other than `a` is computed, or b is no matrix.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateBatchedMatMulStep(
    const plan::StepRequest& request, const ir::MatMul& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreatePoolStep(
    const plan::StepRequest& request, const ir::Pool& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateGlobalPoolStep(
    const plan::StepRequest& request, const ir::GlobalPool& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateSoftmaxStep(
    const plan::StepRequest& request, const ir::Softmax& op);

}  // namespace octet::onednn

#endif  // OCTET_ENGINE_ONEDNN_STEPS_H_
