// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/threshold_choice.h"

#include <cmath>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/quant/sample_source.h"
#include "tests/testing/graph_builder.h"

namespace octet::quant {
namespace {

using ir::ValueId;
using testing::ElementsAre;

const std::vector<Threshold> kWideOrNarrow = {{"min-max", {0, 100}},
                                              {"mse", {0, 1}}};

// Two channels, the second far larger, read with these weights.
ir::Graph TwoChannels(std::vector<float> weights) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2, 4, 4}));
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  Tensor tensor(DType::kFloat32, {1, 2, 1, 1});
  std::copy(weights.begin(), weights.end(),
            tensor.mutable_data<float>().begin());
  b.Output(b.Node("y", conv, {x, b.Constant("w", std::move(tensor))}));
  return b.Build();
}

std::vector<Tensor> Samples() {
  std::vector<Tensor> samples;
  for (uint32_t i = 0; i < 4; ++i) {
    Tensor sample = RandomFloats({1, 2, 4, 4}, 5 + i, 0, 1);
    auto values = sample.mutable_data<float>();
    for (size_t j = 16; j < 32; ++j) values[j] *= 100;
    samples.push_back(std::move(sample));
  }
  return samples;
}

std::vector<size_t> Best(const ir::Graph& graph,
                         std::vector<std::vector<Threshold>> candidates,
                         const std::vector<Tensor>& samples) {
  auto chooser = ThresholdChooser::Create(graph, ChooseSites(graph), candidates,
                                          Grid::kAsymmetric);
  EXPECT_TRUE(chooser.ok()) << chooser.status();
  EXPECT_TRUE(chooser->Observe(SourceOf(chooser->watched(), samples)).ok());
  return chooser->Best();
}

TEST(ThresholdChooserTest, ClipsWhatTheReaderDoesNotLookAt) {
  // The tensor alone would lose nearly all of its energy.
  EXPECT_THAT(Best(TwoChannels({1, 0}), {kWideOrNarrow}, Samples()),
              ElementsAre(1));
}

TEST(ThresholdChooserTest, KeepsWhatTheReaderNeeds) {
  EXPECT_THAT(Best(TwoChannels({1, 1}), {kWideOrNarrow}, Samples()),
              ElementsAre(0));
}

TEST(ThresholdChooserTest, TheFirstOfEqualCandidatesWins) {
  EXPECT_THAT(Best(TwoChannels({1, 1}),
                   {{{"min-max", {0, 100}}, {"entropy", {0, 100}}}}, Samples()),
              ElementsAre(0));
}

TEST(ThresholdChooserTest, GroupsChooseTogether) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2, 4, 4}));
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  const auto weights = [&](const std::string& name, Shape shape) {
    return b.Constant(name, RandomFloats(shape, 3, 0.1f, 1));
  };
  const ValueId a = b.Node("a", conv, {x, weights("a_w", {2, 2, 1, 1})});
  const ValueId c = b.Node("c", conv, {x, weights("c_w", {2, 2, 1, 1})});
  const ValueId cat = b.Node("cat", ir::Concat{1}, {a, c});
  b.Output(b.Node("y", conv, {cat, weights("y_w", {1, 4, 1, 1})}));
  const auto best =
      Best(b.Build(), {kWideOrNarrow, kWideOrNarrow, kWideOrNarrow}, Samples());
  ASSERT_EQ(best.size(), 3u);
  EXPECT_EQ(best[1], best[2]);
}

// Brute force: the quantized reader's error for each candidate, from its
// definition, on data where neither extreme is best.
TEST(ThresholdChooserTest, AgreesWithTryingEachCandidate) {
  const ir::Graph graph = TwoChannels({0.5f, -0.02f});
  std::vector<Threshold> candidates;
  for (float max : {100.0f, 60.0f, 30.0f, 10.0f, 3.0f, 1.0f}) {
    candidates.push_back({"mse", {0, max}});
  }
  const auto samples = Samples();
  std::vector<double> harm;
  for (const Threshold& candidate : candidates) {
    const Scheme scheme = SchemeFor(candidate.range, Grid::kAsymmetric);
    double sum = 0;
    double squares = 0;
    double means = 0;
    double signal = 0;
    double signal_sum = 0;
    double signal_means = 0;
    for (const Tensor& sample : samples) {
      const auto x = sample.data<float>();
      double of_sample = 0;
      double signal_of_sample = 0;
      for (int i = 0; i < 16; ++i) {
        const auto error = [&](float value) {
          return DequantizeValue(QuantizeValue(value, scheme), scheme) - value;
        };
        const double e = 0.5 * error(x[i]) - 0.02 * error(x[16 + i]);
        const double y = 0.5 * x[i] - 0.02 * x[16 + i];
        of_sample += e / 16;
        squares += e * e / 64;
        signal_of_sample += y / 16;
        signal += y * y / 64;
      }
      sum += of_sample / 4;
      means += of_sample * of_sample / 4;
      signal_sum += signal_of_sample / 4;
      signal_means += signal_of_sample * signal_of_sample / 4;
    }
    harm.push_back((squares - sum * sum) / (signal - signal_sum * signal_sum) +
                   (means - sum * sum) /
                       (signal_means - signal_sum * signal_sum));
  }
  const size_t expected =
      std::min_element(harm.begin(), harm.end()) - harm.begin();
  EXPECT_THAT(Best(graph, {candidates}, samples), ElementsAre(expected));
}

}  // namespace
}  // namespace octet::quant
