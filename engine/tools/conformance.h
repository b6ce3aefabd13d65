// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_CONFORMANCE_H_
#define OCTET_ENGINE_TOOLS_CONFORMANCE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/engine.h"
#include "engine/tools/tolerance.h"

// Tests laid out as the ONNX project's: a model and folders test_data_set_K of
// input_J.pb and output_J.pb, each a serialized TensorProto.
namespace octet::tools {

struct ConformanceTest {
  std::string name;   // path below the folder that was searched
  std::string model;  // path of the ONNX file
  std::vector<std::string> data_sets;  // paths of the folders, in order
};

// Every folder at or below `folder` that holds a model.onnx and
// test_data_set_*, by name. NOT_FOUND when there is no such folder, or no test
// in it.
absl::StatusOr<std::vector<ConformanceTest>> FindConformanceTests(
    const std::string& folder);

// The test_data_set_* of `folder` as one test of `model`. NOT_FOUND when there
// are none.
absl::StatusOr<ConformanceTest> ConformanceTestOf(const std::string& model,
                                                  const std::string& folder);

enum class Verdict { kPass, kFail, kUnsupported };

// "pass", "fail", "unsupported".
absl::string_view Name(Verdict verdict);

struct ConformanceResult {
  Verdict verdict = Verdict::kFail;
  std::string detail;  // "" when passed
};

// Loads the model and runs it on every data set, whole tensors as they are.
// kUnsupported when the engine says UNIMPLEMENTED of it; everything else
// that goes wrong, a crash included, is kFail with its reason.
// REQUIRES: the process has no other thread.
ConformanceResult RunConformanceTest(const ConformanceTest& test,
                                     const ModelOptions& options,
                                     const Tolerance& tolerance);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_CONFORMANCE_H_
