// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_ENGINE_FUNCTIONS_H_
#define OCTET_SERVER_MODELS_ENGINE_FUNCTIONS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/engine.h"
#include "engine/evaluation/evaluation.h"

namespace octet {

// What the server asks of the engine. server/main hands in the engine's own
// functions; tests hand in fakes.
//
// Each function is thread-safe and documented in engine/engine.h or
// engine/evaluation/evaluation.h.
struct EngineFunctions {
  // Model::FromFile.
  std::function<absl::StatusOr<std::shared_ptr<const Model>>(
      const std::string& path, const ModelOptions& options)>
      load;

  // Model::FromBytes.
  std::function<absl::StatusOr<std::shared_ptr<const Model>>(
      absl::string_view bytes, const ModelOptions& options)>
      load_bytes;

  // Executor::Create.
  std::function<absl::StatusOr<std::unique_ptr<Executor>>(
      std::shared_ptr<const Model> model)>
      make_executor;

  // octet::Quantize.
  std::function<absl::StatusOr<QuantizationResult>(
      absl::string_view bytes, absl::Span<const NamedTensor> calibration,
      const QuantizationOptions& options, QuantizationObserver* observer)>
      quantize;

  // octet::MakeSyntheticSamples.
  std::function<absl::StatusOr<SyntheticSamples>(
      absl::string_view bytes, absl::Span<const InputRange> ranges)>
      make_synthetic_samples;

  // octet::Evaluate.
  std::function<absl::StatusOr<ModelEvaluation>(
      absl::string_view exact, absl::string_view rounded,
      absl::Span<const NamedTensor> samples, const EvaluationOptions& options,
      QuantizationObserver* observer)>
      evaluate;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_ENGINE_FUNCTIONS_H_
