// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_RUN_MODEL_H_
#define OCTET_ENGINE_TOOLS_RUN_MODEL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/engine.h"

// Runs models on tensors that come from files. `inputs` has one tensor for each
// input of the model, by name, in any order.
//
// INVALID_ARGUMENT names the input whose tensor is missing, unknown, or of
// another type or shape than the model takes.
namespace octet::tools {

// What a model answered.
struct ModelAnswer {
  int64_t rows = 0;
  std::vector<NamedTensor> outputs;  // in the model's order
};

// A model that batches takes tensors of shape [rows, row_shape...] and gives
// [rows, row_shape...]. One that does not gets the tensors as they are, in one
// run, and its outputs are as the model states them; `rows` is then 1. So does
// one with dynamic shapes, whose outputs' shapes the run tells.
absl::StatusOr<ModelAnswer> RunModel(std::shared_ptr<const Model> model,
                                     absl::Span<const NamedTensor> inputs);

// Tensors of .npy files, given as NAME=FILE, in the order of the model's
// inputs.
absl::StatusOr<std::vector<Tensor>> ReadInputs(
    const Model& model, const std::vector<std::string>& arguments);

// Runs a model with dynamic shapes once on such files, if there are any, so
// that it is planned for their shapes. Files for another model are an
// INVALID_ARGUMENT.
absl::Status PlanForInputs(std::shared_ptr<const Model> model,
                           const std::vector<std::string>& arguments);

// As RunModel(), but a model that does not batch may also be given many
// samples: a leading axis in front of its input's shape, or in place of a
// leading axis of one. Each sample is a run. Every output has shape [samples,
// row_shape...].
absl::StatusOr<ModelAnswer> RunSamples(std::shared_ptr<const Model> model,
                                       absl::Span<const NamedTensor> inputs);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_RUN_MODEL_H_
