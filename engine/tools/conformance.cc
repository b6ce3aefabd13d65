// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/conformance.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/io/file.h"
#include "engine/tools/child_process.h"
#include "engine/tools/report.h"
#include "engine/tools/run_model.h"

namespace octet::tools {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kDataSetPrefix = "test_data_set_";

// The number K of a name PREFIX + K + SUFFIX, if that is what it is.
bool NumberOf(absl::string_view name, absl::string_view prefix,
              absl::string_view suffix, int* number) {
  return absl::ConsumePrefix(&name, prefix) &&
         absl::ConsumeSuffix(&name, suffix) && absl::SimpleAtoi(name, number);
}

// Entries of `folder` called PREFIX + K + SUFFIX, by K.
absl::StatusOr<std::map<int, std::string>> Numbered(const fs::path& folder,
                                                    absl::string_view prefix,
                                                    absl::string_view suffix) {
  std::error_code error;
  std::map<int, std::string> found;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    int number = 0;
    if (NumberOf(entry->path().filename().string(), prefix, suffix, &number)) {
      found[number] = entry->path();
    }
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot list ", folder.string(), ": ", error.message()));
  }
  return found;
}

// The last named part of a path that may end in a slash.
std::string BaseName(const std::string& folder) {
  const fs::path path = fs::path(folder).lexically_normal();
  return path.has_filename() ? path.filename() : path.parent_path().filename();
}

// Tensors of input_K.pb or output_K.pb in the order of `specs`: by the name in
// the file where it is one of the model's, else by K.
absl::StatusOr<std::vector<NamedTensor>> ReadTensors(
    const std::string& folder, absl::string_view prefix,
    const std::vector<TensorSpec>& specs) {
  OCTET_ASSIGN_OR_RETURN(const auto files, Numbered(folder, prefix, ".pb"));
  std::vector<NamedTensor> tensors;
  for (const auto& [number, path] : files) {
    OCTET_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path));
    absl::StatusOr<NamedTensor> tensor = ParseTensorProto(bytes);
    if (!tensor.ok()) return InContextOf(path, tensor.status());
    const bool named = std::any_of(
        specs.begin(), specs.end(),
        [&](const TensorSpec& spec) { return spec.name == tensor->name; });
    if (!named) {
      if (number < 0 || number >= static_cast<int>(specs.size())) {
        return absl::InvalidArgumentError(
            absl::StrCat(path, " is for number ", number,
                         "; the model has only ", specs.size()));
      }
      tensor->name = specs[number].name;
    }
    tensors.push_back(*std::move(tensor));
  }
  return tensors;
}

absl::Status RunDataSet(const std::shared_ptr<const Model>& model,
                        const std::string& folder, const Tolerance& tolerance) {
  OCTET_ASSIGN_OR_RETURN(const std::vector<NamedTensor> inputs,
                         ReadTensors(folder, "input_", model->inputs()));
  OCTET_ASSIGN_OR_RETURN(const std::vector<NamedTensor> expected,
                         ReadTensors(folder, "output_", model->outputs()));
  if (expected.empty()) {
    return absl::NotFoundError(
        absl::StrCat(folder, " has no output_K.pb to compare with"));
  }
  OCTET_ASSIGN_OR_RETURN(const ModelAnswer answer, RunModel(model, inputs));
  for (const NamedTensor& wanted : expected) {
    for (const NamedTensor& got : answer.outputs) {
      if (got.name != wanted.name) continue;
      const absl::Status close =
          CheckClose(got.tensor, wanted.tensor, tolerance);
      if (!close.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("output '", got.name, "': ", close.message()));
      }
    }
  }
  return absl::OkStatus();
}

ConformanceResult RunHere(const ConformanceTest& test,
                          const ModelOptions& options,
                          const Tolerance& tolerance) {
  const auto model = Model::FromFile(test.model, options);
  if (!model.ok()) {
    const bool unsupported = absl::IsUnimplemented(model.status());
    return {unsupported ? Verdict::kUnsupported : Verdict::kFail,
            absl::StrCat("load: ", model.status().message())};
  }
  for (const std::string& folder : test.data_sets) {
    const absl::Status status = RunDataSet(*model, folder, tolerance);
    if (!status.ok()) {
      return {absl::IsUnimplemented(status) ? Verdict::kUnsupported
                                            : Verdict::kFail,
              absl::StrCat(BaseName(folder), ": ", status.message())};
    }
  }
  return {Verdict::kPass, ""};
}

absl::StatusOr<std::vector<std::string>> DataSetsOf(const fs::path& folder) {
  OCTET_ASSIGN_OR_RETURN(const auto numbered,
                         Numbered(folder, kDataSetPrefix, ""));
  std::vector<std::string> folders;
  for (const auto& [number, path] : numbered) folders.push_back(path);
  return folders;
}

}  // namespace

absl::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "pass";
    case Verdict::kFail:
      return "fail";
    case Verdict::kUnsupported:
      return "unsupported";
  }
  OCTET_CHECK(false);
}

absl::StatusOr<std::vector<ConformanceTest>> FindConformanceTests(
    const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> candidates = {folder};
  fs::recursive_directory_iterator entry(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator();
       entry.increment(error)) {
    if (entry->is_directory(error)) candidates.push_back(entry->path());
  }
  if (error) {
    return absl::NotFoundError(
        absl::StrCat("cannot list ", folder, ": ", error.message()));
  }
  std::vector<ConformanceTest> tests;
  for (const fs::path& candidate : candidates) {
    const fs::path model = candidate / "model.onnx";
    if (!fs::exists(model, error)) continue;
    OCTET_ASSIGN_OR_RETURN(std::vector<std::string> data_sets,
                           DataSetsOf(candidate));
    if (data_sets.empty()) continue;
    const std::string name = candidate.lexically_relative(folder);
    tests.push_back(
        {name == "." ? BaseName(folder) : name, model, std::move(data_sets)});
  }
  if (tests.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no test in ", folder,
        "; expected folders with a model.onnx and test_data_set_0"));
  }
  std::sort(tests.begin(), tests.end(),
            [](const ConformanceTest& a, const ConformanceTest& b) {
              return a.name < b.name;
            });
  return tests;
}

absl::StatusOr<ConformanceTest> ConformanceTestOf(const std::string& model,
                                                  const std::string& folder) {
  OCTET_ASSIGN_OR_RETURN(std::vector<std::string> data_sets,
                         DataSetsOf(folder));
  if (data_sets.empty()) {
    return absl::NotFoundError(absl::StrCat("no test_data_set_0 in ", folder));
  }
  return ConformanceTest{BaseName(folder), model, std::move(data_sets)};
}

ConformanceResult RunConformanceTest(const ConformanceTest& test,
                                     const ModelOptions& options,
                                     const Tolerance& tolerance) {
  // The child answers with a digit for the verdict, then the detail.
  const absl::StatusOr<std::string> answer = CallInChild([&] {
    const ConformanceResult result = RunHere(test, options, tolerance);
    return absl::StrCat(static_cast<int>(result.verdict), result.detail);
  });
  if (!answer.ok()) {
    return {Verdict::kFail, std::string(answer.status().message())};
  }
  if (answer->empty()) return {Verdict::kFail, "ended without an answer"};
  return {static_cast<Verdict>(answer->front() - '0'), answer->substr(1)};
}

}  // namespace octet::tools
