// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/quantization_jobs.h"

#include <sys/random.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "server/jobs/background_thread.h"
#include "server/jobs/calibration_folder.h"
#include "server/jobs/history.h"
#include "server/jobs/job_handles.h"
#include "server/jobs/quantization_job.h"
#include "server/jobs/recorded_samples.h"
#include "server/models/model_repository.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

constexpr int kHighestPriority = 10;

// Nobody who was not told a job's id finds it.
std::string RandomId() {
  unsigned char bytes[8];
  ssize_t got = 0;
  do {
    got = getrandom(bytes, sizeof(bytes), 0);
  } while (got < 0 && errno == EINTR);
  OCTET_CHECK(got == sizeof(bytes));
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
}

absl::Status UnknownJob(absl::string_view id) {
  return absl::NotFoundError(absl::StrCat("there is no job '", id.substr(0, 64),
                                          "', or it ended too long ago: the "
                                          "last ",
                                          QuantizationJobs::kMaxEnded,
                                          " are remembered"));
}

// Refuses samples from two places, and what only made-up ones, or only real
// ones, can have.
absl::Status CheckSamples(const QuantizationRequest& request) {
  if (!request.calibration_path.empty() + request.recorded_samples +
          request.synthetic_samples >
      1) {
    return absl::InvalidArgumentError(
        "settings: got more than one of calibration_path, recorded_samples and "
        "synthetic_samples, expected one at most");
  }
  if (request.recorded_samples && request.model.empty()) {
    return absl::InvalidArgumentError(
        "settings.recorded_samples: model_name is empty, expected the model of "
        "the repository that was asked");
  }
  if (!request.synthetic_samples && !request.input_ranges.empty()) {
    return absl::InvalidArgumentError(
        "settings.input_ranges: they are for settings.synthetic_samples, which "
        "is not set");
  }
  if (request.synthetic_samples &&
      request.options.method != QuantizationMethod::kLinear) {
    return absl::InvalidArgumentError(
        "settings.method: synthetic samples misjudge what METHOD_HISTOGRAM "
        "tries, expected METHOD_LINEAR");
  }
  return absl::OkStatus();
}

}  // namespace

QuantizationJobs::Job::Job(QuantizationRequest request, int64_t version)
    : source_version(version), input(0) {
  status.id = RandomId();
  status.request = std::move(request);
  status.progress.phase = "upload";
  status.created = absl::Now();
}

QuantizationJobs::QuantizationJobs(const JobEnvironment& environment)
    : environment_(environment) {
  worker_.Do(MoveToBackground);
}

QuantizationJobs::~QuantizationJobs() { Stop(); }

absl::StatusOr<int64_t> QuantizationJobs::ResolveVersion(
    const std::string& model, const std::string& version) const {
  OCTET_ASSIGN_OR_RETURN(const std::optional<int64_t> wanted,
                         ParseVersion(version));
  OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> versions,
                         environment_.repository->ListVersions(model));
  if (versions.empty()) {
    return absl::NotFoundError(
        absl::StrCat("model '", model, "' has no version"));
  }
  if (!wanted) return versions.back();
  if (!std::binary_search(versions.begin(), versions.end(), *wanted)) {
    return absl::NotFoundError(
        absl::StrCat("model '", model, "' has no version ", *wanted,
                     "; the latest is ", versions.back()));
  }
  return *wanted;
}

// The version to quantize: if none is named, the latest that is no job's
// result.
absl::StatusOr<int64_t> QuantizationJobs::ResolveSource(
    const std::string& model, const std::string& version) const {
  OCTET_ASSIGN_OR_RETURN(const int64_t named, ResolveVersion(model, version));
  if (!version.empty()) return named;
  OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> versions,
                         environment_.repository->ListVersions(model));
  const auto source =
      std::find_if(versions.rbegin(), versions.rend(), [&](int64_t candidate) {
        const std::string report =
            absl::StrCat(model, "/", candidate, "/", kReportJsonFile);
        return absl::IsNotFound(
            environment_.repository->files().Stat(report).status());
      });
  return source == versions.rend() ? named : *source;
}

// Completes the request; returns the version of a model of the repository.
absl::StatusOr<int64_t> QuantizationJobs::CheckRequest(
    QuantizationRequest* request) const {
  if (std::abs(request->priority) > kHighestPriority) {
    return absl::InvalidArgumentError(absl::StrCat(
        "settings.priority: got ", request->priority, ", expected -",
        kHighestPriority, " to ", kHighestPriority));
  }
  OCTET_RETURN_IF_ERROR(CheckSamples(*request));
  if (!request->calibration_path.empty()) {
    OCTET_RETURN_IF_ERROR(CheckCalibrationPath(environment_.calibration_folder,
                                               request->calibration_path));
  }
  request->options.threads = environment_.threads;
  if (!request->model.empty()) {
    if (request->publish_float) {
      return absl::InvalidArgumentError(absl::StrCat(
          "settings.publish_float: model '", request->model,
          "' is in the repository already; only an uploaded one is "
          "published"));
    }
    OCTET_RETURN_IF_ERROR(CheckModelName(request->model));
    if (request->output_model.empty()) request->output_model = request->model;
    OCTET_RETURN_IF_ERROR(CheckModelName(request->output_model));
    if (request->recorded_samples) {
      // Told at once; the job takes what there is by then.
      OCTET_RETURN_IF_ERROR(
          FindRecorder(*environment_.registry, request->model).status());
    }
    return ResolveSource(request->model, request->version);
  }
  if (!request->version.empty()) {
    return absl::InvalidArgumentError(
        "settings.model_version: got one without a model_name; an uploaded "
        "model has none");
  }
  if (request->output_model.empty()) {
    return absl::InvalidArgumentError(
        "settings.output_model_name: it is empty, expected the name to publish "
        "under, since model_name is empty and the model is uploaded");
  }
  OCTET_RETURN_IF_ERROR(CheckModelName(request->output_model));
  return 0;
}

absl::StatusOr<std::unique_ptr<JobUpload>> QuantizationJobs::Begin(
    QuantizationRequest request) {
  OCTET_ASSIGN_OR_RETURN(const int64_t version, CheckRequest(&request));
  absl::MutexLock lock(&mutex_);
  if (stopped_) {
    return absl::UnavailableError("the server is shutting down");
  }
  const auto pending =
      std::count_if(jobs_.begin(), jobs_.end(), [](const JobPtr& job) {
        return job->status.state == JobState::kPending;
      });
  if (pending >= kMaxWaiting) {
    return absl::ResourceExhaustedError(absl::StrCat(
        pending,
        " jobs wait or are being uploaded, which is as many as may; "
        "retry later, or cancel one"));
  }
  auto job = std::make_shared<Job>(std::move(request), version);
  jobs_.push_back(job);
  CountLocked();
  return std::unique_ptr<JobUpload>(new JobUpload(
      this, job, job->status.id, job->status.request, environment_.job_bytes));
}

absl::Status QuantizationJobs::Reserve(const JobPtr& job, int64_t bytes) {
  Listeners listeners;
  {
    absl::MutexLock lock(&mutex_);
    if (HasEnded(job->status.state)) return job->status.error;
    const int64_t all = kMaxJobsOfMemory * environment_.job_bytes;
    if (job->bytes + bytes > environment_.job_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the model and the samples of this job take more than ",
          environment_.job_bytes,
          " bytes (the server's --job-bytes); send fewer samples"));
    }
    if (bytes_ + bytes > all) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the uploads of all jobs take more than ", all, " bytes (",
          kMaxJobsOfMemory, " times the server's --job-bytes); retry later"));
    }
    job->bytes += bytes;
    bytes_ += bytes;
    job->status.progress.done = job->bytes;
    listeners = ListenersLocked(*job);
  }
  Call(listeners);
  return absl::OkStatus();
}

absl::Status QuantizationJobs::Submit(const JobPtr& job, JobInput input) {
  Listeners listeners;
  {
    absl::MutexLock lock(&mutex_);
    if (HasEnded(job->status.state)) return job->status.error;
    job->input = std::move(input);
    job->uploading = false;
    job->status.progress = {"wait", 0, 0};
    listeners = ListenersLocked(*job);
  }
  Call(listeners);
  worker_.Do([this] { RunNext(); });
  return absl::OkStatus();
}

void QuantizationJobs::Drop(const JobPtr& job) {
  absl::MutexLock lock(&mutex_);
  // One that was cancelled is remembered like any other.
  if (HasEnded(job->status.state)) return;
  bytes_ -= job->bytes;
  jobs_.erase(std::find(jobs_.begin(), jobs_.end(), job));
  CountLocked();
}

absl::StatusOr<JobStatus> QuantizationJobs::Get(absl::string_view id) const {
  absl::MutexLock lock(&mutex_);
  const JobPtr job = FindLocked(id);
  if (job == nullptr) return UnknownJob(id);
  return StatusLocked(*job);
}

std::vector<JobStatus> QuantizationJobs::List() const {
  std::vector<JobStatus> all;
  absl::MutexLock lock(&mutex_);
  for (auto job = jobs_.rbegin(); job != jobs_.rend(); ++job) {
    all.push_back(StatusLocked(**job));
  }
  return all;
}

absl::StatusOr<std::unique_ptr<JobWatch>> QuantizationJobs::Watch(
    absl::string_view id, Listener listener) {
  absl::MutexLock lock(&mutex_);
  const JobPtr job = FindLocked(id);
  if (job == nullptr) return UnknownJob(id);
  const int64_t key = next_key_++;
  job->listeners[key] = std::make_shared<const Listener>(std::move(listener));
  return std::unique_ptr<JobWatch>(new JobWatch(this, job, key));
}

void QuantizationJobs::Unwatch(const JobPtr& job, int64_t key) {
  std::shared_ptr<const Listener> listener;  // destroyed after the lock
  absl::MutexLock lock(&mutex_);
  const auto found = job->listeners.find(key);
  listener = std::move(found->second);
  job->listeners.erase(found);
}

JobStatus QuantizationJobs::StatusOf(const JobPtr& job) const {
  absl::MutexLock lock(&mutex_);
  return StatusLocked(*job);
}

absl::StatusOr<JobStatus> QuantizationJobs::Cancel(absl::string_view id) {
  Listeners listeners;
  absl::StatusOr<JobStatus> status = UnknownJob(id);
  {
    absl::MutexLock lock(&mutex_);
    const JobPtr job = FindLocked(id);
    if (job == nullptr) return status;
    CancelLocked(job.get(), "the quantization was cancelled", &listeners);
    status = StatusLocked(*job);
    ForgetLocked();
  }
  Call(listeners);
  return status;
}

absl::StatusOr<VersionHistory> QuantizationJobs::History(
    const std::string& model, const std::string& version) const {
  constexpr int64_t kMaxHistoryBytes = int64_t{16} << 20;
  OCTET_RETURN_IF_ERROR(CheckModelName(model));
  OCTET_ASSIGN_OR_RETURN(const int64_t number, ResolveVersion(model, version));
  absl::StatusOr<std::string> json = environment_.repository->files().Read(
      absl::StrCat(model, "/", number, "/", kHistoryFile), kMaxHistoryBytes);
  if (absl::IsNotFound(json.status())) {
    return absl::NotFoundError(
        absl::StrCat("model '", model, "' version ", number,
                     " has no history: it was not made by a job"));
  }
  if (!json.ok()) return json.status();
  return VersionHistory{number, *std::move(json)};
}

absl::StatusOr<VersionReport> QuantizationJobs::Report(
    const std::string& job, const std::string& model,
    const std::string& version, const char* file) const {
  constexpr int64_t kMaxReportBytes = int64_t{64} << 20;
  VersionReport report{model, 0, ""};
  if (!job.empty()) {
    OCTET_ASSIGN_OR_RETURN(const JobStatus status, Get(job));
    if (status.outcome == nullptr) {
      return absl::NotFoundError(absl::StrCat(
          "job '", job, "' has published no version, so there is no report"));
    }
    report.model = status.outcome->model;
    report.version = status.outcome->version;
  } else {
    OCTET_RETURN_IF_ERROR(CheckModelName(model));
    OCTET_ASSIGN_OR_RETURN(report.version, ResolveVersion(model, version));
  }
  absl::StatusOr<std::string> contents = environment_.repository->files().Read(
      absl::StrCat(report.model, "/", report.version, "/", file),
      kMaxReportBytes);
  if (absl::IsNotFound(contents.status())) {
    return absl::NotFoundError(
        absl::StrCat("model '", report.model, "' version ", report.version,
                     " has no report: no job of this release made it"));
  }
  OCTET_RETURN_IF_ERROR(contents.status());
  report.contents = *std::move(contents);
  return report;
}

void QuantizationJobs::Stop() {
  Listeners listeners;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    for (const JobPtr& job : jobs_) {
      CancelLocked(job.get(), "the server is shutting down", &listeners);
    }
    ForgetLocked();
  }
  Call(listeners);
}

void QuantizationJobs::CancelLocked(Job* job, absl::string_view why,
                                    Listeners* listeners) {
  if (HasEnded(job->status.state)) return;
  job->cancelled = true;
  if (job->status.state == JobState::kRunning) return;  // ends by itself
  EndLocked(job, absl::CancelledError(why));
  for (auto& listener : ListenersLocked(*job)) {
    listeners->push_back(std::move(listener));
  }
}

void QuantizationJobs::EndLocked(Job* job, const absl::Status& status) {
  JobStatus& now = job->status;
  now.ended = absl::Now();
  now.error = status;
  if (status.ok()) {
    now.state = JobState::kSucceeded;
  } else {
    now.state = job->cancelled && absl::IsCancelled(status)
                    ? JobState::kCancelled
                    : JobState::kFailed;
    // Names in a model may hold anything.
    spdlog::info("job {}: {}", now.id,
                 absl::Utf8SafeCHexEscape(status.ToString()));
  }
  job->input = JobInput(0);
  bytes_ -= job->bytes;
  environment_.metrics->CountQuantization(status.code());
  if (now.started) {
    environment_.metrics->ObserveQuantization(*now.started - now.created,
                                              *now.ended - *now.started);
  }
  CountLocked();
}

void QuantizationJobs::ForgetLocked() {
  const auto ended = [](const JobPtr& job) {
    return HasEnded(job->status.state);
  };
  while (std::count_if(jobs_.begin(), jobs_.end(), ended) > kMaxEnded) {
    jobs_.erase(std::find_if(jobs_.begin(), jobs_.end(), ended));
  }
}

void QuantizationJobs::CountLocked() {
  int64_t waiting = 0;
  int64_t running = 0;
  for (const JobPtr& job : jobs_) {
    waiting += job->status.state == JobState::kPending ? 1 : 0;
    running += job->status.state == JobState::kRunning ? 1 : 0;
  }
  environment_.metrics->SetQuantizations(waiting, running);
}

QuantizationJobs::JobPtr QuantizationJobs::FindLocked(
    absl::string_view id) const {
  for (const JobPtr& job : jobs_) {
    if (job->status.id == id) return job;
  }
  return nullptr;
}

JobStatus QuantizationJobs::StatusLocked(const Job& job) const {
  JobStatus status = job.status;
  if (status.state != JobState::kPending) return status;
  bool before = true;
  for (const JobPtr& other : jobs_) {
    if (other.get() == &job) {
      before = false;
      continue;
    }
    const int more = other->status.request.priority - status.request.priority;
    const bool ahead = other->waits() && (more > 0 || (more == 0 && before));
    if (ahead || other->status.state == JobState::kRunning) {
      ++status.jobs_ahead;
    }
  }
  return status;
}

QuantizationJobs::Listeners QuantizationJobs::ListenersLocked(
    const Job& job) const {
  Listeners listeners;
  for (const JobPtr& other : jobs_) {
    if (other.get() != &job && !other->waits()) continue;
    for (const auto& [key, listener] : other->listeners) {
      listeners.push_back(listener);
    }
  }
  return listeners;
}

void QuantizationJobs::Call(const Listeners& listeners) {
  for (const auto& listener : listeners) (*listener)();
}

}  // namespace octet
