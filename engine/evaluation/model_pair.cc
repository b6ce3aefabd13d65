// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/model_pair.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/compile.h"

namespace octet::internal {
namespace {

absl::StatusOr<onnx::ImportedModel> ImportFixed(absl::string_view bytes,
                                                absl::string_view which) {
  absl::StatusOr<onnx::ImportedModel> imported =
      onnx::ImportModel(bytes, ReferenceEvaluator());
  if (!imported.ok()) {
    return absl::Status(
        imported.status().code(),
        absl::StrCat("the ", which, " model: ", imported.status().message()));
  }
  if (imported->staged != nullptr) {
    return absl::UnimplementedError(absl::StrCat(
        "the ", which, " model's shapes are not known before it runs (",
        imported->why_staged,
        "); octet compares models of fixed "
        "shapes"));
  }
  return imported;
}

std::string Describe(const ir::Graph& graph,
                     const std::vector<ir::ValueId>& ids) {
  std::string text;
  for (ir::ValueId id : ids) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", graph.value(id).name, " ",
                    ir::TypeToString(graph.type(id)));
  }
  return text;
}

// Inputs by name, outputs by place: other tools rename those.
absl::Status CheckSameSignature(const ir::Graph& exact,
                                const ir::Graph& rounded) {
  const std::string wanted = Describe(exact, exact.inputs());
  const std::string got = Describe(rounded, rounded.inputs());
  if (wanted != got) {
    return absl::InvalidArgumentError(
        absl::StrCat("the int8 model's inputs are ", got,
                     "; expected the float model's: ", wanted));
  }
  bool same = exact.outputs().size() == rounded.outputs().size();
  for (size_t i = 0; same && i < exact.outputs().size(); ++i) {
    same = exact.type(exact.outputs()[i]) == rounded.type(rounded.outputs()[i]);
  }
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the int8 model's outputs are ", Describe(rounded, rounded.outputs()),
      "; expected the float model's: ", Describe(exact, exact.outputs())));
}

absl::StatusOr<std::shared_ptr<const LoadedModel>> Load(
    const onnx::ImportedModel& imported, int threads) {
  ModelOptions options;
  options.threads = threads;
  options.max_batch = 1;
  return LoadedModel::Create(imported, options);
}

int Find(const std::map<std::string, int>& names, const std::string& name) {
  const auto found = names.find(name);
  return found == names.end() ? -1 : found->second;
}

}  // namespace

absl::StatusOr<ModelPair> ModelPair::Import(absl::string_view exact,
                                            absl::string_view rounded) {
  ModelPair pair;
  OCTET_ASSIGN_OR_RETURN(pair.imported_exact_, ImportFixed(exact, "float"));
  OCTET_ASSIGN_OR_RETURN(pair.imported_rounded_, ImportFixed(rounded, "int8"));
  OCTET_RETURN_IF_ERROR(CheckSameSignature(pair.imported_exact_.graph,
                                           pair.imported_rounded_.graph));
  pair.exact_origins_.emplace(pair.imported_exact_.graph);
  pair.rounded_origins_.emplace(pair.imported_rounded_.graph);
  OCTET_ASSIGN_OR_RETURN(
      pair.exact_, Optimize(pair.imported_exact_.graph, /*exact_qdq=*/false));
  OCTET_ASSIGN_OR_RETURN(pair.rounded_, Optimize(pair.imported_rounded_.graph,
                                                 /*exact_qdq=*/false));
  pair.pairs_ = PairValues({pair.exact_, *pair.exact_origins_},
                           {pair.rounded_, *pair.rounded_origins_});
  for (size_t i = 0; i < pair.pairs_.size(); ++i) {
    const ValuePair& values = pair.pairs_[i];
    const int index = static_cast<int>(i);
    pair.by_exact_name_[pair.exact_.value(values.exact).name] = index;
    pair.by_rounded_name_[pair.rounded_.value(values.rounded).name] = index;
  }
  return pair;
}

int ModelPair::PairOfExactStep(const std::string& output) const {
  const int found = Find(by_exact_name_, output);
  return found >= 0 ? found : Find(by_exact_name_, WithoutLayout(output));
}

int ModelPair::PairOfRoundedStep(const std::string& output) const {
  for (const std::string& name : {output, WithoutLayout(output)}) {
    int found = Find(by_rounded_name_, name);
    if (found >= 0) return found;
    found = Find(by_exact_name_, rounded_origins_->Of(name));
    if (found >= 0) return found;
  }
  return -1;
}

absl::StatusOr<std::shared_ptr<const LoadedModel>> ModelPair::LoadExact(
    int threads) const {
  return Load(imported_exact_, threads);
}

absl::StatusOr<std::shared_ptr<const LoadedModel>> ModelPair::LoadRounded(
    int threads) const {
  return Load(imported_rounded_, threads);
}

}  // namespace octet::internal
