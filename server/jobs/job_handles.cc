// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/job_handles.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "engine/base/status_macros.h"

namespace octet {

JobUpload::JobUpload(QuantizationJobs* jobs,
                     std::shared_ptr<QuantizationJobs::Job> job, std::string id,
                     const QuantizationRequest& request, int64_t max_bytes)
    : jobs_(jobs),
      job_(std::move(job)),
      id_(std::move(id)),
      takes_model_(request.model.empty()),
      takes_samples_(request.calibration_path.empty() &&
                     !request.recorded_samples && !request.synthetic_samples),
      input_(max_bytes) {}

JobUpload::~JobUpload() {
  if (job_ != nullptr) jobs_->Drop(job_);
}

absl::Status JobUpload::AppendModel(absl::string_view bytes) {
  if (!takes_model_) {
    return absl::InvalidArgumentError(
        "got a model chunk, expected none: settings.model_name names a model "
        "of the repository");
  }
  OCTET_RETURN_IF_ERROR(
      jobs_->Reserve(job_, static_cast<int64_t>(bytes.size())));
  input_.AppendModel(bytes);
  return absl::OkStatus();
}

absl::Status JobUpload::AppendSamples(absl::Span<const CalibrationRows> chunk) {
  if (!takes_samples_) {
    return absl::InvalidArgumentError(
        "got calibration samples, expected none: settings.calibration_path "
        "says where they are, settings.recorded_samples that the server has "
        "them, or settings.synthetic_samples that there are none");
  }
  int64_t bytes = 0;
  for (const CalibrationRows& rows : chunk) {
    bytes += static_cast<int64_t>(rows.bytes.size());
  }
  OCTET_RETURN_IF_ERROR(jobs_->Reserve(job_, bytes));
  return input_.samples()->Append(chunk);
}

absl::Status JobUpload::AppendEvaluation(
    absl::Span<const CalibrationRows> chunk, absl::Span<const int64_t> labels) {
  int64_t bytes = static_cast<int64_t>(labels.size() * sizeof(int64_t));
  for (const CalibrationRows& rows : chunk) {
    bytes += static_cast<int64_t>(rows.bytes.size());
  }
  OCTET_RETURN_IF_ERROR(jobs_->Reserve(job_, bytes));
  CalibrationData* const samples = input_.evaluation();
  const bool first = samples->samples() == 0;
  const absl::Status appended = samples->Append(chunk);
  if (!appended.ok()) {
    return absl::Status(appended.code(),
                        absl::StrCat("evaluation chunk: ", appended.message()));
  }
  std::vector<int64_t>* const all = input_.labels();
  if (labels.empty() != (first ? labels.empty() : all->empty()) ||
      (!labels.empty() && static_cast<int64_t>(all->size() + labels.size()) !=
                              samples->samples())) {
    return absl::InvalidArgumentError(
        absl::StrCat("evaluation chunk: got ", all->size() + labels.size(),
                     " labels for ", samples->samples(),
                     " samples so far, expected one for each of them, "
                     "or none in any chunk"));
  }
  all->insert(all->end(), labels.begin(), labels.end());
  return absl::OkStatus();
}

absl::Status JobUpload::Submit() {
  if (takes_model_ && !input_.has_model()) {
    return absl::InvalidArgumentError(
        "there is no model: settings.model_name is empty and no model chunk "
        "came");
  }
  if (takes_samples_ && input_.samples()->samples() == 0) {
    return absl::InvalidArgumentError(
        "there are no calibration samples: send at least one row, or set "
        "settings.recorded_samples or settings.synthetic_samples");
  }
  OCTET_RETURN_IF_ERROR(jobs_->Submit(job_, std::move(input_)));
  job_ = nullptr;
  return absl::OkStatus();
}

JobWatch::~JobWatch() { jobs_->Unwatch(job_, key_); }

JobStatus JobWatch::Status() const { return jobs_->StatusOf(job_); }

}  // namespace octet
