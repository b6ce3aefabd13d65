// SPDX-License-Identifier: Apache-2.0
#include "engine/match_batch_norms.h"

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "engine/loaded_model.h"
#include "engine/optimize.h"
#include "engine/quant/calibrate.h"
#include "engine/quantization_search.h"
#include "engine/reference/backend.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet::internal {
namespace {

using ir::ValueId;

constexpr int64_t kChannels = 4;

struct NormNet {
  onnx::ImportedModel imported;
  NamedTensor samples;
};

ValueId AddNorm(GraphBuilder& b, const std::string& name, ValueId x,
                uint32_t seed) {
  return b.Node(
      name, ir::BatchNorm{},
      {x, b.Constant(name + "_gamma", RandomFloats({kChannels}, seed, 0.5f, 2)),
       b.Constant(name + "_beta", RandomFloats({kChannels}, seed + 1)),
       b.Constant(name + "_mean", RandomFloats({kChannels}, seed + 2)),
       b.Constant(name + "_variance",
                  RandomFloats({kChannels}, seed + 3, 0.5f, 4))});
}

// Two convolutions, a batch norm behind each, and samples of a range that these
// were not made for.
NormNet TwoNorms() {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3, 8, 8}));
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  const ValueId first = AddNorm(
      b, "first",
      b.Node("a", conv, {x, b.Constant("a_w", RandomFloats({4, 3, 3, 3}, 1))}),
      10);
  const ValueId relu = b.Node("relu", ir::Clamp{kRelu}, {first});
  const ValueId second =
      AddNorm(b, "second",
              b.Node("c", conv,
                     {relu, b.Constant("c_w", RandomFloats({4, 4, 3, 3}, 2))}),
              20);
  ir::Conv last;
  last.window = WindowOf({1, 1});
  b.Output(b.Node("y", last,
                  {second, b.Constant("y_w", RandomFloats({2, 4, 1, 1}, 3))}));
  NormNet net;
  net.imported.graph = b.Build();
  net.imported.batches = true;
  net.samples = {"x", RandomFloats({32, 3, 8, 8}, 4, 5, 25)};
  return net;
}

struct Ran {
  std::shared_ptr<const LoadedModel> model;
  std::shared_ptr<const SampleSource> source;
  CalibrationRun run;
  SampleRuns runs;
};

Ran RunOf(const NormNet& net) {
  ModelOptions options;
  options.max_batch = 1;
  auto model = LoadedModel::Create(net.imported, options);
  EXPECT_TRUE(model.ok()) << model.status();
  auto source =
      std::make_shared<TensorSamples>(absl::MakeConstSpan(&net.samples, 1));
  auto run = CalibrationRun::Create(**model, *source);
  EXPECT_TRUE(run.ok()) << run.status();
  Ran ran{*model, std::move(source), *std::move(run), {}};
  ran.runs.batches = true;
  for (int64_t i = 0; i < ran.run.samples(); ++i) ran.runs.samples.push_back(i);
  return ran;
}

TEST(MatchBatchNormsTest, ResultsHaveTheMomentsThatTheFileTells) {
  const NormNet net = TwoNorms();
  const Ran ran = RunOf(net);
  const auto matched = MatchBatchNorms(net.imported.graph, ran.run, ran.runs,
                                       OptimizeFloat, nullptr);
  ASSERT_TRUE(matched.ok()) << matched.status();
  EXPECT_EQ(matched->batch_norms, 2);
  const quant::QuantizationSites sites = quant::ChooseSites(matched->matched);
  quant::SiteObserver observer(matched->matched, sites);
  const auto watched = observer.Watched();
  ASSERT_TRUE(watched.ok()) << watched.status();
  const auto source = ran.run.ActivationsOf(*watched, ran.runs);
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_TRUE(observer.Observe(*source).ok());
  const auto statistics = observer.Statistics();
  ASSERT_TRUE(statistics.ok());
  // Sites are x, relu, second.
  ASSERT_EQ(statistics->size(), 3);
  const quant::ChannelStatistics& channels = (*statistics)[2].channels;
  const Tensor gamma = RandomFloats({kChannels}, 20, 0.5f, 2);
  const Tensor beta = RandomFloats({kChannels}, 21);
  for (int c = 0; c < kChannels; ++c) {
    const double mean = channels.means[c];
    EXPECT_NEAR(mean, beta.data<float>()[c], 1e-3);
    EXPECT_NEAR(std::sqrt(channels.mean_squares[c] - mean * mean),
                gamma.data<float>()[c], 2e-3);
  }
}

TEST(MatchBatchNormsTest, TheGraphToQuantizeIsTheModelsOwn) {
  const NormNet net = TwoNorms();
  const Ran ran = RunOf(net);
  const auto matched = MatchBatchNorms(net.imported.graph, ran.run, ran.runs,
                                       OptimizeFloat, nullptr);
  ASSERT_TRUE(matched.ok()) << matched.status();
  const auto optimized = OptimizeFloat(net.imported.graph);
  ASSERT_TRUE(optimized.ok());
  const auto backend = reference::CreateReferenceBackend();
  const Tensor sample = net.samples.tensor.Rows(0, 1);
  const auto expected = Interpret(optimized->WithRows(1), *backend, {sample});
  const auto got = Interpret(matched->graph.WithRows(1), *backend, {sample});
  ASSERT_TRUE(expected.ok() && got.ok());
  EXPECT_THAT((*got)[0].data<float>(),
              testing::ElementsAreArray((*expected)[0].data<float>()));
}

TEST(MatchBatchNormsTest, AModelWithoutThemStaysAsItIs) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({3}));
  b.Output(
      b.Node("y", ir::MatMul{}, {x, b.Constant("w", RandomFloats({3, 2}, 1))}));
  NormNet net;
  net.imported.graph = b.Build();
  net.imported.batches = true;
  net.samples = {"x", RandomFloats({4, 3}, 2)};
  const Ran ran = RunOf(net);
  const auto matched = MatchBatchNorms(net.imported.graph, ran.run, ran.runs,
                                       OptimizeFloat, nullptr);
  ASSERT_TRUE(matched.ok()) << matched.status();
  EXPECT_EQ(matched->batch_norms, 0);
}

// Samples that are ten times what the model was trained on give scales ten
// times too coarse, unless the batch norms have their say.
TEST(MatchBatchNormsTest, RangesAreThoseOfTheTrainingDataWhateverTheSamples) {
  const NormNet net = TwoNorms();
  const Ran ran = RunOf(net);
  const auto matched = MatchBatchNorms(net.imported.graph, ran.run, ran.runs,
                                       OptimizeFloat, nullptr);
  ASSERT_TRUE(matched.ok()) << matched.status();
  const QuantizationOptions options;
  QuantizationSearch search(net.imported, ran.model, ran.run, options, nullptr);
  const auto plain = search.Run(matched->graph);
  QuantizationSearch again(net.imported, ran.model, ran.run, options, nullptr);
  const auto informed = again.Run(matched->graph, matched->matched);
  ASSERT_TRUE(plain.ok() && informed.ok());
  // The site "second": gamma is at most 2 and beta 1, and uniform noise through
  // a convolution reaches less than 6 deviations; with room for tails.
  EXPECT_LT(informed->chosen.parameters.schemes[2].scale, 1.25f * 26 / 255);
  EXPECT_GT(plain->chosen.parameters.schemes[2].scale,
            3 * informed->chosen.parameters.schemes[2].scale);
  // Biases are corrected in the units of the model's own weights: by less than
  // a step of its data times the sum of a channel's weights.
  for (size_t i = 0; i < informed->chosen.graph.nodes().size(); ++i) {
    const ir::Node& node = informed->chosen.graph.nodes()[i];
    if (!std::holds_alternative<ir::Conv>(node.op)) continue;
    const ir::Node& before = matched->graph.nodes()[i];
    if (before.inputs.size() < 3) continue;
    const auto bias =
        informed->chosen.graph.value(node.inputs[2]).constant->data<float>();
    const auto old =
        matched->graph.value(before.inputs[2]).constant->data<float>();
    for (size_t c = 0; c < bias.size(); ++c) {
      EXPECT_NEAR(bias[c], old[c], 0.5) << node.name;
    }
  }
}

}  // namespace
}  // namespace octet::internal
