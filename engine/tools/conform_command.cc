// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/tools/command_line.h"
#include "engine/tools/commands.h"
#include "engine/tools/conformance.h"
#include "engine/tools/report.h"
#include "engine/tools/tolerance.h"

namespace octet::tools {
namespace {

struct ConformFlags {
  std::vector<std::string> folders;
  std::string model;
  Tolerance tolerance;
  ModelFlags load;
  bool json = false;
};

absl::StatusOr<std::vector<ConformanceTest>> Find(const ConformFlags& flags) {
  std::vector<ConformanceTest> tests;
  for (const std::string& folder : flags.folders) {
    if (!flags.model.empty()) {
      OCTET_ASSIGN_OR_RETURN(ConformanceTest test,
                             ConformanceTestOf(flags.model, folder));
      tests.push_back(std::move(test));
      continue;
    }
    OCTET_ASSIGN_OR_RETURN(std::vector<ConformanceTest> found,
                           FindConformanceTests(folder));
    for (ConformanceTest& test : found) tests.push_back(std::move(test));
  }
  return tests;
}

absl::Status RunConform(const ConformFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<ConformanceTest> tests, Find(flags));
  std::map<Verdict, int> counts;
  Json list = Json::array();
  for (const ConformanceTest& test : tests) {
    const ConformanceResult result =
        RunConformanceTest(test, flags.load.ToOptions(), flags.tolerance);
    ++counts[result.verdict];
    const std::string verdict(Name(result.verdict));
    list.push_back(
        {{"name", test.name}, {"status", verdict}, {"detail", result.detail}});
    if (flags.json) continue;
    std::printf("%-11s  %s%s%s\n", verdict.c_str(), test.name.c_str(),
                result.detail.empty() ? "" : ": ", result.detail.c_str());
  }
  if (flags.json) {
    PrintJson({{"tests", list}});
  } else {
    std::printf("%d passed, %d failed, %d unsupported\n",
                counts[Verdict::kPass], counts[Verdict::kFail],
                counts[Verdict::kUnsupported]);
  }
  if (counts[Verdict::kFail] == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      counts[Verdict::kFail], " of ", tests.size(), " tests failed"));
}

}  // namespace

void AddConformCommand(CLI::App& app, Command* command) {
  auto flags = std::make_shared<ConformFlags>();
  CLI::App* conform = app.add_subcommand(
      "conform",
      "Run tests laid out as the ONNX project's: model.onnx beside "
      "test_data_set_K/{input,output}_J.pb");
  conform
      ->add_option("folder", flags->folders,
                   "folders; every test at or below them is run")
      ->type_name("DIR")
      ->required();
  conform
      ->add_option("--model", flags->model,
                   "the model that the test_data_set_K of each DIR belong to "
                   "(default: the model.onnx beside them)")
      ->type_name("FILE.onnx");
  conform
      ->add_option("--rtol", flags->tolerance.relative,
                   "float elements may differ by ATOL + RTOL * |expected|; "
                   "integers must be equal")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  conform
      ->add_option("--atol", flags->tolerance.absolute,
                   "see --rtol; in units of the output")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddModelFlags(*conform, &flags->load);
  AddMaxBatchFlag(*conform, &flags->load);
  AddExactQdqFlag(*conform, &flags->load);
  AddJsonFlag(*conform, &flags->json);
  conform->footer(
      "A model that octet does not run is 'unsupported', with the reason, "
      "which is no failure.");
  conform->callback([=] { *command = [=] { return RunConform(*flags); }; });
}

}  // namespace octet::tools
