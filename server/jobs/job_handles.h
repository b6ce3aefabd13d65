// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_JOB_HANDLES_H_
#define OCTET_SERVER_JOBS_JOB_HANDLES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/jobs/calibration_data.h"
#include "server/jobs/job.h"
#include "server/jobs/job_input.h"
#include "server/jobs/quantization_jobs.h"

namespace octet {

// A job whose model and samples are arriving. Forgets the job when it is
// destroyed, unless Submit() was OK.
//
// Thread-compatible.
class JobUpload {
 public:
  ~JobUpload();
  JobUpload(const JobUpload&) = delete;
  JobUpload& operator=(const JobUpload&) = delete;

  const std::string& id() const { return id_; }

  // The next bytes of the model's file, and the next samples.
  //   INVALID_ARGUMENT    the request wants none, or as CalibrationData
  //   RESOURCE_EXHAUSTED  more memory than one job, or all of them, may have
  //   CANCELLED           the job was cancelled meanwhile
  absl::Status AppendModel(absl::string_view bytes);
  absl::Status AppendSamples(absl::Span<const CalibrationRows> chunk);

  // The next samples for the evaluation, with the right class of each row or
  // without any, in every chunk alike. Errors likewise.
  absl::Status AppendEvaluation(absl::Span<const CalibrationRows> chunk,
                                absl::Span<const int64_t> labels);

  // Everything is there: the job waits for its turn from now on.
  //   INVALID_ARGUMENT  there is no model, or there are no samples
  //   CANCELLED         the job was cancelled meanwhile
  absl::Status Submit();

 private:
  friend class QuantizationJobs;

  JobUpload(QuantizationJobs* jobs, std::shared_ptr<QuantizationJobs::Job> job,
            std::string id, const QuantizationRequest& request,
            int64_t max_bytes);

  QuantizationJobs* const jobs_;
  std::shared_ptr<QuantizationJobs::Job> job_;  // null after Submit()
  const std::string id_;
  const bool takes_model_;
  const bool takes_samples_;
  JobInput input_;
};

// One who is told of a job's changes. Thread-safe.
class JobWatch {
 public:
  ~JobWatch();
  JobWatch(const JobWatch&) = delete;
  JobWatch& operator=(const JobWatch&) = delete;

  // The job as it is now, known or not.
  JobStatus Status() const;

 private:
  friend class QuantizationJobs;

  JobWatch(QuantizationJobs* jobs, std::shared_ptr<QuantizationJobs::Job> job,
           int64_t key)
      : jobs_(jobs), job_(std::move(job)), key_(key) {}

  QuantizationJobs* const jobs_;
  const std::shared_ptr<QuantizationJobs::Job> job_;
  const int64_t key_;
};

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_JOB_HANDLES_H_
