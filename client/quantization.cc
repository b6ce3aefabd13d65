// SPDX-License-Identifier: Apache-2.0
#include "client/quantization.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/wire_tensor.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"

namespace octet::client {
namespace {

// Well below the 4 MiB that gRPC servers take unless told otherwise.
constexpr int64_t kMessageBytes = int64_t{2} << 20;

// Rows [begin, end) of all `tensors`, behind those that are in `inputs`.
void AddRows(
    absl::Span<const NamedTensor> tensors, int64_t begin, int64_t end,
    google::protobuf::RepeatedPtrField<v1::CalibrationTensor>* inputs) {
  for (const NamedTensor& named : tensors) {
    const Tensor rows = named.tensor.Rows(begin, end);
    v1::CalibrationTensor* tensor = inputs->Add();
    tensor->set_name(named.name);
    tensor->set_datatype(std::string(Datatype(rows.dtype())));
    for (const int64_t size : rows.shape()) tensor->add_shape(size);
    tensor->set_raw_contents(rows.bytes(), rows.byte_size());
  }
}

// How many samples of `tensors` make a message.
int64_t RowsOfMessage(absl::Span<const NamedTensor> tensors, int64_t samples) {
  int64_t sample_bytes = 1;
  for (const NamedTensor& named : tensors) {
    sample_bytes += static_cast<int64_t>(named.tensor.byte_size()) / samples;
  }
  return std::max<int64_t>(1, kMessageBytes / sample_bytes);
}

// The samples that all `tensors` agree on; 0 where there are none.
absl::StatusOr<int64_t> CountRows(absl::Span<const NamedTensor> tensors,
                                  absl::string_view what) {
  std::optional<int64_t> samples;
  for (const NamedTensor& named : tensors) {
    const Shape& shape = named.tensor.shape();
    if (shape.empty() || shape[0] < 1 ||
        shape[0] != samples.value_or(shape[0])) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, " tensor '", named.name, "': expected shape [",
                       samples ? absl::StrCat(*samples) : "samples",
                       ", ...], got ", ShapeToString(shape)));
    }
    samples = shape[0];
  }
  return samples.value_or(0);
}

void Report(int64_t done, int64_t total, const QuantizeObserver& observer) {
  if (!observer) return;
  v1::QuantizeProgress progress;
  progress.set_phase("send");
  progress.set_done(done);
  progress.set_total(total);
  observer("", progress);
}

}  // namespace

bool HasEnded(const v1::Job& job) {
  return job.state() == v1::JOB_STATE_SUCCEEDED ||
         job.state() == v1::JOB_STATE_FAILED ||
         job.state() == v1::JOB_STATE_CANCELLED;
}

absl::Status JobStatus(const v1::Job& job) {
  if (job.state() != v1::JOB_STATE_FAILED &&
      job.state() != v1::JOB_STATE_CANCELLED) {
    return absl::OkStatus();
  }
  absl::StatusCode code = static_cast<absl::StatusCode>(job.error_code());
  if (code == absl::StatusCode::kOk) code = absl::StatusCode::kUnknown;
  return absl::Status(
      code, absl::StrCat("job ", job.id(), ": ", job.error_message()));
}

absl::StatusOr<int64_t> CountSamples(const QuantizationWork& work) {
  const bool sends_none = !work.settings.calibration_path().empty() ||
                          work.settings.recorded_samples() ||
                          work.settings.synthetic_samples();
  if (sends_none != work.calibration.empty()) {
    return absl::InvalidArgumentError(
        sends_none ? "calibration tensors were given, and a path of the "
                     "server's, recorded or synthetic samples; expected one of "
                     "them"
                   : "no calibration tensors were given");
  }
  if (!work.model.empty() && !work.settings.model_name().empty()) {
    return absl::InvalidArgumentError(
        "both a model of the repository and a model file were given; expected "
        "one of them");
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t evaluated,
                         CountRows(work.evaluation, "evaluation"));
  const auto labels = static_cast<int64_t>(work.labels.size());
  if (labels > 0 && labels != evaluated) {
    return absl::InvalidArgumentError(
        absl::StrCat("got ", labels, " labels for ", evaluated,
                     " evaluation samples; expected as many"));
  }
  return CountRows(work.calibration, "calibration");
}

bool SendWork(const QuantizationWork& work, int64_t samples,
              const QuantizeObserver& observer,
              const std::function<bool(const v1::QuantizeRequest&)>& write) {
  v1::QuantizeRequest first;
  *first.mutable_settings() = work.settings;
  const int64_t model_bytes = static_cast<int64_t>(work.model.size());
  // The last message says so: a call that merely ends may have broken off.
  const bool has_rows = samples > 0 || !work.evaluation.empty();
  first.set_last(model_bytes == 0 && !has_rows);
  if (!write(first)) return false;
  for (int64_t at = 0; at < model_bytes; at += kMessageBytes) {
    const auto piece = work.model.substr(at, kMessageBytes);
    const int64_t end = at + static_cast<int64_t>(piece.size());
    v1::QuantizeRequest request;
    request.mutable_model()->set_raw_contents(piece.data(), piece.size());
    request.set_last(end == model_bytes && !has_rows);
    if (!write(request)) return false;
    Report(end, model_bytes, observer);
  }
  const int64_t evaluated =
      work.evaluation.empty() ? 0 : work.evaluation[0].tensor.shape()[0];
  const int64_t evaluated_step = RowsOfMessage(work.evaluation, evaluated);
  for (int64_t begin = 0; begin < evaluated; begin += evaluated_step) {
    const int64_t end = std::min(evaluated, begin + evaluated_step);
    v1::QuantizeRequest request;
    v1::EvaluationChunk* chunk = request.mutable_evaluation();
    AddRows(work.evaluation, begin, end, chunk->mutable_inputs());
    if (!work.labels.empty()) {
      chunk->mutable_labels()->Add(work.labels.begin() + begin,
                                   work.labels.begin() + end);
    }
    request.set_last(end == evaluated && samples == 0);
    if (!write(request)) return false;
    Report(end, evaluated + samples, observer);
  }
  const int64_t step = RowsOfMessage(work.calibration, samples);
  for (int64_t begin = 0; begin < samples; begin += step) {
    const int64_t end = std::min(samples, begin + step);
    v1::QuantizeRequest request;
    AddRows(work.calibration, begin, end,
            request.mutable_calibration()->mutable_inputs());
    request.set_last(end == samples);
    if (!write(request)) return false;
    Report(evaluated + end, evaluated + samples, observer);
  }
  return true;
}

}  // namespace octet::client
