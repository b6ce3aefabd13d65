// SPDX-License-Identifier: Apache-2.0
// The ONNX project's operator tests, with each model read and written again by
// octet in between: what the exporter writes must compute what it read.
#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/onnx/exporter.h"
#include "engine/onnx/importer.h"
#include "engine/optimize.h"
#include "engine/tools/conformance.h"
#include "gtest/gtest.h"
#include "tests/testing/catalogue.h"
#include "tests/testing/scratch_folder.h"

namespace octet::tools {
namespace {

// What a file of the exporter's opset cannot say.
constexpr absl::string_view kNotInOpset[] = {
    "bitwise operators came with opset 18",
    "combining by min or max came with opset 18",
    "opset 17 has no such resizing",
    "opset 17 has it for two spatial axes only",
    "its scales do not say its sizes",
    "quantized to 16 bits, which came with opset 21",
    "a dilated average (opset 19)",
    "wraps (opset 19)",
};

bool IsExpected(absl::string_view message) {
  for (const absl::string_view reason : kNotInOpset) {
    if (absl::StrContains(message, reason)) return true;
  }
  return false;
}

class WrittenAgainTest : public testing::TestWithParam<const char*> {};

TEST_P(WrittenAgainTest, OperatorTestsPassAsBefore) {
  const std::string folder =
      absl::StrCat(SharedFolder(), "/conformance/", GetParam());
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << "the ONNX operator tests are not there: " << folder;
  }
  const auto tests = FindConformanceTests(folder);
  ASSERT_TRUE(tests.ok()) << tests.status();
  const ScratchFolder scratch;
  int written = 0;
  for (ConformanceTest test : *tests) {
    const auto model =
        onnx::ImportModelFile(test.model, internal::ReferenceEvaluator());
    // What the importer refuses, and what it reads in stages, is not written.
    if (!model.ok() || model->staged != nullptr) continue;
    const auto bytes = onnx::ExportModel(model->graph);
    if (!bytes.ok()) {
      EXPECT_TRUE(IsExpected(bytes.status().message()))
          << test.name << ": " << bytes.status();
      continue;
    }
    const Verdict original = RunConformanceTest(test, {}, {}).verdict;
    test.model = scratch.path() + "/model.onnx";
    scratch.Write("model.onnx", *bytes);
    const ConformanceResult result = RunConformanceTest(test, {}, {});
    EXPECT_EQ(Name(result.verdict), Name(original))
        << test.name << ": " << result.detail;
    ++written;
  }
  // Staged models are a third of the folder with the most of them.
  EXPECT_GT(written, static_cast<int>(tests->size()) * 3 / 5);
}

INSTANTIATE_TEST_SUITE_P(Folders, WrittenAgainTest,
                         testing::Values("node", "node-constant-weights",
                                         "pytorch-converted",
                                         "pytorch-operator"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace octet::tools
