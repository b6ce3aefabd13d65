// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/graph_probe.h"

#include <optional>
#include <utility>

#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/compile.h"

namespace octet::internal {
namespace {

template <typename Integer>
void Dequantize(const std::byte* bytes, const ir::Quantization& quantization,
                std::vector<float>& reals) {
  const auto* integers = reinterpret_cast<const Integer*>(bytes);
  const float scale = quantization.scales[0];
  const int32_t zero_point = quantization.zero_points[0];
  for (size_t i = 0; i < reals.size(); ++i) {
    reals[i] = scale * static_cast<float>(int32_t{integers[i]} - zero_point);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<GraphProbe>> GraphProbe::Create(
    const ir::Graph& graph, int threads) {
  auto probe = std::unique_ptr<GraphProbe>(new GraphProbe(threads));
  // Outputs of a graph, unlike watched values, are in the order of their axes.
  OCTET_ASSIGN_OR_RETURN(ir::Graph lowered, Lower(graph));
  const BackendSet backends(BackendChoice::kDefault);
  OCTET_ASSIGN_OR_RETURN(
      probe->plan_, plan::Plan::Build(lowered.WithRows(1), backends.in_order(),
                                      threads, &probe->weights_));
  probe->arena_ = Tensor(DType::kUInt8,
                         {static_cast<int64_t>(probe->plan_->arena_bytes())});
  for (const plan::PlanTensor& input : probe->plan_->inputs()) {
    // One row with its leading axis is a whole tensor like any other.
    OCTET_ASSIGN_OR_RETURN(
        RowGatherer gatherer,
        RowGatherer::Create(input, /*batches=*/false, std::nullopt));
    probe->gatherers_.push_back(std::move(gatherer));
  }
  OCTET_ASSIGN_OR_RETURN(
      probe->bound_,
      probe->plan_->Bind(probe->arena_.mutable_bytes(), &probe->pool_));
  return probe;
}

absl::Status GraphProbe::Run(absl::Span<const void* const> inputs) {
  OCTET_CHECK(inputs.size() == gatherers_.size());
  for (size_t i = 0; i < gatherers_.size(); ++i) {
    gatherers_[i].Gather(inputs[i], 0, 1,
                         arena_.mutable_bytes() + plan_->inputs()[i].offset);
  }
  return bound_->Run();
}

absl::Span<const float> GraphProbe::Output(size_t index) {
  const plan::PlanTensor& output = plan_->outputs()[index];
  const auto count =
      static_cast<size_t>(ElementCount(ir::ConcreteShape(output.type.dims)));
  const std::byte* bytes = arena_.bytes() + output.offset;
  if (!output.type.quantization) {
    OCTET_CHECK(output.type.dtype == DType::kFloat32);
    return absl::MakeConstSpan(reinterpret_cast<const float*>(bytes), count);
  }
  reals_.resize(count);
  if (output.type.dtype == DType::kInt8) {
    Dequantize<int8_t>(bytes, *output.type.quantization, reals_);
  } else {
    OCTET_CHECK(output.type.dtype == DType::kUInt8);
    Dequantize<uint8_t>(bytes, *output.type.quantization, reals_);
  }
  return reals_;
}

ir::Graph Showing(const ir::Graph& graph,
                  const std::vector<ir::ValueId>& values) {
  ir::Graph showing = graph;
  showing.mutable_outputs() = values;
  return showing.Compacted();
}

}  // namespace octet::internal
