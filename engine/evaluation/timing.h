// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_TIMING_H_
#define OCTET_ENGINE_EVALUATION_TIMING_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/calibration_run.h"
#include "engine/evaluation/evaluation.h"
#include "engine/loaded_model.h"

// Two models timed in turn on the first sample, one row, so that what else the
// machine does hits both alike.
namespace octet::internal {

struct TimedModels {
  std::shared_ptr<const LoadedModel> exact;    // for one thread
  std::shared_ptr<const LoadedModel> rounded;  // likewise
};

// Whole runs, for about `budget`: at least 5 pairs, at most 5,000. The models'
// caches are warm. The speedup's interval is a bootstrap over the pairs.
absl::StatusOr<PairedTiming> TimeInPairs(const TimedModels& models,
                                         const CalibrationRun& samples,
                                         absl::Duration budget);

struct StepTime {
  std::string output;  // the name of the step's first output in its plan
  std::string kernel;
  double us = 0;  // the least of all runs
};

struct StepTimes {
  std::vector<StepTime> exact;
  std::vector<StepTime> rounded;
};

// Every step of both plans, in whole runs for about `budget`, 5 at least.
absl::StatusOr<StepTimes> TimeSteps(const TimedModels& models,
                                    const CalibrationRun& samples,
                                    absl::Duration budget);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_EVALUATION_TIMING_H_
