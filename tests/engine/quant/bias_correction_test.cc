// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/bias_correction.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <variant>
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

// One layer behind its input, whose channel c is values[c] everywhere: whole
// numbers, which integers of scale 1 hold exactly.
struct ConstantData {
  ir::Graph graph;
  Tensor sample;
};

ConstantData LayerOn(const std::vector<float>& values, const ir::Op& op,
                     const Tensor& weights, const Shape& places) {
  ConstantData data;
  const auto channels = static_cast<int64_t>(values.size());
  const bool conv = std::holds_alternative<ir::Conv>(op);
  Shape row = places;  // behind the channels of a Conv, before a MatMul's
  row.insert(conv ? row.begin() : row.end(), channels);
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd(row));
  b.Output(b.Node("y", op, {x, b.Constant("w", weights)}));
  data.graph = b.Build();
  row.insert(row.begin(), 1);
  data.sample = Tensor(DType::kFloat32, row);
  const int64_t each = data.sample.size() / channels;
  for (int64_t i = 0; i < data.sample.size(); ++i) {
    data.sample.mutable_data<float>()[i] =
        values[conv ? i / each : i % channels];
  }
  return data;
}

QuantizationParameters WholeNumbers() {
  return {{{DType::kUInt8, 1, 100}}, {}};
}

absl::StatusOr<LayerShifts> Analytic(const ConstantData& data) {
  const QuantizationSites sites = ChooseSites(data.graph);
  SiteObserver observer(data.graph, sites, ObservedMeans::kLayerInputs);
  const auto watched = observer.Watched();
  if (!watched.ok()) return watched.status();
  const absl::Status observed =
      observer.Observe(SourceOf(*watched, {data.sample}));
  if (!observed.ok()) return observed;
  const auto means = observer.LayerInputMeans();
  if (!means.ok()) return means.status();
  return AnalyticShifts(data.graph, sites, WholeNumbers(), *means);
}

// What the samples show of the same layer.
std::vector<double> Measured(const ConstantData& data) {
  auto corrector = BiasCorrector::Create(data.graph, ChooseSites(data.graph),
                                         WholeNumbers(), Upstream::kFloat);
  EXPECT_TRUE(corrector.ok()) << corrector.status();
  EXPECT_TRUE(
      corrector->Observe(SourceOf(corrector->watched(), {data.sample})).ok());
  return corrector->Shifts()[0];
}

// The error of rounding `weight` where the largest of its channel is `peak`.
double RoundingError(double weight, double peak) {
  const double step = peak / 127;
  return weight - step * std::nearbyint(weight / step);
}

// By the definition: output channel after output channel.
std::vector<double> ExpectedConvShifts(const Tensor& weights, int64_t groups,
                                       const std::vector<float>& values) {
  const Shape& shape = weights.shape();
  const int64_t taps = shape[2] * shape[3];
  const float* weight = weights.data<float>().data();
  std::vector<double> shifts;
  for (int64_t group = 0; group < groups; ++group) {
    for (int64_t o = 0; o < shape[0] / groups; ++o) {
      double peak = 0;
      for (int64_t i = 0; i < shape[1] * taps; ++i) {
        peak = std::max<double>(peak, std::abs(weight[i]));
      }
      double shift = 0;
      for (int64_t input = 0; input < shape[1]; ++input) {
        for (int64_t tap = 0; tap < taps; ++tap) {
          shift +=
              values[group * shape[1] + input] * RoundingError(*weight++, peak);
        }
      }
      shifts.push_back(shift);
    }
  }
  return shifts;
}

// Float32 sums of up to 36 products of numbers up to 100.
constexpr double kSumsOfFloats = 2e-3;
constexpr double kShiftedAtLeast = 0.05;

void ExpectAnalyticShifts(const ConstantData& data,
                          const std::vector<double>& expected) {
  const auto analytic = Analytic(data);
  ASSERT_TRUE(analytic.ok()) << analytic.status();
  ASSERT_EQ(analytic->layers.size(), 1u);
  EXPECT_EQ(analytic->layers[0].node, 0u);
  EXPECT_EQ(analytic->layers[0].channels,
            static_cast<int64_t>(expected.size()));
  const std::vector<double> measured = Measured(data);
  ASSERT_EQ(analytic->shifts[0].size(), expected.size());
  ASSERT_EQ(measured.size(), expected.size());
  double largest = 0;
  for (size_t c = 0; c < expected.size(); ++c) {
    EXPECT_NEAR(analytic->shifts[0][c], expected[c], 1e-4) << c;
    EXPECT_NEAR(analytic->shifts[0][c], measured[c], kSumsOfFloats) << c;
    largest = std::max(largest, std::abs(expected[c]));
  }
  EXPECT_GT(largest, kShiftedAtLeast);
}

void ExpectConvShifts(const std::vector<float>& values, const Tensor& weights,
                      int64_t groups, int64_t stride) {
  ir::Conv conv;
  conv.window = WindowOf({weights.shape()[2], weights.shape()[3]}, stride);
  conv.groups = groups;
  ExpectAnalyticShifts(LayerOn(values, conv, weights, {7, 6}),
                       ExpectedConvShifts(weights, groups, values));
}

TEST(AnalyticShiftsTest, PointwiseConv) {
  ExpectConvShifts({40, -17, 99, 3, 60}, RandomFloats({3, 5, 1, 1}, 1), 1, 1);
}

TEST(AnalyticShiftsTest, DepthwiseConvSumsItsTaps) {
  ExpectConvShifts({40, -17, 99, 3}, RandomFloats({4, 1, 3, 3}, 2), 4, 1);
}

TEST(AnalyticShiftsTest, GroupsReadTheirOwnChannels) {
  ExpectConvShifts({40, -17, 99, 3, 60, -80}, RandomFloats({9, 2, 3, 2}, 3), 3,
                   2);
}

TEST(AnalyticShiftsTest, MatMulInBothLayouts) {
  const std::vector<float> values = {40, -17, 99, 3};
  const Tensor rows = RandomFloats({3, 4, 1, 1}, 4);  // [output, input]
  Tensor transposed(DType::kFloat32, {3, 4});
  Tensor columns(DType::kFloat32, {4, 3});
  for (int64_t o = 0; o < 3; ++o) {
    for (int64_t i = 0; i < 4; ++i) {
      const float weight = rows.data<float>()[o * 4 + i];
      transposed.mutable_data<float>()[o * 4 + i] = weight;
      columns.mutable_data<float>()[i * 3 + o] = weight;
    }
  }
  const std::vector<double> expected = ExpectedConvShifts(rows, 1, values);
  ir::MatMul matmul;
  ExpectAnalyticShifts(LayerOn(values, matmul, columns, {5}), expected);
  matmul.transpose_b = true;
  ExpectAnalyticShifts(LayerOn(values, matmul, transposed, {}), expected);
}

// With zeros around it, the mean of the results is nearer to 0 than the
// formula says.
TEST(AnalyticShiftsTest, PaddingIsNeglected) {
  const std::vector<float> values = {90};
  const Tensor weights = RandomFloats({1, 1, 3, 3}, 5, 0.1f, 1);
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  const auto analytic = Analytic(LayerOn(values, conv, weights, {4, 4}));
  ASSERT_TRUE(analytic.ok()) << analytic.status();
  EXPECT_NEAR(analytic->shifts[0][0], ExpectedConvShifts(weights, 1, values)[0],
              1e-4);
}

}  // namespace
}  // namespace octet::quant
