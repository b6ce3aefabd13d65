// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_QUANTIZATION_JOB_H_
#define OCTET_SERVER_JOBS_QUANTIZATION_JOB_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "server/jobs/job.h"
#include "server/jobs/job_input.h"
#include "server/jobs/quantization_jobs.h"

namespace octet {

// One job in the table of QuantizationJobs. Guarded by their mutex, except
// where it says otherwise.
struct QuantizationJobs::Job {
  // The job of a request with a new id; `version` is that of its model where
  // that is one of the repository.
  Job(QuantizationRequest request, int64_t version);

  bool waits() const {
    return status.state == JobState::kPending && !uploading;
  }

  const int64_t source_version;
  std::atomic<bool> cancelled = false;  // not guarded

  JobStatus status;  // jobs_ahead is not kept here
  bool uploading = true;
  JobInput input;  // while it waits
  int64_t bytes = 0;
  std::map<int64_t, std::shared_ptr<const Listener>> listeners;
};

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_QUANTIZATION_JOB_H_
