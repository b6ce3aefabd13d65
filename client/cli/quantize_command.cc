// SPDX-License-Identifier: Apache-2.0
// octet quantize: has the server make an int8 version of one of its models.
#include <unistd.h>

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/command.h"
#include "client/cli/progress_line.h"
#include "client/cli/table.h"
#include "engine/base/status_macros.h"
#include "engine/io/named_files.h"
#include "nlohmann/json.hpp"

namespace octet::cli {
namespace {

const std::map<std::string, v1::Method>& Methods() {
  static const auto* const kMethods =
      new std::map<std::string, v1::Method>{{"linear", v1::METHOD_LINEAR}};
  return *kMethods;
}

const std::map<std::string, v1::ActivationScheme>& Schemes() {
  static const auto* const kSchemes =
      new std::map<std::string, v1::ActivationScheme>{
          {"asymmetric", v1::ACTIVATION_SCHEME_ASYMMETRIC},
          {"symmetric", v1::ACTIVATION_SCHEME_SYMMETRIC}};
  return *kSchemes;
}

struct QuantizeFlags {
  Connection connection;
  v1::QuantizeSettings settings;
  std::vector<std::string> calibration;
};

nlohmann::json ResultAsJson(const v1::QuantizeResult& result) {
  nlohmann::json json = {{"model", result.model_name()},
                         {"version", result.model_version()},
                         {"float_bytes", result.float_bytes()},
                         {"quantized_bytes", result.quantized_bytes()},
                         {"integer_steps", result.integer_steps()},
                         {"float_steps", result.float_steps()},
                         {"samples", result.samples()},
                         {"sqnr_db", nullptr}};
  if (result.has_sqnr_db()) json["sqnr_db"] = result.sqnr_db();
  return json;
}

std::string ResultAsText(const v1::QuantizeResult& result) {
  const auto kilobytes = [](int64_t bytes) {
    return absl::StrFormat("%.1f kB", static_cast<double>(bytes) / 1000);
  };
  return FormatTable(
      {{"new version",
        absl::StrCat(result.model_name(), " ", result.model_version())},
       {"file size", absl::StrCat(kilobytes(result.float_bytes()), " -> ",
                                  kilobytes(result.quantized_bytes()))},
       {"steps", absl::StrCat(result.integer_steps(), " integer, ",
                              result.float_steps(), " float")},
       {"samples", absl::StrCat(result.samples())},
       {"signal to noise",
        result.has_sqnr_db()
            ? absl::StrFormat("%.1f dB against float, on these samples",
                              result.sqnr_db())
            : "no difference to float on these samples"}});
}

absl::Status RunQuantize(const QuantizeFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto calibration,
                         io::ReadNamedTensors(flags.calibration));
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags.connection));
  v1::QuantizeResult result;
  {
    ProgressLine line(&std::cerr, isatty(STDERR_FILENO) != 0);
    OCTET_ASSIGN_OR_RETURN(
        result, client->Quantize(flags.settings, calibration,
                                 [&line](const v1::QuantizeProgress& progress) {
                                   line.Update(progress.phase(),
                                               progress.done(),
                                               progress.total());
                                 }));
  }
  if (flags.connection.json) {
    std::cout << ResultAsJson(result).dump() << "\n";
    return absl::OkStatus();
  }
  std::cout << ResultAsText(result);
  if (!flags.settings.load_when_done()) {
    std::cout << "octet load " << result.model_name() << " puts it to work\n";
  }
  return absl::OkStatus();
}

}  // namespace

void AddQuantizeCommand(CLI::App* app, Action* action) {
  CLI::App* command = app->add_subcommand(
      "quantize",
      "Have the server make an int8 version of a float model of its "
      "repository");
  auto flags = std::make_shared<QuantizeFlags>();
  v1::QuantizeSettings* settings = &flags->settings;
  command
      ->add_option("MODEL", *settings->mutable_model_name(),
                   "The float model's name")
      ->required();
  command
      ->add_option(
          "--calibration", flags->calibration,
          "Samples of an input, once for each one; the first axis counts "
          "them")
      ->required()
      ->type_name("NAME=FILE.npy")
      ->expected(1)
      ->take_all()
      ->check([](const std::string& argument) {
        return std::string(io::ParseNamedFile(argument).status().message());
      });
  command->add_option("--model-version", *settings->mutable_model_version(),
                      "The float model's version [latest]");
  command->add_option("--output-model", *settings->mutable_output_model_name(),
                      "Name to publish the result under, as its next version "
                      "[MODEL]");
  auto method = std::make_shared<std::string>("linear");
  command
      ->add_option("--method", *method,
                   "How ranges are chosen: by the smallest and the largest "
                   "value seen")
      ->check(CLI::IsMember(&Methods()))
      ->capture_default_str();
  auto scheme = std::make_shared<std::string>("asymmetric");
  command
      ->add_option("--activations", *scheme,
                   "Integers for activations: unsigned with a zero point, or "
                   "signed around zero")
      ->check(CLI::IsMember(&Schemes()))
      ->capture_default_str();
  auto load = std::make_shared<bool>(false);
  command->add_flag("--load", *load,
                    "Load the new version as soon as it is there");
  AddConnectionFlags(command, 3600, &flags->connection);
  command->callback([flags, method, scheme, load, action] {
    flags->settings.set_method(Methods().at(*method));
    flags->settings.set_activation_scheme(Schemes().at(*scheme));
    flags->settings.set_load_when_done(*load);
    *action = [flags] { return RunQuantize(*flags); };
  });
}

}  // namespace octet::cli
