// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_QUANTIZE_AND_PUBLISH_H_
#define OCTET_SERVER_JOBS_QUANTIZE_AND_PUBLISH_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/engine.h"
#include "server/jobs/job.h"
#include "server/jobs/job_input.h"
#include "server/metrics/metrics.h"
#include "server/models/engine_functions.h"
#include "server/models/model_registry.h"
#include "server/models/model_repository.h"

namespace octet {

// What jobs work with. Everything pointed at outlives them.
struct JobEnvironment {
  const EngineFunctions* engine = nullptr;
  const ModelRepository* repository = nullptr;
  ModelRegistry* registry = nullptr;
  Metrics* metrics = nullptr;
  // The most memory for one job's model and samples.
  int64_t job_bytes = int64_t{1} << 30;
  std::string calibration_folder{};  // empty: none
  int threads = 1;                   // that compute for a job
  // What history tells.
  std::string octet_version{};
  std::string isa{};
};

// Reads what `job` asks for, quantizes it, and publishes the result with its
// history. `source_version` is that of a model of the repository. `observer` is
// told of the phases, and its refusal ends the work with nothing published.
// Blocking; errors as the RPC Quantize has them.
absl::StatusOr<QuantizationOutcome> QuantizeAndPublish(
    const JobEnvironment& environment, const JobStatus& job,
    int64_t source_version, JobInput input, QuantizationObserver* observer);

// Loads what was published. Blocking. The error says that it is published.
absl::Status LoadPublished(const JobEnvironment& environment,
                           const QuantizationOutcome& outcome);

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_QUANTIZE_AND_PUBLISH_H_
