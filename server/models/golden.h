// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_GOLDEN_H_
#define OCTET_SERVER_MODELS_GOLDEN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/contained_files.h"
#include "engine/engine.h"
#include "server/models/engine_functions.h"

// Golden inputs: a few rows and the answers to them, recorded when a version is
// published and checked whenever it is loaded, so that a version that computes
// something else here never serves.
//
// They are in the version's folder: golden/input_<i>.npy and
// golden/output_<i>.npy, in the model's order, of shape [rows, row_shape...].
namespace octet {

// The folder of a version that they are in.
inline constexpr char kGoldenFolder[] = "golden";

// The rows recorded at most.
inline constexpr int64_t kMostGoldenRows = 4;

// How far an answer may be from the recorded one, as a fraction of the
// output's largest recorded magnitude. Integer steps give the same bytes on
// all machines; the float steps of a quantized model may round the other way,
// which moves what follows by whole steps of a scale, so that is given some
// steps of a 255-step range.
inline constexpr double kGoldenFloatTolerance = 1e-3;
inline constexpr double kGoldenQuantizedTolerance = 1.0 / 16;

// A file of a version; its path is relative to the version's folder.
struct GoldenFile {
  std::string path;
  std::string bytes;
};

// Runs `model`, loaded without input forms, on the first rows of `samples`,
// which are as Quantize() takes them, and returns the files.
// INVALID_ARGUMENT where the samples do not fit the model.
absl::StatusOr<std::vector<GoldenFile>> RecordGolden(
    const EngineFunctions& engine, std::shared_ptr<const Model> model,
    absl::Span<const NamedTensor> samples);

// Whether the version in `folder` of `repository` has golden inputs.
bool HasGolden(const ContainedFiles& repository, const std::string& folder);

// Runs `model`, loaded without input forms, on the golden inputs in `folder`.
//   FAILED_PRECONDITION  an answer differs: where, by how much, what is allowed
//   INVALID_ARGUMENT     the files do not fit the model
//   DATA_LOSS            they are no .npy files
absl::Status CheckGolden(const EngineFunctions& engine,
                         std::shared_ptr<const Model> model,
                         const ContainedFiles& repository,
                         const std::string& folder);

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_GOLDEN_H_
