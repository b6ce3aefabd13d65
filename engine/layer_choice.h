// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_LAYER_CHOICE_H_
#define OCTET_ENGINE_LAYER_CHOICE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "engine/loaded_model.h"
#include "engine/onnx/importer.h"
#include "engine/quant/keep_float.h"

namespace octet::internal {

// How long each measurement runs.
inline constexpr absl::Duration kLayerTiming = absl::Milliseconds(200);

// Times the layers of `quantized` (of QuantizeGraph()) beside those of `exact`,
// the float model it was made of, at one row, and lets what loses stay float
// where that makes the whole network faster. Which layers these are depends on
// the machine and its load; the graph follows from them alone.
absl::StatusOr<quant::FloatSegments> ChooseFasterLayers(
    const LoadedModel& exact, const ir::Graph& quantized);

// The same for a model that came quantized: its float model is what its
// integers stand for, without any rounding of activations. `options` are those
// that it is loaded with.
absl::StatusOr<quant::FloatSegments> ChooseFasterLayers(
    const onnx::ImportedModel& quantized, const ModelOptions& options);

// For users. The segments as they come.
std::vector<SlowerLayers> Published(std::vector<quant::FloatSegment> segments);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_LAYER_CHOICE_H_
