// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_LAYER_CHOICE_H_
#define OCTET_ENGINE_LAYER_CHOICE_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/loaded_model.h"
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

}  // namespace octet::internal

#endif  // OCTET_ENGINE_LAYER_CHOICE_H_
