// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BYTE_INPUTS_H_
#define OCTET_ENGINE_BYTE_INPUTS_H_

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "engine/calibration_run.h"
#include "engine/engine.h"
#include "engine/ir/graph.h"

namespace octet::internal {

// What QuantizedTensor::threshold says of the values that TakeByteInputs()
// names.
inline constexpr char kBytesThreshold[] = "bytes";

// Gives `graph`, optimized, of the model that `run` has samples of, the bytes
// that its inputs were made from, where all samples show that they were
// (quant::WithByteInput()). Returns the names of the values that are bytes.
// `observer`, which may be null, can cancel.
absl::StatusOr<std::set<std::string>> TakeByteInputs(
    const CalibrationRun& run, QuantizationObserver* observer,
    ir::Graph& graph);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_BYTE_INPUTS_H_
