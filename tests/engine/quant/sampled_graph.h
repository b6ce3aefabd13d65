// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_ENGINE_QUANT_SAMPLED_GRAPH_H_
#define OCTET_TESTS_ENGINE_QUANT_SAMPLED_GRAPH_H_

#include <cmath>
#include <vector>

#include "engine/quant/calibrate.h"
#include "engine/quant/quantization_sites.h"
#include "engine/reference/backend.h"
#include "gtest/gtest.h"
#include "tests/engine/quant/sample_source.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {

// A graph and samples for its input.
struct SampledGraph {
  ir::Graph graph;
  std::vector<Tensor> samples;
};

inline std::vector<SiteStatistics> StatisticsOf(
    const ir::Graph& graph, const std::vector<Tensor>& samples) {
  SiteObserver observer(graph, ChooseSites(graph));
  const auto watched = observer.Watched();
  EXPECT_TRUE(watched.ok()) << watched.status();
  EXPECT_TRUE(observer.Observe(SourceOf(*watched, samples)).ok());
  return *observer.Statistics();
}

// That `changed` computes what the graph of `net` does for its samples.
inline void ExpectSameAnswers(const SampledGraph& net,
                              const ir::Graph& changed) {
  const auto backend = reference::CreateReferenceBackend();
  for (const Tensor& sample : net.samples) {
    const auto a = Interpret(net.graph.WithRows(1), *backend, {sample});
    const auto b = Interpret(changed.WithRows(1), *backend, {sample});
    ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
    ASSERT_EQ(a->size(), b->size());
    for (size_t o = 0; o < a->size(); ++o) {
      for (int64_t i = 0; i < (*a)[o].size(); ++i) {
        const float expected = (*a)[o].data<float>()[i];
        EXPECT_NEAR((*b)[o].data<float>()[i], expected,
                    1e-5f + 1e-5f * std::abs(expected));
      }
    }
  }
}

}  // namespace octet::quant

#endif  // OCTET_TESTS_ENGINE_QUANT_SAMPLED_GRAPH_H_
