// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_STEP_TABLE_H_
#define OCTET_ENGINE_TOOLS_STEP_TABLE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "engine/tools/report.h"

namespace octet::tools {

// One step of a plan and how long it takes.
struct TimedStep {
  StepDescription step;
  double ms = 0;
  // Of the same node in the model that this one is compared with.
  std::optional<double> other_ms;
  double gmacs = 0;  // thousand millions of products a second; 0 without any
  // Of the peak of the step's arithmetic (integers or floats) on all threads.
  double peak_share = 0;
};

// The steps of a plan, timed.
struct StepTable {
  std::vector<TimedStep> steps;  // in the plan's order
  int rows = 1;
  MachinePeak peak;  // of one core
  double total_ms = 0;
  // Steps that neither read nor give integers, of a quantized model; and those
  // that only convert between floats and integers.
  double float_ms = 0;
  double conversion_ms = 0;
};

// Times the steps of `model`, and those of `other` beside them where it is not
// null: nodes are matched by their names. As TimeSteps().
absl::StatusOr<StepTable> MakeStepTable(const Model& model, const Model* other,
                                        int rows, absl::Duration budget);

void PrintStepTable(const StepTable& table, bool quantized);
Json StepTableToJson(const StepTable& table);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_STEP_TABLE_H_
