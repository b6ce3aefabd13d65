// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_QUANTIZATION_JOBS_H_
#define OCTET_SERVER_JOBS_QUANTIZATION_JOBS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "server/jobs/calibration_data.h"
#include "server/jobs/job.h"
#include "server/jobs/job_input.h"
#include "server/jobs/quantize_and_publish.h"
#include "server/models/serial_worker.h"

namespace octet {

// history.json beside a version.
struct VersionHistory {
  int64_t version = 0;
  std::string json;
};

// A report beside a version.
struct VersionReport {
  std::string model;
  int64_t version = 0;
  std::string contents;
};

class JobUpload;
class JobWatch;

// The quantizations of the server: one runs, on a thread of the lowest
// priority, some wait, and those that ended are remembered for a while.
//
// Thread-safe.
class QuantizationJobs {
 public:
  // Jobs that wait, those that are being uploaded among them.
  static constexpr int kMaxWaiting = 16;
  // Jobs that are remembered after their end.
  static constexpr int kMaxEnded = 100;
  // The uploads of all jobs may take so many times the memory of one.
  static constexpr int kMaxJobsOfMemory = 4;

  // Called after a change of a job, on any thread, under no lock.
  using Listener = std::function<void()>;

  explicit QuantizationJobs(const JobEnvironment& environment);

  // As Stop(), then waits for the job that runs, if one does.
  // REQUIRES: no JobUpload and no JobWatch is left.
  ~QuantizationJobs();

  // Begins the upload of a job. Nothing of it stays if it is not submitted.
  //   INVALID_ARGUMENT     the settings do not fit each other
  //   NOT_FOUND            no such model or version in the repository
  //   FAILED_PRECONDITION  a path is given, but there is no calibration folder
  //   RESOURCE_EXHAUSTED   as many jobs wait as may; retry later
  //   UNAVAILABLE          after Stop()
  absl::StatusOr<std::unique_ptr<JobUpload>> Begin(QuantizationRequest request);

  // The job as it is. NOT_FOUND when it is not known (any more).
  absl::StatusOr<JobStatus> Get(absl::string_view id) const;

  // All jobs that are known, newest first.
  std::vector<JobStatus> List() const;

  // Has `listener` called after every change of the job, until the watch is
  // destroyed; a call that is under way then may end later. NOT_FOUND when the
  // job is not known (any more).
  absl::StatusOr<std::unique_ptr<JobWatch>> Watch(absl::string_view id,
                                                  Listener listener);

  // Cancels the job: at once where it waits or is uploaded, at its next step
  // where it runs. One that has ended stays as it is. Returns the job as it
  // then is. NOT_FOUND when it is not known (any more).
  absl::StatusOr<JobStatus> Cancel(absl::string_view id);

  // How a version of the repository was made; an empty `version` means the
  // highest one. Errors as the RPC GetHistory, and as ContainedFiles::Read().
  absl::StatusOr<VersionHistory> History(const std::string& model,
                                         const std::string& version) const;

  // A report beside a version: `file` is one of history.h. A `job` that has
  // published names its version, else `model` and `version` do, as for
  // History(). NOT_FOUND where there is no report.
  absl::StatusOr<VersionReport> Report(const std::string& job,
                                       const std::string& model,
                                       const std::string& version,
                                       const char* file) const;

  // Cancels all jobs and takes no more.
  void Stop();

 private:
  friend class JobUpload;
  friend class JobWatch;
  class Observer;
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  using Listeners = std::vector<std::shared_ptr<const Listener>>;

  absl::StatusOr<int64_t> CheckRequest(QuantizationRequest* request) const;
  absl::StatusOr<int64_t> ResolveVersion(const std::string& model,
                                         const std::string& version) const;
  absl::StatusOr<int64_t> ResolveSource(const std::string& model,
                                        const std::string& version) const;
  absl::Status Reserve(const JobPtr& job, int64_t bytes);
  absl::Status Submit(const JobPtr& job, JobInput input);
  void Drop(const JobPtr& job);
  void Unwatch(const JobPtr& job, int64_t key);
  JobStatus StatusOf(const JobPtr& job) const;

  void RunNext();
  JobPtr TakeNext();
  void Run(const JobPtr& job);
  void SetProgress(const JobPtr& job, const QuantizationProgress& progress);
  void End(const JobPtr& job,
           std::shared_ptr<const QuantizationOutcome> outcome,
           const absl::Status& status);

  void EndLocked(Job* job, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CancelLocked(Job* job, absl::string_view why, Listeners* listeners)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  JobPtr FindLocked(absl::string_view id) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  JobStatus StatusLocked(const Job& job) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Those of `job`, and of all that wait, whose place may have changed.
  Listeners ListenersLocked(const Job& job) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  static void Call(const Listeners& listeners);

  const JobEnvironment environment_;
  mutable absl::Mutex mutex_;
  std::vector<JobPtr> jobs_ ABSL_GUARDED_BY(mutex_);  // oldest first
  int64_t next_key_ ABSL_GUARDED_BY(mutex_) = 1;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // reserved by all jobs
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  SerialWorker worker_{"octet-quantize"};  // last, so that it ends first
};

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_QUANTIZATION_JOBS_H_
