// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_QUANTIZATION_JOBS_H_
#define OCTET_SERVER_JOBS_QUANTIZATION_JOBS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "engine/engine.h"
#include "server/jobs/calibration_data.h"
#include "server/metrics/metrics.h"
#include "server/models/engine_functions.h"
#include "server/models/model_registry.h"
#include "server/models/model_repository.h"
#include "server/models/serial_worker.h"

namespace octet {

// What to quantize and what to do with the result.
struct QuantizationRequest {
  std::string model{};         // in the repository
  std::string version{};       // empty: the highest
  std::string output_model{};  // empty: the same as `model`
  QuantizationOptions options{};
  bool load_when_done = false;
};

// What came of it.
struct QuantizationOutcome {
  std::string model;
  int64_t version = 0;
  QuantizationResult result;  // without the model's bytes
};

class QuantizationJobs;

// One quantization: samples in, then Run().
//
// Append() and Run() are called by one thread at a time; Cancel() by any.
class QuantizationJob {
 public:
  using ProgressCallback = std::function<void(const QuantizationProgress&)>;
  using DoneCallback = std::function<void(absl::StatusOr<QuantizationOutcome>)>;

  ~QuantizationJob();

  // As CalibrationData::Append().
  absl::Status Append(absl::Span<const CalibrationRows> chunk) {
    return data_.Append(chunk);
  }

  // Quantizes, publishes and, where asked for, loads the result, on a thread
  // of the jobs; then calls `done` once. Both callbacks run there. A job whose
  // load fails has published nevertheless, and says so.
  // REQUIRES: called at most once.
  static void Run(std::shared_ptr<QuantizationJob> job,
                  ProgressCallback on_progress, DoneCallback done);

  // Makes Run() stop at the next step with CANCELLED.
  void Cancel() { cancelled_ = true; }

 private:
  friend class QuantizationJobs;
  class Observer;

  QuantizationJob(QuantizationJobs* jobs, QuantizationRequest request,
                  int64_t version, int64_t max_bytes)
      : jobs_(jobs),
        request_(std::move(request)),
        version_(version),
        data_(max_bytes) {}

  absl::StatusOr<QuantizationOutcome> Quantize(
      const ProgressCallback& on_progress);
  // Loads what was published.
  absl::Status Load(const QuantizationOutcome& outcome);

  QuantizationJobs* const jobs_;
  const QuantizationRequest request_;
  const int64_t version_;
  CalibrationData data_;
  std::atomic<bool> cancelled_ = false;
};

// The quantizations of the server, of which there is one at a time.
//
// Thread-safe.
class QuantizationJobs {
 public:
  struct Environment {
    const EngineFunctions* engine = nullptr;
    const ModelRepository* repository = nullptr;
    ModelRegistry* registry = nullptr;
    Metrics* metrics = nullptr;
    // The most memory for calibration samples.
    int64_t max_calibration_bytes = int64_t{1} << 30;
    int threads = 1;  // of a job
  };

  // Everything in `environment` must outlive the jobs.
  explicit QuantizationJobs(const Environment& environment);

  // Waits for the job that runs, if one does.
  ~QuantizationJobs() = default;

  // Begins a job, which holds the only slot until it is done or destroyed.
  //   INVALID_ARGUMENT    no model's name, or no version number
  //   NOT_FOUND           no such model or version in the repository
  //   RESOURCE_EXHAUSTED  another job has the slot; retry later
  absl::StatusOr<std::shared_ptr<QuantizationJob>> Begin(
      QuantizationRequest request);

  // Cancels the job that runs, if one does.
  void CancelAll();

 private:
  friend class QuantizationJob;

  void Release(const QuantizationJob* job);
  absl::StatusOr<int64_t> ResolveVersion(const std::string& model,
                                         const std::string& version) const;

  const Environment environment_;
  absl::Mutex mutex_;
  QuantizationJob* current_ ABSL_GUARDED_BY(mutex_) = nullptr;
  SerialWorker worker_{"octet-quantize"};
};

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_QUANTIZATION_JOBS_H_
