// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIGNATURE_H_
#define OCTET_ENGINE_SIGNATURE_H_

#include <cstddef>
#include <vector>

#include "absl/status/status.h"
#include "engine/base/tensor.h"
#include "engine/engine.h"
#include "engine/plan/plan.h"

// What both kinds of models say and check. Internal to the facade.
namespace octet::internal {

std::vector<StepDescription> DescribeSteps(const plan::Plan& plan);

// INVALID_ARGUMENT naming the field and its range.
absl::Status CheckOptions(const ModelOptions& options);

// INVALID_ARGUMENT unless `tensor`, as a whole, has the dtype and the shape of
// `spec`, whose -1 stand for any extent.
absl::Status CheckTensorFits(const TensorSpec& spec, const Tensor& tensor);

// What the tensors of one plan may take: model options allow batches of 1,024,
// files any shape.
inline constexpr size_t kMaxArenaBytes = size_t{4} << 30;

// RESOURCE_EXHAUSTED where what a node of `graph`, whose dimensions are fixed,
// reads and computes takes more than `max_bytes`, without constants. The arena
// of a plan holds at least that, so it is asked before one is built.
absl::Status CheckTensorsFit(const ir::Graph& graph, int64_t max_bytes);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_SIGNATURE_H_
