// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "engine/io/named_files.h"
#include "engine/tools/command_line.h"
#include "engine/tools/commands.h"
#include "engine/tools/comparison.h"
#include "engine/tools/report.h"

namespace octet::tools {
namespace {

struct QuantizeFlags {
  std::string model;
  std::vector<std::string> calibration;
  std::string output;
  std::string method = "linear";
  std::string activations = "asymmetric";
  int threads = 1;
  bool json = false;
};

// Shows progress on standard error: in place on a terminal, else a line for
// each phase.
class ProgressLine : public QuantizationObserver {
 public:
  ~ProgressLine() override {
    if (terminal_ && !phase_.empty()) std::fputc('\n', stderr);
  }

  absl::Status OnProgress(const QuantizationProgress& progress) override {
    const bool new_phase = progress.phase != phase_;
    if (terminal_) {
      if (new_phase && !phase_.empty()) std::fputc('\n', stderr);
      std::fprintf(stderr, "\r%s %lld/%lld", progress.phase.c_str(),
                   static_cast<long long>(progress.done),
                   static_cast<long long>(progress.total));
    } else if (new_phase) {
      std::fprintf(stderr, "%s (%lld)\n", progress.phase.c_str(),
                   static_cast<long long>(progress.total));
    }
    std::fflush(stderr);
    phase_ = progress.phase;
    return absl::OkStatus();
  }

 private:
  const bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  std::string phase_;
};

// Before the work, so that a minute of calibration is not lost to a wrong path.
absl::Status CheckOutput(const QuantizeFlags& flags) {
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

Json ToJson(const QuantizeFlags& flags, const QuantizationResult& result) {
  Json json = {{"output", flags.output},
               {"method", flags.method},
               {"activations", flags.activations},
               {"samples", result.samples},
               {"float_bytes", result.float_bytes},
               {"quantized_bytes", result.quantized_bytes},
               {"integer_steps", result.integer_steps},
               {"float_steps", result.float_steps},
               {"sqnr_db", BoundedDb(result.sqnr_db)},
               {"tensors", Json::array()}};
  for (const QuantizedTensor& tensor : result.tensors) {
    json["tensors"].push_back({{"name", tensor.name},
                               {"dtype", std::string(Name(tensor.dtype))},
                               {"scales", tensor.scales},
                               {"zero_points", tensor.zero_points},
                               {"min", tensor.min},
                               {"max", tensor.max}});
  }
  return json;
}

void PrintVerdict(const QuantizeFlags& flags,
                  const QuantizationResult& result) {
  const double share =
      100.0 * result.quantized_bytes / std::max<int64_t>(result.float_bytes, 1);
  std::printf("%s: %s, %.0f %% of the float model's %s\n", flags.output.c_str(),
              FormatBytes(result.quantized_bytes).c_str(), share,
              FormatBytes(result.float_bytes).c_str());
  std::printf("steps: %lld integer, %lld float\n",
              static_cast<long long>(result.integer_steps),
              static_cast<long long>(result.float_steps));
  const double sqnr_db = BoundedDb(result.sqnr_db);
  std::printf("SQNR of the outputs on the %lld calibration samples: %s\n",
              static_cast<long long>(result.samples),
              sqnr_db == kInfiniteDb
                  ? "infinite, every element is equal"
                  : absl::StrFormat("%.1f dB", sqnr_db).c_str());
  std::string inputs;
  for (const std::string& argument : flags.calibration) {
    absl::StrAppend(&inputs, " --input ",
                    argument.substr(0, argument.find('=')), "=FILE.npy");
  }
  std::printf(
      "next, on samples that calibrated nothing: octet-model compare "
      "%s %s%s\n",
      flags.model.c_str(), flags.output.c_str(), inputs.c_str());
}

absl::Status RunQuantize(const QuantizeFlags& flags) {
  OCTET_RETURN_IF_ERROR(CheckOutput(flags));
  OCTET_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(flags.model));
  OCTET_ASSIGN_OR_RETURN(const std::vector<NamedTensor> calibration,
                         io::ReadNamedTensors(flags.calibration));
  QuantizationOptions options;
  options.method = flags.method == "histogram" ? QuantizationMethod::kHistogram
                                               : QuantizationMethod::kLinear;
  options.activations = flags.activations == "symmetric"
                            ? ActivationScheme::kSymmetric
                            : ActivationScheme::kAsymmetric;
  options.threads = flags.threads;
  absl::StatusOr<QuantizationResult> result = absl::UnknownError("not run");
  {
    ProgressLine progress;
    result = Quantize(bytes, calibration, options, &progress);
  }
  if (!result.ok()) return InContextOf(flags.model, result.status());
  OCTET_RETURN_IF_ERROR(io::WriteFileAtomically(flags.output, {result->model}));
  if (flags.json) {
    PrintJson(ToJson(flags, *result));
  } else {
    PrintVerdict(flags, *result);
  }
  return absl::OkStatus();
}

}  // namespace

void AddQuantizeCommand(CLI::App& app, Command* command) {
  auto flags = std::make_shared<QuantizeFlags>();
  CLI::App* quantize = app.add_subcommand(
      "quantize",
      "Make an int8 model of a float one; the ranges of its tensors are seen "
      "on calibration samples");
  AddModelArgument(*quantize, "model", &flags->model);
  AddNamedFiles(*quantize, "--calibration", &flags->calibration,
                "typical samples of an input, its leading axis the samples; "
                "100 to 500 are usually enough. Repeated, once for each input")
      ->required();
  quantize
      ->add_option("--output", flags->output,
                   "the int8 model, ONNX with QuantizeLinear and "
                   "DequantizeLinear; replaced when it is there")
      ->type_name("FILE.onnx")
      ->required();
  quantize
      ->add_option("--method", flags->method,
                   "linear: from the least to the largest value seen; "
                   "histogram: thresholds chosen for each tensor")
      ->check(CLI::IsMember({"linear", "histogram"}))
      ->capture_default_str();
  quantize
      ->add_option("--activations", flags->activations,
                   "asymmetric: u8 with a zero point; symmetric: s8 without")
      ->check(CLI::IsMember({"asymmetric", "symmetric"}))
      ->capture_default_str();
  AddThreadsFlag(*quantize, &flags->threads);
  AddJsonFlag(*quantize, &flags->json);
  quantize->callback([=] { *command = [=] { return RunQuantize(*flags); }; });
}

}  // namespace octet::tools
