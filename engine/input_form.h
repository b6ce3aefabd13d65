// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_INPUT_FORM_H_
#define OCTET_ENGINE_INPUT_FORM_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/shape.h"
#include "engine/base/tensor.h"
#include "engine/engine.h"
#include "engine/plan/plan.h"
#include "engine/simd/pixel_conversion.h"

// Input forms, checked against a model. Internal to the facade.
namespace octet::internal {

// An input form as the gather pass needs it.
struct ResolvedForm {
  simd::PixelSource pixels;
  // Of one image of the model.
  int64_t channels = 1;
  int64_t channel_pixels = 1;
  bool model_channels_last = false;
};

struct ModelInputs {
  std::vector<TensorSpec> specs;  // as the callers send them
  std::vector<std::optional<ResolvedForm>> forms;
};

// `specs` are the model's own, `planned` the inputs of any of its plans.
// INVALID_ARGUMENT as Model::FromBytes() says.
absl::StatusOr<ModelInputs> ResolveInputForms(
    absl::Span<const InputForm> forms, std::vector<TensorSpec> specs,
    absl::Span<const plan::PlanTensor> planned, bool batches);

// `rows`, [rows, row shape...] of `sent`, as float32 [rows,
// `own_row_shape`...]. INVALID_ARGUMENT where they are no such rows.
absl::StatusOr<Tensor> ToModelForm(const ResolvedForm& form,
                                   const TensorSpec& sent,
                                   const Shape& own_row_shape,
                                   const Tensor& rows);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_INPUT_FORM_H_
