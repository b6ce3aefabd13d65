// SPDX-License-Identifier: Apache-2.0
#include "engine/compile.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onednn/backend.h"
#include "engine/passes/fold_constants.h"
#include "engine/passes/lower_channels_last.h"
#include "engine/passes/remove_no_ops.h"
#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "engine/simd/cpu_features.h"

namespace octet::internal {
namespace {

// The outputs of `node`, whose inputs are constants, by plain loops.
absl::StatusOr<std::vector<Tensor>> Evaluate(const ir::Graph& graph,
                                             const ir::Node& node) {
  static const auto* backend = reference::CreateReferenceBackend().release();
  std::vector<Tensor> results;
  std::vector<std::byte*> outputs;
  for (ir::ValueId id : node.outputs) {
    const ir::TensorType& type = graph.type(id);
    if (ir::HasRows(type.dims)) {
      return absl::UnimplementedError("a constant with rows");
    }
    results.emplace_back(type.dtype, ir::ConcreteShape(type.dims));
    outputs.push_back(results.back().mutable_bytes());
  }
  if (std::all_of(results.begin(), results.end(),
                  [](const Tensor& tensor) { return tensor.size() == 0; })) {
    return results;
  }
  plan::WeightCache weights;
  OCTET_ASSIGN_OR_RETURN(std::unique_ptr<plan::Step> step,
                         backend->CreateStep({graph, node, 1, &weights}));
  std::vector<const std::byte*> inputs;
  for (ir::ValueId id : node.inputs) {
    inputs.push_back(graph.value(id).constant->bytes());
  }
  Tensor scratch(DType::kUInt8, {static_cast<int64_t>(step->scratch_bytes())});
  ThreadPool pool(1);
  OCTET_ASSIGN_OR_RETURN(
      std::unique_ptr<plan::BoundStep> bound,
      step->Bind({inputs, outputs, scratch.mutable_bytes(), &pool}));
  OCTET_RETURN_IF_ERROR(bound->Run());
  return results;
}

// The products of integers that oneDNN is asked for before our own kernels:
// what it computes faster on this machine. Any choice gives the same sums, ours
// the reference's bytes too. product-bench (tests/bench) compares the two.
onednn::BackendOptions::IntegerProducts ProductsOfOneDnn() {
  using Products = onednn::BackendOptions::IntegerProducts;
  if (!onednn::IntegerProductsAreExact()) return Products::kNone;
  switch (simd::ActiveIsa()) {
    case simd::Isa::kAmxInt8:  // ours have no tiles
      return Products::kDense;
    case simd::Isa::kAvx512Vnni:
      return Products::kNone;
    default:
      return Products::kAll;
  }
}

}  // namespace

BackendSet::BackendSet(BackendChoice choice) {
  if (choice == BackendChoice::kDefault) {
    using Products = onednn::BackendOptions::IntegerProducts;
    const Products products = ProductsOfOneDnn();
    owned_.push_back(onednn::CreateOneDnnBackend({products}));
    owned_.push_back(simd::CreateSimdBackend());
    if (!onednn::IntegerProductsAreExact()) {
      std::swap(owned_[0], owned_[1]);
    } else if (products != Products::kAll) {
      // What ours have no kernel for.
      owned_.push_back(onednn::CreateOneDnnBackend({Products::kAll}));
    }
  }
  owned_.push_back(reference::CreateReferenceBackend());
  for (const auto& backend : owned_) in_order_.push_back(backend.get());
}

passes::PassContext ReferenceContext() { return {Evaluate}; }

absl::StatusOr<ir::Graph> OptimizeFloat(ir::Graph graph) {
  return passes::RunPasses(std::move(graph), passes::FloatPasses(),
                           ReferenceContext());
}

absl::StatusOr<ir::Graph> Optimize(ir::Graph graph, bool exact_qdq) {
  OCTET_ASSIGN_OR_RETURN(graph, OptimizeFloat(std::move(graph)));
  if (IsQuantized(graph)) {
    if (!exact_qdq) {
      OCTET_ASSIGN_OR_RETURN(
          graph, passes::RunPasses(std::move(graph), passes::IntegerPasses(),
                                   ReferenceContext()));
    }
    // Weights that no integer operator took become float constants.
    const passes::Pass rest[] = {
        {"fold_dequantized_constants", passes::FoldDequantizedConstants}};
    OCTET_ASSIGN_OR_RETURN(
        graph, passes::RunPasses(std::move(graph), rest, ReferenceContext()));
  }
  return passes::RunPasses(std::move(graph), passes::RecognitionPasses(),
                           ReferenceContext());
}

absl::StatusOr<ir::Graph> Lower(const ir::Graph& graph,
                                absl::Span<const ir::ValueId> watched) {
  OCTET_ASSIGN_OR_RETURN(ir::Graph lowered,
                         passes::LowerChannelsLast(graph, watched));
  const passes::Pass clean_up[] = {{"remove_no_ops", passes::RemoveNoOps}};
  return passes::RunPasses(std::move(lowered), clean_up, ReferenceContext());
}

bool IsQuantized(const ir::Graph& graph) {
  return std::any_of(graph.values().begin(), graph.values().end(),
                     [](const ir::Value& value) {
                       return value.type.quantization.has_value();
                     });
}

bool ComputesInIntegers(const ir::Graph& graph, const ir::Node& node) {
  const bool arithmetic = std::holds_alternative<ir::Conv>(node.op) ||
                          std::holds_alternative<ir::MatMul>(node.op) ||
                          std::holds_alternative<ir::Binary>(node.op) ||
                          std::holds_alternative<ir::Pool>(node.op) ||
                          std::holds_alternative<ir::GlobalPool>(node.op);
  return arithmetic && graph.type(node.inputs[0]).quantization.has_value();
}

absl::StatusOr<std::string> ReadModelFile(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    return absl::NotFoundError(absl::StrCat("no model file at ", path));
  }
  if (!fs::is_regular_file(status)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no regular file; expected an ONNX model"));
  }
  // Protobuf's own limit.
  constexpr uintmax_t kLargest = std::numeric_limits<int32_t>::max();
  const uintmax_t size = fs::file_size(path, error);
  if (error || size > kLargest) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " has ", size, " bytes; expected at most ", kLargest,
                     " (larger models keep their weights in external data)"));
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes(size, '\0');
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return absl::DataLossError(absl::StrCat("can't read ", path));
  }
  return bytes;
}

}  // namespace octet::internal
