// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_ENGINE_QUANT_SAMPLE_SOURCE_H_
#define OCTET_TESTS_ENGINE_QUANT_SAMPLE_SOURCE_H_

#include <functional>
#include <vector>

#include "engine/quant/calibrate.h"
#include "engine/reference/backend.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {

// Runs `watched` on one of `samples` (each for the graph's first input) a call,
// by the reference loops; further inputs are `further(i)`, flat.
inline ActivationSource SourceOf(
    const WatchedGraph& watched, std::vector<Tensor> samples,
    std::function<absl::Span<const float>(size_t)> further = nullptr) {
  ir::Graph graph = watched.graph.WithRows(1);
  graph.mutable_outputs() = watched.watched;
  auto next = std::make_shared<size_t>(0);
  return [=](const ActivationSink& sink) -> absl::StatusOr<int64_t> {
    if (*next == samples.size()) {
      *next = 0;
      return 0;
    }
    std::vector<Tensor> inputs = {samples[(*next)++]};
    for (size_t i = 1; i < graph.inputs().size(); ++i) {
      Tensor input(DType::kFloat32,
                   ir::ConcreteShape(graph.type(graph.inputs()[i]).dims));
      const auto values = further(i - 1);
      std::copy(values.begin(), values.end(),
                input.mutable_data<float>().begin());
      inputs.push_back(std::move(input));
    }
    const auto backend = reference::CreateReferenceBackend();
    auto outputs = Interpret(graph, *backend, inputs);
    if (!outputs.ok()) return outputs.status();
    for (size_t i = 0; i < outputs->size(); ++i) {
      absl::Status status = sink(i, (*outputs)[i].data<float>());
      if (!status.ok()) return status;
    }
    return 1;
  };
}

}  // namespace octet::quant

#endif  // OCTET_TESTS_ENGINE_QUANT_SAMPLE_SOURCE_H_
