// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_MODEL_PAIR_H_
#define OCTET_ENGINE_EVALUATION_MODEL_PAIR_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/evaluation/value_pairs.h"
#include "engine/ir/graph.h"
#include "engine/loaded_model.h"
#include "engine/onnx/importer.h"

namespace octet::internal {

// A float model and its int8 version, as graphs whose values are linked.
// Immutable.
class ModelPair {
 public:
  // INVALID_ARGUMENT where the signatures differ, UNIMPLEMENTED for shapes that
  // are not known before a run; otherwise as Model::FromBytes().
  static absl::StatusOr<ModelPair> Import(absl::string_view exact,
                                          absl::string_view rounded);

  // Optimized, with constants; channels first.
  const ir::Graph& exact() const { return exact_; }
  const ir::Graph& rounded() const { return rounded_; }
  const std::vector<ValuePair>& pairs() const { return pairs_; }

  // The index in pairs() of the value that a step of either plan computes, by
  // the name of its output; -1 for what is in no pair.
  int PairOfExactStep(const std::string& output) const;
  int PairOfRoundedStep(const std::string& output) const;

  // Loaded for one row a run.
  absl::StatusOr<std::shared_ptr<const LoadedModel>> LoadExact(
      int threads) const;
  absl::StatusOr<std::shared_ptr<const LoadedModel>> LoadRounded(
      int threads) const;

 private:
  ModelPair() = default;

  onnx::ImportedModel imported_exact_;
  onnx::ImportedModel imported_rounded_;
  ir::Graph exact_;
  ir::Graph rounded_;
  std::optional<NameOrigins> exact_origins_;
  std::optional<NameOrigins> rounded_origins_;
  std::vector<ValuePair> pairs_;
  std::map<std::string, int> by_exact_name_;
  std::map<std::string, int> by_rounded_name_;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_EVALUATION_MODEL_PAIR_H_
