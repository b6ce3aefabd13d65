// SPDX-License-Identifier: Apache-2.0
#include "server/api/job_codec.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/dtype.h"
#include "engine/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "server/api/wire_type.h"
#include "server/jobs/history.h"

namespace octet {
namespace {

v1::JobState EncodeState(JobState state) {
  switch (state) {
    case JobState::kPending:
      return v1::JOB_STATE_PENDING;
    case JobState::kRunning:
      return v1::JOB_STATE_RUNNING;
    case JobState::kSucceeded:
      return v1::JOB_STATE_SUCCEEDED;
    case JobState::kFailed:
      return v1::JOB_STATE_FAILED;
    case JobState::kCancelled:
      return v1::JOB_STATE_CANCELLED;
  }
  return v1::JOB_STATE_UNSPECIFIED;
}

void EncodeTime(absl::Time time, google::protobuf::Timestamp* message) {
  const int64_t nanoseconds = absl::ToUnixNanos(time);
  message->set_seconds(nanoseconds / 1'000'000'000);
  message->set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
}

void EncodeBiasCorrection(BiasCorrection correction,
                          v1::QuantizeSettings* settings) {
  settings->set_bias_correction(correction != BiasCorrection::kOff);
  switch (correction) {
    case BiasCorrection::kOff:
      break;
    case BiasCorrection::kEmpirical:
      settings->set_bias_correction_kind(v1::BIAS_CORRECTION_KIND_EMPIRICAL);
      break;
    case BiasCorrection::kAnalytic:
      settings->set_bias_correction_kind(v1::BIAS_CORRECTION_KIND_ANALYTIC);
      break;
  }
}

void EncodeSettings(const QuantizationRequest& request,
                    v1::QuantizeSettings* settings) {
  settings->set_model_name(request.model);
  settings->set_model_version(request.version);
  settings->set_output_model_name(request.output_model);
  settings->set_method(request.options.method == QuantizationMethod::kHistogram
                           ? v1::METHOD_HISTOGRAM
                           : v1::METHOD_LINEAR);
  EncodeBiasCorrection(request.options.bias_correction, settings);
  settings->set_drop_first_class(request.drop_first_class);
  settings->set_activation_scheme(request.options.activations ==
                                          ActivationScheme::kSymmetric
                                      ? v1::ACTIVATION_SCHEME_SYMMETRIC
                                      : v1::ACTIVATION_SCHEME_ASYMMETRIC);
  settings->set_format(request.options.format == QuantizedFormat::kQOperator
                           ? v1::QUANTIZED_FORMAT_QOPERATOR
                           : v1::QUANTIZED_FORMAT_QDQ);
  const QuantizationBudget& budget = request.options.budget;
  if (budget.time < absl::InfiniteDuration()) {
    settings->set_time_budget_seconds(absl::ToDoubleSeconds(budget.time));
  }
  if (budget.memory_bytes) {
    settings->set_memory_budget_bytes(*budget.memory_bytes);
  }
  settings->set_recorded_samples(request.recorded_samples);
  settings->set_synthetic_samples(request.synthetic_samples);
  for (const InputRange& range : request.input_ranges) {
    v1::InputRange* message = settings->add_input_ranges();
    message->set_input(range.input);
    message->mutable_min()->Add(range.min.begin(), range.min.end());
    message->mutable_max()->Add(range.max.begin(), range.max.end());
  }
  settings->set_load_when_done(request.load_when_done);
  settings->set_calibration_path(request.calibration_path);
  settings->set_publish_float(request.publish_float);
  settings->set_detach(request.detach);
  settings->set_priority(request.priority);
}

absl::StatusOr<QuantizedFormat> DecodeFormat(v1::QuantizedFormat format) {
  switch (format) {
    case v1::QUANTIZED_FORMAT_UNSPECIFIED:
    case v1::QUANTIZED_FORMAT_QDQ:
      return QuantizedFormat::kQdq;
    case v1::QUANTIZED_FORMAT_QOPERATOR:
      return QuantizedFormat::kQOperator;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("settings.format: got ", static_cast<int>(format),
                       ", expected QUANTIZED_FORMAT_QDQ or "
                       "QUANTIZED_FORMAT_QOPERATOR"));
  }
}

absl::StatusOr<BiasCorrection> DecodeBiasCorrection(
    const v1::QuantizeSettings& settings) {
  const v1::BiasCorrectionKind kind = settings.bias_correction_kind();
  if (!v1::BiasCorrectionKind_IsValid(kind)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "settings.bias_correction_kind: got ", static_cast<int>(kind),
        ", expected BIAS_CORRECTION_KIND_EMPIRICAL or "
        "BIAS_CORRECTION_KIND_ANALYTIC"));
  }
  const bool has_kind = kind != v1::BIAS_CORRECTION_KIND_UNSPECIFIED;
  if (settings.has_bias_correction() && !settings.bias_correction()) {
    if (!has_kind) return BiasCorrection::kOff;
    return absl::InvalidArgumentError(absl::StrCat(
        "settings.bias_correction_kind: got ",
        v1::BiasCorrectionKind_Name(kind),
        " where bias_correction is false; leave the kind out, or set "
        "bias_correction"));
  }
  return kind == v1::BIAS_CORRECTION_KIND_ANALYTIC ? BiasCorrection::kAnalytic
                                                   : BiasCorrection::kEmpirical;
}

absl::StatusOr<QuantizationBudget> DecodeBudget(
    const v1::QuantizeSettings& settings) {
  QuantizationBudget budget;
  if (settings.has_time_budget_seconds()) {
    const double seconds = settings.time_budget_seconds();
    if (!(seconds >= 0)) {
      return absl::InvalidArgumentError(
          absl::StrCat("settings.time_budget_seconds: got ", seconds,
                       ", expected 0 or more"));
    }
    budget.time = absl::Seconds(seconds);
  }
  if (settings.has_memory_budget_bytes()) {
    if (settings.memory_budget_bytes() < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("settings.memory_budget_bytes: got ",
                       settings.memory_budget_bytes(), ", expected 1 or more"));
    }
    budget.memory_bytes = settings.memory_budget_bytes();
  }
  return budget;
}

}  // namespace

std::string ToUtf8(const std::string& text) {
  using Json = nlohmann::json;
  const std::string valid =
      Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  return Json::parse(valid).get<std::string>();
}

absl::StatusOr<QuantizationRequest> DecodeSettings(
    const v1::QuantizeSettings& settings) {
  QuantizationRequest request;
  OCTET_ASSIGN_OR_RETURN(request.options.format,
                         DecodeFormat(settings.format()));
  OCTET_ASSIGN_OR_RETURN(request.options.bias_correction,
                         DecodeBiasCorrection(settings));
  OCTET_ASSIGN_OR_RETURN(request.options.budget, DecodeBudget(settings));
  request.recorded_samples = settings.recorded_samples();
  request.synthetic_samples = settings.synthetic_samples();
  for (const v1::InputRange& range : settings.input_ranges()) {
    request.input_ranges.push_back({range.input(),
                                    {range.min().begin(), range.min().end()},
                                    {range.max().begin(), range.max().end()}});
  }
  request.model = settings.model_name();
  request.version = settings.model_version();
  request.output_model = settings.output_model_name();
  request.load_when_done = settings.load_when_done();
  request.calibration_path = settings.calibration_path();
  request.publish_float = settings.publish_float();
  request.detach = settings.detach();
  request.priority = settings.priority();
  switch (settings.method()) {
    case v1::METHOD_LINEAR:
      request.options.method = QuantizationMethod::kLinear;
      break;
    case v1::METHOD_HISTOGRAM:
      request.options.method = QuantizationMethod::kHistogram;
      break;
    default:
      return absl::InvalidArgumentError(absl::StrCat(
          "settings.method: got ", v1::Method_Name(settings.method()), " (",
          static_cast<int>(settings.method()),
          "), expected METHOD_LINEAR or METHOD_HISTOGRAM"));
  }
  request.drop_first_class = settings.drop_first_class();
  switch (settings.activation_scheme()) {
    case v1::ACTIVATION_SCHEME_ASYMMETRIC:
      request.options.activations = ActivationScheme::kAsymmetric;
      break;
    case v1::ACTIVATION_SCHEME_SYMMETRIC:
      request.options.activations = ActivationScheme::kSymmetric;
      break;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("settings.activation_scheme: got ",
                       v1::ActivationScheme_Name(settings.activation_scheme()),
                       " (", static_cast<int>(settings.activation_scheme()),
                       "), expected ACTIVATION_SCHEME_ASYMMETRIC or "
                       "ACTIVATION_SCHEME_SYMMETRIC"));
  }
  return request;
}

absl::StatusOr<std::vector<CalibrationRows>> DecodeTensors(
    const google::protobuf::RepeatedPtrField<v1::CalibrationTensor>& tensors) {
  std::vector<CalibrationRows> rows;
  for (const v1::CalibrationTensor& tensor : tensors) {
    const std::optional<DType> dtype = ParseWireName(tensor.datatype());
    if (!dtype) {
      return absl::InvalidArgumentError(
          absl::StrCat("calibration of input '", tensor.name().substr(0, 128),
                       "': got datatype '", tensor.datatype().substr(0, 32),
                       "', expected one of fixed size, such as FP32"));
    }
    rows.push_back({tensor.name(), *dtype,
                    Shape(tensor.shape().begin(), tensor.shape().end()),
                    tensor.raw_contents()});
  }
  return rows;
}

void EncodeProgress(const QuantizationProgress& progress,
                    v1::QuantizeProgress* message) {
  message->set_phase(progress.phase);
  message->set_done(progress.done);
  message->set_total(progress.total);
}

void EncodeOutcome(const QuantizationOutcome& outcome,
                   v1::QuantizeResult* message) {
  message->set_model_name(outcome.model);
  message->set_model_version(absl::StrCat(outcome.version));
  message->set_float_bytes(outcome.result.float_bytes);
  message->set_quantized_bytes(outcome.result.quantized_bytes);
  message->set_integer_steps(outcome.result.integer_steps);
  message->set_float_steps(outcome.result.float_steps);
  message->set_samples(outcome.result.samples);
  // Infinite where nothing differs, which the field says by its absence.
  if (std::isfinite(outcome.result.sqnr_db)) {
    message->set_sqnr_db(outcome.result.sqnr_db);
  }
  message->set_verdict(outcome.verdict);
  message->set_summary(ToUtf8(outcome.summary));
  if (outcome.float_version) {
    message->set_float_model_version(absl::StrCat(*outcome.float_version));
  }
}

void EncodeJob(const JobStatus& job, ReportChoice choice, v1::Job* message) {
  message->set_id(job.id);
  message->set_state(EncodeState(job.state));
  EncodeSettings(job.request, message->mutable_settings());
  EncodeProgress(job.progress, message->mutable_progress());
  message->set_jobs_ahead(job.jobs_ahead);
  if (job.outcome != nullptr) {
    EncodeOutcome(*job.outcome, message->mutable_result());
    if (choice == ReportChoice::kWithReport) {
      message->set_report_json(job.outcome->report_json);
    }
  }
  message->set_error_code(static_cast<int>(job.error.code()));
  message->set_error_message(ToUtf8(std::string(job.error.message())));
  EncodeTime(job.created, message->mutable_create_time());
  if (job.started) EncodeTime(*job.started, message->mutable_start_time());
  if (job.ended) EncodeTime(*job.ended, message->mutable_end_time());
}

absl::StatusOr<const char*> DecodeReportFormat(int format) {
  switch (format) {
    case v1::REPORT_FORMAT_JSON:
      return kReportJsonFile;
    case v1::REPORT_FORMAT_TEXT:
      return kReportTextFile;
    case v1::REPORT_FORMAT_HTML:
      return kReportHtmlFile;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("format: got ", format, ", expected 1 to 3"));
  }
}

absl::StatusOr<JobState> DecodeState(int state) {
  switch (state) {
    case v1::JOB_STATE_PENDING:
      return JobState::kPending;
    case v1::JOB_STATE_RUNNING:
      return JobState::kRunning;
    case v1::JOB_STATE_SUCCEEDED:
      return JobState::kSucceeded;
    case v1::JOB_STATE_FAILED:
      return JobState::kFailed;
    case v1::JOB_STATE_CANCELLED:
      return JobState::kCancelled;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("states: got ", state, ", expected 1 to 5"));
  }
}

}  // namespace octet
