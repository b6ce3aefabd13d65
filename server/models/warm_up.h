// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_WARM_UP_H_
#define OCTET_SERVER_MODELS_WARM_UP_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/contained_files.h"
#include "engine/engine.h"
#include "server/models/model_configuration.h"

namespace octet {

// What an executor computes before it serves, besides a run of zeros for every
// batch size that has a plan: an entry of model_warmup.
struct WarmUpRun {
  std::string name;
  int64_t rows = 1;
  int count = 1;
  std::vector<std::vector<std::byte>> inputs;  // in the model's order
};

// Makes the runs that `configuration` asks for. Files are read from the folder
// `warmup` of the model's folder; each holds one row as it travels raw, and
// every row of the run is that one.
//   INVALID_ARGUMENT  an input is missing, unknown or of another type or shape
//   otherwise         as ContainedFiles::Read()
absl::StatusOr<std::vector<WarmUpRun>> MakeWarmUpRuns(
    const ModelConfiguration& configuration, const Model& model,
    const ContainedFiles& repository);

// Runs everything once. The engine's error, with the run's name.
absl::Status WarmUp(const Model& model, absl::Span<const WarmUpRun> runs,
                    Executor* executor);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_WARM_UP_H_
