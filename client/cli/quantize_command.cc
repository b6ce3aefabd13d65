// SPDX-License-Identifier: Apache-2.0
// octet quantize: has the server make an int8 version of one of its models.
#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/cli/command.h"
#include "client/cli/input_files.h"
#include "client/cli/job_report.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"
#include "engine/io/input_files.h"
#include "engine/io/input_ranges.h"
#include "engine/io/labels.h"
#include "engine/io/progress_line.h"

namespace octet::cli {
namespace {

const std::map<std::string, v1::Method>& Methods() {
  static const auto* const kMethods = new std::map<std::string, v1::Method>{
      {"linear", v1::METHOD_LINEAR}, {"histogram", v1::METHOD_HISTOGRAM}};
  return *kMethods;
}

const std::map<std::string, v1::QuantizedFormat>& QuantizedFormats() {
  static const auto* const kFormats =
      new std::map<std::string, v1::QuantizedFormat>{
          {"qdq", v1::QUANTIZED_FORMAT_QDQ},
          {"qoperator", v1::QUANTIZED_FORMAT_QOPERATOR}};
  return *kFormats;
}

const std::map<std::string, v1::ActivationScheme>& Schemes() {
  static const auto* const kSchemes =
      new std::map<std::string, v1::ActivationScheme>{
          {"asymmetric", v1::ACTIVATION_SCHEME_ASYMMETRIC},
          {"symmetric", v1::ACTIVATION_SCHEME_SYMMETRIC}};
  return *kSchemes;
}

struct QuantizeFlags {
  v1::QuantizeSettings settings;
  std::vector<std::string> calibration;
  std::vector<std::string> input_ranges;
  std::vector<std::string> evaluation;
  std::string labels;
  std::string model_file;
  bool detach = false;
  RowFlags rows;
};

// What --input-range says, and --mean and --scale of pictures.
absl::Status SetInputRanges(const QuantizeFlags& flags,
                            v1::QuantizeSettings* settings) {
  if (!settings->synthetic_samples()) return absl::OkStatus();
  OCTET_ASSIGN_OR_RETURN(
      const std::vector<InputRange> ranges,
      io::ReadInputRanges(flags.input_ranges, MakeRowForm(flags.rows)));
  for (const InputRange& range : ranges) {
    v1::InputRange* message = settings->add_input_ranges();
    message->set_input(range.input);
    message->mutable_min()->Add(range.min.begin(), range.min.end());
    message->mutable_max()->Add(range.max.begin(), range.max.end());
  }
  return absl::OkStatus();
}

// Reads everything that is sent along; `model_bytes` gets the model file.
absl::StatusOr<client::QuantizationWork> ReadWork(const QuantizeFlags& flags,
                                                  client::Client* client,
                                                  std::string* model_bytes) {
  client::QuantizationWork work;
  work.settings = flags.settings;
  OCTET_RETURN_IF_ERROR(SetInputRanges(flags, &work.settings));
  if (!flags.model_file.empty()) {
    OCTET_ASSIGN_OR_RETURN(*model_bytes, io::ReadFile(flags.model_file));
    work.model = *model_bytes;
    // With a file, the name is the result's.
    if (work.settings.output_model_name().empty()) {
      work.settings.set_output_model_name(flags.settings.model_name());
    }
    work.settings.clear_model_name();
  }
  const auto ask = [&]() -> absl::StatusOr<std::vector<io::RowInput>> {
    if (!flags.model_file.empty()) {
      return absl::InvalidArgumentError(
          "with --model-file the server does not know the model's inputs yet: "
          "give calibration samples as NAME=FILE.npy or as FILE.npz");
    }
    OCTET_ASSIGN_OR_RETURN(
        const auto model,
        client->WithTimeout(absl::Seconds(10))
            ->ModelMetadata(
                {flags.settings.model_name(), flags.settings.model_version()}));
    return RowInputs(model);
  };
  OCTET_ASSIGN_OR_RETURN(
      work.calibration,
      io::ReadInputFiles(flags.calibration, MakeRowForm(flags.rows), ask));
  OCTET_ASSIGN_OR_RETURN(
      work.evaluation,
      io::ReadInputFiles(flags.evaluation, MakeRowForm(flags.rows), ask));
  if (!flags.labels.empty()) {
    OCTET_ASSIGN_OR_RETURN(work.labels, io::ReadLabels(flags.labels));
  }
  return work;
}

absl::Status Submit(const client::QuantizationWork& work,
                    client::Client* client, const GlobalFlags& globals) {
  v1::Job job;
  {
    io::ProgressLine line(&std::cerr, isatty(STDERR_FILENO) != 0);
    OCTET_ASSIGN_OR_RETURN(
        job, client->SubmitJob(work, [&line](const std::string&,
                                             const v1::QuantizeProgress& at) {
          line.Update(at.phase(), at.done(), at.total());
        }));
  }
  if (globals.json) {
    std::cout << JobAsJson(job).dump() << "\n";
  } else {
    std::cout << "job " << job.id() << " is handed in\n"
              << "octet watch " << job.id() << " follows it\n";
  }
  return absl::OkStatus();
}

// What there is to know when the call of job `id` ended with `error`.
void HintAtDetaching(const absl::Status& error, const std::string& id) {
  if (id.empty() ||
      !(absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error))) {
    return;
  }
  std::cerr << "the server cancels work whose caller goes away; octet report "
            << id << " says what became of it.\n"
            << "With quantize --detach the work goes on, and octet watch JOB "
               "follows it and takes it up again.\n";
}

absl::Status RunQuantize(const QuantizeFlags& flags,
                         const GlobalFlags& globals) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(globals, absl::Hours(1)));
  std::string model_bytes;
  OCTET_ASSIGN_OR_RETURN(const client::QuantizationWork work,
                         ReadWork(flags, client.get(), &model_bytes));
  if (flags.detach) return Submit(work, client.get(), globals);
  absl::StatusOr<v1::QuantizeResult> done;
  std::string id;
  {
    io::ProgressLine line(&std::cerr, isatty(STDERR_FILENO) != 0);
    done = client->Quantize(
        work, [&](const std::string& job, const v1::QuantizeProgress& at) {
          if (!job.empty()) id = job;
          line.Update(at.phase(), at.done(), at.total());
        });
  }
  if (!done.ok()) {
    HintAtDetaching(done.status(), id);
    return done.status();
  }
  const v1::QuantizeResult& result = *done;
  if (globals.json) {
    std::cout << ResultAsJson(result).dump() << "\n";
    return absl::OkStatus();
  }
  std::cout << ResultAsText(result);
  if (!flags.settings.load_when_done()) {
    std::cout << "octet load " << result.model_name() << " puts it to work\n";
  }
  return absl::OkStatus();
}

// Where the float model and the samples come from.
void AddSourceFlags(CLI::App* command, QuantizeFlags* flags) {
  v1::QuantizeSettings* settings = &flags->settings;
  command
      ->add_option("MODEL", *settings->mutable_model_name(),
                   "The float model's name; with --model-file the name to "
                   "publish the result under")
      ->required();
  auto* file = command
                   ->add_option("--model-file", flags->model_file,
                                "Send this float model instead of taking one "
                                "of the repository")
                   ->type_name("FILE.onnx")
                   ->check(CLI::ExistingFile);
  auto* calibration =
      command
          ->add_option("--calibration", flags->calibration,
                       "Samples of an input, once for each file: a .npy or "
                       ".npz file whose first axis counts them, a picture or a "
                       "sound, or a folder of such")
          ->type_name("[NAME=]FILE")
          ->allow_extra_args(false)
          ->take_all();
  auto* path =
      command
          ->add_option("--server-path", *settings->mutable_calibration_path(),
                       "Samples that are there already: a .npz or "
                       ".npy file or a folder below the server's "
                       "calibration-folder")
          ->type_name("PATH");
  path->excludes(calibration);
  auto* recorded =
      command
          ->add_flag_callback(
              "--recorded",
              [settings] { settings->set_recorded_samples(true); },
              "Samples are the requests that the server has recorded, which it "
              "does where the model's config.pbtxt has record_rows")
          ->excludes(calibration)
          ->excludes(path);
  auto* synthetic =
      command
          ->add_flag_callback(
              "--synthetic",
              [settings] { settings->set_synthetic_samples(true); },
              "Without samples: the server makes some up and goes by the "
              "model's batch norms, which costs accuracy")
          ->excludes(calibration)
          ->excludes(path)
          ->excludes(recorded);
  command
      ->add_option("--input-range", flags->input_ranges,
                   "With --synthetic: what an input spans. Repeated, for each "
                   "input [of pictures, what --mean and --scale say; else "
                   "-1,1, of bytes all, of other integers 0,1]")
      ->type_name("NAME=MIN,MAX")
      ->allow_extra_args(false)
      ->take_all()
      ->needs(synthetic);
  command
      ->add_option("--model-version", *settings->mutable_model_version(),
                   "The float model's version [the latest that octet did not "
                   "make]")
      ->excludes(file);
  command->parse_complete_callback([calibration, path, recorded, synthetic] {
    if (calibration->empty() && path->empty() && recorded->empty() &&
        synthetic->empty()) {
      throw CLI::RequiredError(
          "--calibration, --server-path, --recorded or --synthetic");
    }
  });
}

// What the report compares both models on.
void AddEvaluationFlags(CLI::App* command, QuantizeFlags* flags) {
  auto* evaluation =
      command
          ->add_option("--evaluation", flags->evaluation,
                       "Samples as for --calibration that calibrate nothing, "
                       "for the report [the calibration samples]")
          ->type_name("[NAME=]FILE")
          ->allow_extra_args(false)
          ->take_all();
  command
      ->add_option("--labels", flags->labels,
                   "The right class of each evaluation sample, from 0: a .npy "
                   "file of integers, or the column 'label' of a .csv file")
      ->type_name("FILE")
      ->needs(evaluation);
  command->add_flag_callback(
      "--drop-first-class",
      [flags] { flags->settings.set_drop_first_class(true); },
      "Leave class 0 out and count labels from class 1: for models with a "
      "background class");
}

void AddBudgetFlags(CLI::App* command, v1::QuantizeSettings* settings) {
  command
      ->add_option_function<double>(
          "--time-budget",
          [settings](double seconds) {
            settings->set_time_budget_seconds(seconds);
          },
          "Seconds that --method histogram may try remedies for; the result "
          "may then differ from run to run [no limit]")
      ->check(CLI::Range(0.0, 1e9))
      ->type_name("SECONDS");
  command
      ->add_option_function<int64_t>(
          "--memory-budget",
          [settings](int64_t megabytes) {
            settings->set_memory_budget_bytes(megabytes * 1'000'000);
          },
          "Megabytes that quantizing may take: more, by an estimate, is "
          "refused before it starts [no limit]")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 40))
      ->type_name("MB");
}

}  // namespace

void AddQuantizeCommand(CLI::App* app, const GlobalFlags& globals,
                        Action* action) {
  CLI::App* command = app->add_subcommand(
      "quantize",
      "Have the server make an int8 version of a float model. When this "
      "command or its connection ends before the work, the server cancels the "
      "work; with --detach it goes on");
  auto flags = std::make_shared<QuantizeFlags>();
  AddSourceFlags(command, flags.get());
  v1::QuantizeSettings* settings = &flags->settings;
  command->add_option("--output-model", *settings->mutable_output_model_name(),
                      "Name to publish the result under, as its next version "
                      "[MODEL]");
  auto method = std::make_shared<std::string>("linear");
  command
      ->add_option("--method", *method,
                   "How ranges are chosen: linear: by the smallest and the "
                   "largest value seen; histogram: by thresholds that cost "
                   "each tensor least")
      ->check(CLI::IsMember(&Methods()))
      ->capture_default_str();
  auto correction = std::make_shared<std::string>("on");
  command
      ->add_option("--bias-correction", *correction,
                   "Whether biases take up what rounding does to the mean of "
                   "each channel: on: as the samples show it, for one more run "
                   "of them; analytic: as computed from the weights and the "
                   "means that calibration saw")
      ->check(CLI::IsMember({"on", "off", "analytic"}))
      ->capture_default_str();
  AddEvaluationFlags(command, flags.get());
  auto scheme = std::make_shared<std::string>("asymmetric");
  command
      ->add_option("--activations", *scheme,
                   "Integers for activations: unsigned with a zero point, or "
                   "signed around zero")
      ->check(CLI::IsMember(&Schemes()))
      ->capture_default_str();
  auto format = std::make_shared<std::string>("qdq");
  command
      ->add_option("--format", *format,
                   "qdq: QuantizeLinear and DequantizeLinear where octet "
                   "rounds; qoperator: QLinearConv, QGemm and the like for "
                   "runtimes that want these")
      ->check(CLI::IsMember(&QuantizedFormats()))
      ->capture_default_str();
  AddBudgetFlags(command, settings);
  auto load = std::make_shared<bool>(false);
  command->add_flag("--load", *load,
                    "Load the new version as soon as it is there");
  auto priority = std::make_shared<int32_t>(0);
  command
      ->add_option("--priority", *priority,
                   "Of the jobs that wait the highest is next")
      ->check(CLI::Range(-10, 10))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--detach", flags->detach,
                    "Hand the work in and return; octet watch follows it. "
                    "Without it the work is cancelled when this command is");
  AddRowFlags(command, &flags->rows);
  command->callback([=, &globals] {
    RequireOneServer(globals);
    flags->settings.set_method(Methods().at(*method));
    flags->settings.set_activation_scheme(Schemes().at(*scheme));
    flags->settings.set_bias_correction(*correction != "off");
    if (*correction == "analytic") {
      flags->settings.set_bias_correction_kind(
          v1::BIAS_CORRECTION_KIND_ANALYTIC);
    }
    flags->settings.set_format(QuantizedFormats().at(*format));
    flags->settings.set_load_when_done(*load);
    flags->settings.set_priority(*priority);
    *action = [flags, &globals] { return RunQuantize(*flags, globals); };
  });
}

}  // namespace octet::cli
