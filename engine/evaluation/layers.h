// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_LAYERS_H_
#define OCTET_ENGINE_EVALUATION_LAYERS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/calibration_run.h"
#include "engine/evaluation/evaluation.h"
#include "engine/evaluation/model_pair.h"

namespace octet::internal {

// The figures of every pair, without times, over the first `count` samples, in
// the order of `models.pairs()`. Of `options`: threads, changed_channels.
// Memory: what the three graphs (float, int8, int8 cut into layers) compute for
// one row, and a histogram a pair. REQUIRES: 0 < count <= samples.samples().
absl::StatusOr<std::vector<LayerEvaluation>> EvaluateLayers(
    const ModelPair& models, const CalibrationRun& samples, int64_t count,
    const EvaluationOptions& options, QuantizationObserver* observer);

// Likewise for the float32 inputs that the int8 model rounds.
absl::StatusOr<std::vector<LayerEvaluation>> EvaluateInputs(
    const ModelPair& models, const CalibrationRun& samples, int64_t count);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_EVALUATION_LAYERS_H_
