// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/quantize_and_publish.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "engine/base/tensor.h"
#include "engine/engine.h"
#include "engine/evaluation/evaluation.h"
#include "engine/report/report.h"
#include "engine/report/text_report.h"
#include "engine/report/verdict.h"
#include "server/jobs/calibration_folder.h"
#include "server/jobs/history.h"
#include "server/jobs/recorded_samples.h"
#include "server/jobs/sha256.h"
#include "server/models/golden.h"
#include "server/models/publishing.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

// How long a job times both models for its report.
constexpr absl::Duration kTiming = absl::Seconds(2);

absl::StatusOr<std::string> ReadModel(const JobEnvironment& environment,
                                      const std::string& model,
                                      int64_t version) {
  OCTET_ASSIGN_OR_RETURN(const std::string file,
                         environment.registry->ModelFile(model));
  const std::string path =
      environment.repository->FilePath(model, version, file);
  std::error_code ignored;  // Read() says what is wrong with it
  const uintmax_t size = std::filesystem::file_size(path, ignored);
  if (!ignored && size > static_cast<uintmax_t>(environment.job_bytes)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("model '", model, "' version ", version, " has ", size,
                     " bytes, more than the server's --job-bytes of ",
                     environment.job_bytes));
  }
  return environment.repository->Read(model, version, file);
}

// What the model's file in the new version is called.
absl::StatusOr<std::string> PublishedFile(const JobEnvironment& environment,
                                          const std::string& model) {
  OCTET_ASSIGN_OR_RETURN(const std::string file,
                         environment.registry->ModelFile(model));
  const bool taken = file == kHistoryFile || file == kGoldenFolder ||
                     file == kReportJsonFile || file == kReportTextFile ||
                     file == kReportHtmlFile;
  if (!taken) return file;
  return absl::FailedPreconditionError(absl::StrCat(
      "model '", model, "' has the default_model_filename '", file,
      "', which is the name of something else that a job puts beside the "
      "model: publish under another model's name"));
}

// The calibration samples; says in the options of `request` where they were
// made up for the model of `bytes`.
absl::StatusOr<std::vector<NamedTensor>> ReadSamples(
    const JobEnvironment& environment, absl::string_view bytes,
    QuantizationRequest* request, JobInput* input) {
  if (request->synthetic_samples) {
    OCTET_ASSIGN_OR_RETURN(SyntheticSamples made,
                           environment.engine->make_synthetic_samples(
                               bytes, request->input_ranges));
    request->options.synthetic = std::move(made.inputs);
    return std::move(made.tensors);
  }
  if (request->recorded_samples) {
    return RecordedSamples(*environment.registry, request->model);
  }
  if (request->calibration_path.empty()) {
    return input->samples()->TakeTensors();
  }
  return ReadCalibration(
      environment.calibration_folder, request->calibration_path,
      environment.job_bytes - static_cast<int64_t>(bytes.size()));
}

// The samples that the models are compared on, and what is known of them.
struct Comparison {
  std::vector<NamedTensor> samples;
  EvaluationOptions options;
  bool on_calibration_samples = false;
};

absl::StatusOr<Comparison> PrepareComparison(
    const JobEnvironment& environment, const QuantizationRequest& request,
    const std::vector<NamedTensor>& calibration, JobInput* input) {
  Comparison comparison;
  comparison.options.drop_first_class = request.drop_first_class;
  comparison.options.threads = environment.threads;
  comparison.options.timing = kTiming;
  comparison.on_calibration_samples = input->evaluation()->samples() == 0;
  if (comparison.on_calibration_samples) {
    comparison.samples = calibration;
    return comparison;
  }
  OCTET_ASSIGN_OR_RETURN(comparison.samples,
                         input->evaluation()->TakeTensors());
  if (!input->labels()->empty()) comparison.options.labels = *input->labels();
  return comparison;
}

// Says which version a model that cannot be quantized is: it may be one that
// was not named.
absl::Status InContextOfSource(const QuantizationRequest& request,
                               int64_t version, const absl::Status& status) {
  const bool of_the_model =
      absl::IsInvalidArgument(status) || absl::IsUnimplemented(status);
  if (request.model.empty() || !of_the_model) return status;
  return absl::Status(status.code(),
                      absl::StrCat("model '", request.model, "' version ",
                                   version, ": ", status.message()));
}

// What the report tells, but for the evaluation.
report::ReportFacts Facts(const JobEnvironment& environment,
                          const QuantizationRequest& request,
                          const QuantizationResult& result) {
  report::ReportFacts facts;
  facts.model = request.model.empty() ? request.output_model : request.model;
  facts.result = request.output_model;
  facts.options = request.options;
  facts.quantization = result;
  facts.quantization.model.clear();
  facts.machine.isa = environment.isa;
  facts.octet_version = environment.octet_version;
  return facts;
}

// What history tells, but for the source.
HistoryFacts HistoryOf(const JobEnvironment& environment,
                       const JobStatus& job) {
  HistoryFacts facts;
  facts.job_id = job.id;
  facts.octet_version = environment.octet_version;
  facts.isa = environment.isa;
  facts.request = job.request;
  facts.created = job.created;
  facts.started = job.started.value_or(job.created);
  facts.published = absl::Now();
  return facts;
}

// What the new version answers here, for whoever loads it later.
absl::StatusOr<std::vector<GoldenFile>> RecordAnswers(
    const JobEnvironment& environment, const std::string& model,
    const std::vector<NamedTensor>& samples) {
  ModelOptions options;
  options.max_batch = 1;
  OCTET_ASSIGN_OR_RETURN(const std::shared_ptr<const Model> loaded,
                         environment.engine->load_bytes(model, options));
  return RecordGolden(*environment.engine, loaded, samples);
}

}  // namespace

absl::StatusOr<QuantizationOutcome> QuantizeAndPublish(
    const JobEnvironment& environment, const JobStatus& job,
    int64_t source_version, JobInput input, QuantizationObserver* observer) {
  QuantizationRequest request = job.request;
  OCTET_RETURN_IF_ERROR(observer->OnProgress({"read", 0, 1}));
  OCTET_ASSIGN_OR_RETURN(const std::string file,
                         PublishedFile(environment, request.output_model));
  std::string bytes;
  if (input.has_model()) {
    bytes = input.TakeModel();
  } else {
    OCTET_ASSIGN_OR_RETURN(
        bytes, ReadModel(environment, request.model, source_version));
  }
  const auto source_bytes = static_cast<int64_t>(bytes.size());
  OCTET_ASSIGN_OR_RETURN(const std::vector<NamedTensor> samples,
                         ReadSamples(environment, bytes, &request, &input));
  absl::StatusOr<QuantizationResult> attempt =
      environment.engine->quantize(bytes, samples, request.options, observer);
  if (!attempt.ok()) {
    return InContextOfSource(request, source_version, attempt.status());
  }
  QuantizationResult& result = *attempt;
  OCTET_ASSIGN_OR_RETURN(
      Comparison comparison,
      PrepareComparison(environment, request, samples, &input));
  comparison.options.changed_channels = result.changed_channels;
  report::ReportFacts compared = Facts(environment, request, result);
  compared.on_calibration_samples = comparison.on_calibration_samples;
  OCTET_ASSIGN_OR_RETURN(
      compared.evaluation,
      environment.engine->evaluate(bytes, result.model, comparison.samples,
                                   comparison.options, observer));
  const report::RenderedReport report = report::Render(compared);
  // The last chance to cancel.
  OCTET_RETURN_IF_ERROR(observer->OnProgress({"publish", 0, 1}));

  HistoryFacts facts = HistoryOf(environment, job);
  facts.source_version = source_version;
  facts.source_sha256 = Sha256(bytes);
  facts.source_bytes = source_bytes;
  QuantizationOutcome outcome;
  outcome.model = request.output_model;
  const report::Verdict verdict = report::Judge(compared);
  outcome.verdict = report::Name(verdict.conclusion);
  outcome.summary = report::TextSummary(compared, verdict);
  outcome.report_json = QuantizedHistory(facts, result, Sha256(result.model));
  const std::string uploaded = UploadedHistory(facts);
  std::vector<GoldenFile> golden;
  // What callers asked is not written down.
  if (!request.recorded_samples) {
    OCTET_ASSIGN_OR_RETURN(golden,
                           RecordAnswers(environment, result.model, samples));
  }
  std::vector<VersionFiles> versions;
  if (request.publish_float) {
    versions.push_back({{file, bytes}, {kHistoryFile, uploaded}});
  }
  VersionFiles& quantized = versions.emplace_back();
  quantized.push_back({file, result.model});
  quantized.push_back({kHistoryFile, outcome.report_json});
  quantized.push_back({kReportJsonFile, report.json});
  quantized.push_back({kReportTextFile, report.text});
  quantized.push_back({kReportHtmlFile, report.html});
  for (const GoldenFile& recorded : golden) {
    quantized.push_back({recorded.path, recorded.bytes});
  }
  OCTET_ASSIGN_OR_RETURN(
      const std::vector<int64_t> numbers,
      environment.repository->PublishAll(outcome.model, versions));
  outcome.version = numbers.back();
  if (request.publish_float) outcome.float_version = numbers.front();
  spdlog::info("job {}: {} quantized: published as '{}' version {}", job.id,
               request.model.empty()
                   ? "an uploaded model"
                   : absl::StrCat("model '", request.model, "' version ",
                                  source_version),
               outcome.model, outcome.version);
  // The job is remembered; the model and its tensors' names need not be.
  result.model.clear();
  result.tensors.clear();
  outcome.result = std::move(result);
  return outcome;
}

absl::Status LoadPublished(const JobEnvironment& environment,
                           const QuantizationOutcome& outcome) {
  absl::Status status;
  absl::Notification loaded;
  environment.registry->Load(outcome.model, [&](absl::Status load_status) {
    status = std::move(load_status);
    loaded.Notify();
  });
  loaded.WaitForNotification();
  if (status.ok()) return status;
  return absl::Status(
      status.code(), absl::StrCat("published as '", outcome.model, "' version ",
                                  outcome.version, ", but loading it failed: ",
                                  status.message()));
}

}  // namespace octet
