// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/bias_correction.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/quant/sample_source.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/not_finite.h"

namespace octet::quant {
namespace {

using ir::ValueId;

// Three layers, one with a residual, and ranges that clip, so that means
// shift.
struct Net {
  ir::Graph graph;
  QuantizationSites sites;
  QuantizationParameters parameters;
  std::vector<Tensor> samples;
};

ValueId Conv(GraphBuilder& b, const std::string& name, ValueId x, bool bias,
             ir::Activation activation,
             std::optional<ValueId> residual = std::nullopt) {
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  conv.has_bias = bias;
  conv.has_residual = residual.has_value();
  conv.activation = activation;
  const auto seed = static_cast<uint32_t>(name[0]);
  std::vector<ValueId> inputs = {
      x, b.Constant(name + "_w", RandomFloats({4, 4, 3, 3}, seed))};
  if (bias) inputs.push_back(b.Constant(name + "_b", RandomFloats({4}, seed)));
  if (residual) inputs.push_back(*residual);
  return b.Node(name, conv, inputs);
}

Net MakeNet() {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 6, 6}));
  const ValueId a = Conv(b, "a", x, /*bias=*/true, {0, kInfinity});
  const ValueId c = Conv(b, "c", a, /*bias=*/false, {0, kInfinity}, a);
  b.Output(Conv(b, "y", c, /*bias=*/true, {}));
  Net net;
  net.graph = b.Build();
  net.sites = ChooseSites(net.graph);
  // Of x, a, c.
  net.parameters.schemes = {AsymmetricU8({-0.5f, 0.4f}), AsymmetricU8({0, 3}),
                            AsymmetricU8({0, 9})};
  for (uint32_t i = 0; i < 6; ++i) {
    net.samples.push_back(RandomFloats({1, 4, 6, 6}, 40 + i));
  }
  return net;
}

// The mean over samples and places of each channel of the only output.
std::vector<double> OutputMeans(const ir::Graph& graph,
                                const std::vector<Tensor>& samples) {
  const auto backend = reference::CreateReferenceBackend();
  std::vector<double> means(4, 0.0);
  for (const Tensor& sample : samples) {
    const auto outputs = Interpret(graph.WithRows(1), *backend, {sample});
    EXPECT_TRUE(outputs.ok()) << outputs.status();
    const auto values = (*outputs)[0].data<float>();
    for (size_t i = 0; i < values.size(); ++i) means[i / 36] += values[i];
  }
  for (double& mean : means) mean /= 36.0 * static_cast<double>(samples.size());
  return means;
}

ir::Graph Corrected(const Net& net, Upstream upstream, int passes) {
  auto corrector =
      BiasCorrector::Create(net.graph, net.sites, net.parameters, upstream);
  EXPECT_TRUE(corrector.ok()) << corrector.status();
  const ActivationSource source =
      SourceOf(corrector->watched(), net.samples,
               [&](size_t index) { return corrector->Input(index); });
  for (int pass = 0; pass < passes; ++pass) {
    EXPECT_TRUE(corrector->Observe(source).ok());
  }
  const ir::Graph corrected =
      CorrectBiases(net.graph, corrector->layers(), corrector->Shifts());
  const auto quantized =
      QuantizeGraph(corrected, ChooseSites(corrected), net.parameters);
  EXPECT_TRUE(quantized.ok()) << quantized.status();
  return *quantized;
}

double LargestShift(const Net& net, const ir::Graph& quantized) {
  const auto exact = OutputMeans(net.graph, net.samples);
  const auto rounded = OutputMeans(quantized, net.samples);
  double largest = 0;
  for (size_t c = 0; c < exact.size(); ++c) {
    largest = std::max(largest, std::abs(exact[c] - rounded[c]));
  }
  return largest;
}

TEST(BiasCorrectorTest, LayerAfterLayerTheMeansBecomeThoseOfTheFloatModel) {
  const Net net = MakeNet();
  const auto plain = QuantizeGraph(net.graph, net.sites, net.parameters);
  ASSERT_TRUE(plain.ok()) << plain.status();
  ASSERT_GT(LargestShift(net, *plain), 0.1);
  // Early samples are forgotten, so that what is left is the noise of a mean
  // over the later ones: 1.4 % of the shift here.
  EXPECT_LT(LargestShift(net, Corrected(net, Upstream::kRounded, 60)),
            0.02 * LargestShift(net, *plain));
}

TEST(BiasCorrectorTest, OnePassDoesMostOfIt) {
  const Net net = MakeNet();
  const auto plain = QuantizeGraph(net.graph, net.sites, net.parameters);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_LT(LargestShift(net, Corrected(net, Upstream::kRounded, 1)),
            0.3 * LargestShift(net, *plain));
}

// Of the first layer, float and quantized data differ by their rounding alone,
// so that for one sample both ways measure the same.
TEST(BiasCorrectorTest, AFloatUpstreamMeasuresEachLayerByItself) {
  const Net net = MakeNet();
  const std::vector<Tensor> samples = {net.samples[0]};
  auto corrector = BiasCorrector::Create(net.graph, net.sites, net.parameters,
                                         Upstream::kFloat);
  ASSERT_TRUE(corrector.ok()) << corrector.status();
  ASSERT_TRUE(corrector->Observe(SourceOf(corrector->watched(), samples)).ok());
  ASSERT_EQ(corrector->layers().size(), 3u);

  auto in_line = BiasCorrector::Create(net.graph, net.sites, net.parameters,
                                       Upstream::kRounded);
  ASSERT_TRUE(in_line.ok()) << in_line.status();
  ASSERT_TRUE(in_line
                  ->Observe(SourceOf(
                      in_line->watched(), samples,
                      [&](size_t index) { return in_line->Input(index); }))
                  .ok());
  for (size_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(corrector->Shifts()[0][c], in_line->Shifts()[0][c], 1e-5);
  }
}

TEST(BiasCorrectorTest, ByThemselvesAllSamplesCountTheSame) {
  const Net net = MakeNet();
  auto all = BiasCorrector::Create(net.graph, net.sites, net.parameters,
                                   Upstream::kFloat);
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_TRUE(all->Observe(SourceOf(all->watched(), net.samples)).ok());
  std::vector<double> mean(4, 0.0);
  for (const Tensor& sample : net.samples) {
    auto one = BiasCorrector::Create(net.graph, net.sites, net.parameters,
                                     Upstream::kFloat);
    ASSERT_TRUE(one.ok()) << one.status();
    ASSERT_TRUE(one->Observe(SourceOf(one->watched(), {sample})).ok());
    for (size_t c = 0; c < 4; ++c) mean[c] += one->Shifts()[2][c] / 6;
  }
  for (size_t c = 0; c < 4; ++c) {
    EXPECT_NEAR(all->Shifts()[2][c], mean[c], 1e-5);
  }
}

TEST(BiasCorrectorTest, ExactParametersShiftNothing) {
  // Weights of powers of two and data of small integers round to themselves.
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2}));
  Tensor weights(DType::kFloat32, {2, 2});
  weights.mutable_data<float>()[0] = 127;
  weights.mutable_data<float>()[3] = 127;
  b.Output(b.Node("m", ir::MatMul{}, {x, b.Constant("w", weights)}));
  const ir::Graph graph = b.Build();
  auto corrector =
      BiasCorrector::Create(graph, ChooseSites(graph),
                            {{{DType::kUInt8, 1, 0}}, {}}, Upstream::kRounded);
  ASSERT_TRUE(corrector.ok()) << corrector.status();
  Tensor sample(DType::kFloat32, {1, 2});
  sample.mutable_data<float>()[0] = 3;
  ASSERT_TRUE(corrector
                  ->Observe(SourceOf(
                      corrector->watched(), {sample},
                      [&](size_t index) { return corrector->Input(index); }))
                  .ok());
  EXPECT_THAT(corrector->Shifts()[0], testing::Each(0.0));
}

}  // namespace
}  // namespace octet::quant
