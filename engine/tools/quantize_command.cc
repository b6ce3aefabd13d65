// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/evaluation/evaluation.h"
#include "engine/io/file.h"
#include "engine/io/input_ranges.h"
#include "engine/io/labels.h"
#include "engine/io/progress_line.h"
#include "engine/report/report.h"
#include "engine/report/text_report.h"
#include "engine/report/verdict.h"
#include "engine/tools/command_line.h"
#include "engine/tools/commands.h"
#include "engine/tools/comparison.h"
#include "engine/tools/quantization_output.h"
#include "engine/tools/report.h"
#include "engine/tools/row_flags.h"

namespace octet::tools {
namespace {

constexpr int64_t kMegabyte = 1'000'000;

const std::map<std::string, BiasCorrection>& BiasCorrections() {
  static const auto* const corrections =
      new std::map<std::string, BiasCorrection>{
          {"on", BiasCorrection::kEmpirical},
          {"off", BiasCorrection::kOff},
          {"analytic", BiasCorrection::kAnalytic}};
  return *corrections;
}

struct QuantizeFlags {
  std::string model;
  std::vector<std::string> calibration;
  std::vector<std::string> input_ranges;
  std::string output;
  std::string method = "linear";
  std::string format = "qdq";
  std::string bias_correction = "on";
  std::string activations = "asymmetric";
  bool keep_faster_float = false;
  std::optional<double> time_budget;     // seconds
  std::optional<int64_t> memory_budget;  // MB
  std::vector<std::string> evaluation;
  std::string labels;
  bool drop_first_class = false;
  std::string report;
  RowFlags rows;
  int threads = 1;
  bool json = false;

  bool evaluates() const { return !evaluation.empty() || !report.empty(); }

  QuantizationOptions ToOptions() const {
    QuantizationOptions options;
    options.method = method == "histogram" ? QuantizationMethod::kHistogram
                                           : QuantizationMethod::kLinear;
    options.format = format == "qoperator" ? QuantizedFormat::kQOperator
                                           : QuantizedFormat::kQdq;
    options.activations = activations == "symmetric"
                              ? ActivationScheme::kSymmetric
                              : ActivationScheme::kAsymmetric;
    options.bias_correction = BiasCorrections().at(bias_correction);
    options.keep_faster_float = keep_faster_float;
    if (time_budget) options.budget.time = absl::Seconds(*time_budget);
    if (memory_budget) {
      options.budget.memory_bytes = *memory_budget * kMegabyte;
    }
    options.threads = threads;
    return options;
  }
};

// Shows progress on standard error.
class ShownProgress : public QuantizationObserver {
 public:
  absl::Status OnProgress(const QuantizationProgress& progress) override {
    line_.Update(progress.phase, progress.done, progress.total);
    return absl::OkStatus();
  }

 private:
  io::ProgressLine line_{&std::cerr, ::isatty(STDERR_FILENO) == 1};
};

// Before the work, so that a minute of calibration is not lost to a wrong path.
absl::Status CheckOutput(const QuantizeFlags& flags) {
  if (!flags.input_ranges.empty() && !flags.calibration.empty()) {
    return absl::FailedPreconditionError(
        "--input-range is for synthetic samples: leave out --calibration, or "
        "it");
  }
  if (!flags.labels.empty() && flags.evaluation.empty()) {
    return absl::FailedPreconditionError(
        "--labels are of evaluation samples: give --evaluation too");
  }
  std::error_code error;
  const std::filesystem::path output(flags.output);
  if (std::filesystem::equivalent(flags.model, output, error)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--output ", flags.output,
        " is the model itself; give another path, the float model is kept"));
  }
  const std::filesystem::path folder = output.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(
        absl::StrCat("--output ", flags.output, ": there is no folder ",
                     folder.string(), "; make it first"));
  }
  return absl::OkStatus();
}

// What the command works on.
struct Samples {
  std::unique_ptr<SampleSource> calibration;
  std::vector<SyntheticInput> synthetic;  // what calibration's are, if no data
  std::unique_ptr<SampleSource> evaluation;  // of no tensors: calibration's
  std::optional<std::vector<int64_t>> labels;
};

absl::Status MakeSamples(const QuantizeFlags& flags, const std::string& bytes,
                         Samples* samples) {
  OCTET_ASSIGN_OR_RETURN(
      const std::vector<InputRange> ranges,
      io::ReadInputRanges(flags.input_ranges, flags.rows.ToForm()));
  OCTET_ASSIGN_OR_RETURN(SyntheticSamples made,
                         MakeSyntheticSamples(bytes, ranges));
  samples->calibration = std::make_unique<TensorSamples>(made.tensors);
  samples->synthetic = std::move(made.inputs);
  return absl::OkStatus();
}

absl::StatusOr<Samples> ReadAllSamples(const QuantizeFlags& flags,
                                       const std::string& bytes) {
  Samples samples;
  if (flags.calibration.empty()) {
    OCTET_RETURN_IF_ERROR(MakeSamples(flags, bytes, &samples));
  } else {
    OCTET_ASSIGN_OR_RETURN(samples.calibration,
                           OpenSamples(bytes, flags.calibration, flags.rows));
  }
  OCTET_ASSIGN_OR_RETURN(samples.evaluation,
                         OpenSamples(bytes, flags.evaluation, flags.rows));
  if (!flags.labels.empty()) {
    OCTET_ASSIGN_OR_RETURN(samples.labels, io::ReadLabels(flags.labels));
  }
  return samples;
}

QuantizationOptions OptionsFor(const QuantizeFlags& flags,
                               const Samples& samples) {
  QuantizationOptions options = flags.ToOptions();
  options.synthetic = samples.synthetic;
  return options;
}

absl::StatusOr<report::ReportFacts> MakeFacts(const QuantizeFlags& flags,
                                              const std::string& bytes,
                                              const Samples& samples,
                                              const QuantizationResult& result,
                                              QuantizationObserver* observer) {
  report::ReportFacts facts;
  facts.model = flags.model;
  facts.result = flags.output;
  facts.options = OptionsFor(flags, samples);
  facts.quantization = result;
  facts.on_calibration_samples = samples.evaluation->tensors().empty();
  facts.machine = DescribeMachine();
  facts.octet_version = std::string(Version());
  EvaluationOptions evaluation;
  evaluation.labels = samples.labels;
  evaluation.drop_first_class = flags.drop_first_class;
  evaluation.threads = flags.threads;
  evaluation.changed_channels = result.changed_channels;
  // Only the report shows layers.
  if (flags.report.empty()) evaluation.layer_samples = 0;
  OCTET_ASSIGN_OR_RETURN(
      facts.evaluation,
      EvaluateOn(bytes, result.model,
                 facts.on_calibration_samples ? *samples.calibration
                                              : *samples.evaluation,
                 evaluation, observer));
  return facts;
}

absl::Status WriteReport(const std::string& folder,
                         const report::RenderedReport& rendered) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnavailableError(absl::StrCat(
        "--report ", folder, ": can't make the folder: ", error.message()));
  }
  const std::filesystem::path path(folder);
  OCTET_RETURN_IF_ERROR(
      io::WriteFileAtomically(path / "report.json", {rendered.json}));
  OCTET_RETURN_IF_ERROR(
      io::WriteFileAtomically(path / "report.txt", {rendered.text}));
  return io::WriteFileAtomically(path / "report.html", {rendered.html});
}

// Everything that the report tells of the whole model.
void AddEvaluation(const report::RenderedReport& rendered, Json* json) {
  const Json report = Json::parse(rendered.json);
  for (const char* key : {"verdict", "headline", "advice", "evaluation"}) {
    (*json)[key] = report.at(key);
  }
}

// The command that tells more, on samples that calibrated nothing.
void PrintNextStep(const QuantizeFlags& flags,
                   const QuantizationOptions& options) {
  std::string inputs;
  for (const SyntheticInput& input : options.synthetic) {
    absl::StrAppend(&inputs, " --input ", input.name, "=FILE.npy");
  }
  for (const std::string& argument : flags.calibration) {
    absl::StrAppend(&inputs, " --input ",
                    argument.find('=') == std::string::npos
                        ? "NAME"
                        : argument.substr(0, argument.find('=')),
                    "=FILE.npy");
  }
  std::printf(
      "next, on samples that calibrated nothing: octet-model compare "
      "%s %s%s\n",
      flags.model.c_str(), flags.output.c_str(), inputs.c_str());
}

absl::Status Finish(const QuantizeFlags& flags,
                    const QuantizationOptions& options,
                    const QuantizationResult& result,
                    const std::optional<report::ReportFacts>& facts) {
  std::optional<report::RenderedReport> rendered;
  if (facts) rendered = report::Render(*facts);
  if (!flags.report.empty()) {
    OCTET_RETURN_IF_ERROR(WriteReport(flags.report, *rendered));
  }
  if (flags.json) {
    Json json = QuantizationJson(flags.output, options, result);
    if (rendered) AddEvaluation(*rendered, &json);
    PrintJson(json);
  } else if (facts) {
    std::printf("%s\n%s", flags.output.c_str(),
                report::TextSummary(*facts, report::Judge(*facts)).c_str());
    if (!flags.report.empty()) {
      std::printf(
          "%s tells it all\n",
          (std::filesystem::path(flags.report) / "report.html").c_str());
    }
  } else {
    PrintQuantization(flags.output, options, result);
    PrintNextStep(flags, options);
  }
  return absl::OkStatus();
}

absl::Status RunQuantize(const QuantizeFlags& flags) {
  OCTET_RETURN_IF_ERROR(CheckOutput(flags));
  OCTET_ASSIGN_OR_RETURN(const std::string bytes,
                         ReadSelfContainedModel(flags.model));
  absl::StatusOr<Samples> samples = ReadAllSamples(flags, bytes);
  if (!samples.ok()) return InContextOf(flags.model, samples.status());
  const QuantizationOptions options = OptionsFor(flags, *samples);
  absl::StatusOr<QuantizationResult> result = absl::UnknownError("not run");
  std::optional<report::ReportFacts> facts;
  {
    ShownProgress progress;
    result = QuantizeFrom(bytes, *samples->calibration, options, &progress);
    if (!result.ok()) return InContextOf(flags.model, result.status());
    OCTET_RETURN_IF_ERROR(
        io::WriteFileAtomically(flags.output, {result->model}));
    if (flags.evaluates()) {
      OCTET_ASSIGN_OR_RETURN(
          facts, MakeFacts(flags, bytes, *samples, *result, &progress));
    }
  }
  return Finish(flags, options, *result, facts);
}

// A flag that is repeated, one [NAME=]FILE each.
CLI::Option* AddSamples(CLI::App& command, const std::string& flag,
                        std::vector<std::string>* arguments,
                        const std::string& description) {
  return command.add_option(flag, *arguments, description)
      ->type_name("[NAME=]FILE")
      ->allow_extra_args(false)
      ->take_all();
}

void AddSampleFlags(CLI::App& command, QuantizeFlags* flags) {
  AddSamples(command, "--calibration", &flags->calibration,
             "typical samples of an input: a .npy or .npz file whose leading "
             "axis counts them, a picture or a sound, or a folder of such; 100 "
             "to 500 samples are usually enough. Repeated, for each input "
             "(default: none; ranges then come from made-up samples and the "
             "file's batch norms, which is worse)");
  command
      .add_option("--input-range", flags->input_ranges,
                  "without --calibration: what an input spans. Repeated, for "
                  "each input (default: of pictures, what --mean and --scale "
                  "say; else -1,1, of bytes all, of other integers 0,1)")
      ->type_name("NAME=MIN,MAX")
      ->allow_extra_args(false)
      ->take_all();
  AddSamples(command, "--evaluation", &flags->evaluation,
             "samples likewise that calibrate nothing: the verdict's, and the "
             "report's (default: no verdict; the report takes calibration's)");
  command
      .add_option("--labels", flags->labels,
                  "the right class of each evaluation sample, from 0: integers "
                  "in a .npy, or the column 'label' of a .csv (default: none)")
      ->type_name("FILE.npy|FILE.csv");
  command.add_flag("--drop-first-class", flags->drop_first_class,
                   "leave class 0 out and count from class 1: for models "
                   "with a background class (default: off)");
  command
      .add_option("--report", flags->report,
                  "write report.html, report.txt and report.json into this "
                  "folder: what it cost and won, layer by layer (default: "
                  "none)")
      ->type_name("FOLDER");
  AddRowFlags(command, &flags->rows);
}

void AddBudgetFlags(CLI::App& command, QuantizeFlags* flags) {
  command
      .add_option("--time-budget", flags->time_budget,
                  "seconds that --method histogram may try remedies for; what "
                  "it leaves out is said. The result may then differ from run "
                  "to run (default: no limit)")
      ->check(CLI::Range(0.0, 1e9))
      ->type_name("SECONDS");
  command
      .add_option(
          "--memory-budget", flags->memory_budget,
          "megabytes that quantizing may take: more, by an estimate, is "
          "refused before it starts (default: no limit)")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("MB");
}

}  // namespace

void AddQuantizeCommand(CLI::App& app, Command* command) {
  auto flags = std::make_shared<QuantizeFlags>();
  CLI::App* quantize = app.add_subcommand(
      "quantize",
      "Make an int8 model of a float one; the ranges of its tensors are seen "
      "on calibration samples, or guessed without");
  AddModelArgument(*quantize, "model", &flags->model);
  AddSampleFlags(*quantize, flags.get());
  quantize
      ->add_option("--output", flags->output,
                   "the int8 model, ONNX; replaced when it is there")
      ->type_name("FILE.onnx")
      ->required();
  quantize
      ->add_option("--method", flags->method,
                   "linear: from the least to the largest value seen; "
                   "histogram: thresholds that cost each tensor least")
      ->check(CLI::IsMember({"linear", "histogram"}))
      ->capture_default_str();
  quantize
      ->add_option("--format", flags->format,
                   "qdq: QuantizeLinear and DequantizeLinear where octet "
                   "rounds; qoperator: QLinearConv, QGemm and the like for "
                   "runtimes that want these, with one rounding more at each "
                   "residual add")
      ->check(CLI::IsMember({"qdq", "qoperator"}))
      ->capture_default_str();
  quantize
      ->add_option("--bias-correction", flags->bias_correction,
                   "whether biases take up what rounding does to the mean of "
                   "each channel: on: as the samples show it, for one more run "
                   "of them; analytic: as computed from the weights and the "
                   "means that calibration saw")
      ->check(CLI::IsMember(&BiasCorrections()))
      ->capture_default_str();
  quantize
      ->add_option("--activations", flags->activations,
                   "asymmetric: u8 with a zero point; symmetric: s8 without")
      ->check(CLI::IsMember({"asymmetric", "symmetric"}))
      ->capture_default_str();
  quantize->add_flag("--keep-faster-float", flags->keep_faster_float,
                     "layers that are slower in int8 on this machine stay "
                     "float where the whole network gains; timed, so that the "
                     "result may differ from run to run");
  AddBudgetFlags(*quantize, flags.get());
  AddThreadsFlag(*quantize, &flags->threads);
  AddJsonFlag(*quantize, &flags->json);
  quantize->callback([=] { *command = [=] { return RunQuantize(*flags); }; });
}

}  // namespace octet::tools
