// SPDX-License-Identifier: Apache-2.0
#include "engine/optimize.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/ir/work.h"
#include "engine/passes/fold_constants.h"
#include "engine/passes/lower_channels_last.h"
#include "engine/passes/remove_no_ops.h"
#include "engine/passes/spread_conv_transpose.h"
#include "engine/plan/step.h"
#include "engine/plan/weight_cache.h"
#include "engine/reference/backend.h"

namespace octet::internal {
namespace {

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
constexpr double kFreeBytes = int64_t{1} << 20;
constexpr double kFreeWork = int64_t{1} << 20;
#else
constexpr double kFreeBytes = int64_t{1} << 30;
constexpr double kFreeWork = int64_t{1} << 28;
#endif
constexpr double kBytesPerConstantByte = 8;
constexpr double kWorkPerConstantElement = 16;

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

// What evaluations may still cost.
struct Budget {
  double bytes = 0;
  double work = 0;

  // Takes what `node` costs; false, and nothing taken, where it is too much.
  bool Take(const ir::Graph& graph, const ir::Node& node) {
    std::vector<ir::TensorType> inputs;
    for (ir::ValueId id : node.inputs) inputs.push_back(graph.type(id));
    std::vector<ir::TensorType> outputs;
    double result_bytes = 0;
    for (ir::ValueId id : node.outputs) {
      outputs.push_back(graph.type(id));
      // Evaluate() refuses those at no cost.
      if (ir::HasRows(outputs.back().dims)) return true;
      const Shape shape = ir::ConcreteShape(outputs.back().dims);
      result_bytes += static_cast<double>(ElementCount(shape)) *
                      static_cast<double>(SizeOf(outputs.back().dtype));
    }
    const double node_work = ir::WorkOf(node.op, inputs, outputs);
    if (result_bytes > bytes || node_work > work) return false;
    bytes -= result_bytes;
    work -= node_work;
    return true;
  }
};

Budget BudgetFor(const ir::Graph& graph) {
  double bytes = 0;
  double elements = 0;
  absl::flat_hash_set<const std::byte*> seen;
  for (const ir::Value& value : graph.values()) {
    if (!value.is_constant() || !seen.insert(value.constant->bytes()).second) {
      continue;
    }
    bytes += static_cast<double>(value.constant->byte_size());
    elements += static_cast<double>(value.constant->size());
  }
  return {kFreeBytes + kBytesPerConstantByte * bytes,
          kFreeWork + kWorkPerConstantElement * elements};
}

absl::StatusOr<ir::Graph> RunFloatPasses(ir::Graph graph,
                                         const passes::PassContext& context) {
  return passes::RunPasses(std::move(graph), passes::FloatPasses(), context);
}

}  // namespace

ir::Evaluator ReferenceEvaluator() { return Evaluate; }

passes::PassContext ReferenceContext(const ir::Graph& graph) {
  auto budget = std::make_shared<Budget>(BudgetFor(graph));
  const double max_constant_bytes = budget->bytes;
  return {
      [budget](const ir::Graph& graph,
               const ir::Node& node) -> absl::StatusOr<std::vector<Tensor>> {
        if (!budget->Take(graph, node)) {
          return absl::UnimplementedError("it costs too much here");
        }
        return Evaluate(graph, node);
      },
      max_constant_bytes};
}

absl::StatusOr<ir::Graph> OptimizeFloat(ir::Graph graph) {
  const passes::PassContext context = ReferenceContext(graph);
  return RunFloatPasses(std::move(graph), context);
}

absl::StatusOr<ir::Graph> OptimizeFloatForQLinear(ir::Graph graph) {
  const passes::PassContext context = ReferenceContext(graph);
  return passes::RunPasses(std::move(graph), passes::FloatPassesForQLinear(),
                           context);
}

absl::StatusOr<ir::Graph> FuseIntoQLinear(ir::Graph quantized) {
  const passes::PassContext context = ReferenceContext(quantized);
  return passes::RunPasses(std::move(quantized), passes::QLinearPasses(),
                           context);
}

absl::StatusOr<ir::Graph> Optimize(ir::Graph graph, bool exact_qdq) {
  const passes::PassContext context = ReferenceContext(graph);
  OCTET_ASSIGN_OR_RETURN(graph, RunFloatPasses(std::move(graph), context));
  if (IsQuantized(graph)) {
    if (!exact_qdq) {
      OCTET_ASSIGN_OR_RETURN(
          graph, passes::RunPasses(std::move(graph), passes::IntegerPasses(),
                                   context));
    }
    // Weights that no integer operator took become float constants.
    const passes::Pass rest[] = {
        {"fold_dequantized_constants", passes::FoldDequantizedConstants}};
    OCTET_ASSIGN_OR_RETURN(graph,
                           passes::RunPasses(std::move(graph), rest, context));
  }
  return passes::RunPasses(std::move(graph), passes::RecognitionPasses(),
                           context);
}

absl::StatusOr<ir::Graph> Lower(const ir::Graph& graph,
                                absl::Span<const ir::ValueId> watched) {
  OCTET_ASSIGN_OR_RETURN(ir::Graph lowered,
                         passes::LowerChannelsLast(graph, watched));
  const passes::PassContext context = ReferenceContext(lowered);
  const passes::Pass clean_up[] = {
      {"spread_conv_transpose", passes::SpreadConvTranspose},
      {"remove_no_ops", passes::RemoveNoOps}};
  return passes::RunPasses(std::move(lowered), clean_up, context);
}

bool IsQuantized(const ir::Graph& graph) {
  return std::any_of(graph.values().begin(), graph.values().end(),
                     [](const ir::Value& value) {
                       return value.type.quantization.has_value();
                     });
}

bool ComputesInIntegers(const ir::Graph& graph, const ir::Node& node) {
  if (std::holds_alternative<ir::Recurrent>(node.op)) {
    return graph.type(node.inputs[1]).quantization.has_value();
  }
  const bool arithmetic = std::holds_alternative<ir::Conv>(node.op) ||
                          std::holds_alternative<ir::MatMul>(node.op) ||
                          std::holds_alternative<ir::Binary>(node.op) ||
                          std::holds_alternative<ir::LookUp>(node.op) ||
                          std::holds_alternative<ir::Pool>(node.op) ||
                          std::holds_alternative<ir::GlobalPool>(node.op);
  return arithmetic && graph.type(node.inputs[0]).quantization.has_value();
}

}  // namespace octet::internal
