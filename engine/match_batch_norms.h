// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_MATCH_BATCH_NORMS_H_
#define OCTET_ENGINE_MATCH_BATCH_NORMS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "engine/calibration_run.h"
#include "engine/engine.h"
#include "engine/ir/graph.h"
#include "engine/optimize.h"

namespace octet::internal {

// A float model, and one whose batch norms expect the samples.
struct MatchedBatchNorms {
  // Both as `optimize` leaves them; node by node and value by value the same
  // but for constants.
  ir::Graph graph;
  ir::Graph matched;
  int64_t batch_norms = 0;  // how many were matched; 0: the graphs are equal
};

// Makes synthetic samples look to a model as its training data did.
//
// A BatchNorm of the file knows the mean and the variance of its input over the
// training data, and makes of it mean beta and deviation |gamma| by channel
// (Nagel et al., "Data-Free Quantization", 2019, section 4, ranges from these).
// In `matched` each takes the mean and the variance that the samples of `run`
// show there, the ones before it already matched. So its results, and what
// becomes of them in sums, rectifiers and pools, have the moments that real
// data gives them, however unlike it the samples are: what is seen in `matched`
// goes for `graph`. A variance is not matched to less than a 256th of the
// file's: where samples show next to nothing, noise would be blown up.
//
// `imported` is as the importer makes it: passes fold batch norms away. Costs a
// run of the samples for each, through the layers before it, reported as
// "match batch norms"; `observer` may be null. `runs.samples` says which.
absl::StatusOr<MatchedBatchNorms> MatchBatchNorms(
    const ir::Graph& imported, const CalibrationRun& run,
    const SampleRuns& runs, FloatOptimizer optimize,
    QuantizationObserver* observer);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_MATCH_BATCH_NORMS_H_
