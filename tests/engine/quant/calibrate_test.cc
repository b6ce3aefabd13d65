// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/calibrate.h"

#include <limits>
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
using testing::HasSubstr;

ValueId Conv1x1(GraphBuilder& b, const std::string& name, ValueId x, int64_t in,
                int64_t out) {
  ir::Conv conv;
  conv.window = WindowOf({1, 1});
  return b.Node(name, conv,
                {x, b.Constant(name + "_w", RandomFloats({out, in, 1, 1}, 7))});
}

// x, then a and c, which one Concat joins.
ir::Graph Joined() {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2, 3, 3}));
  const ValueId a = Conv1x1(b, "a", x, 2, 2);
  const ValueId c = Conv1x1(b, "c", x, 2, 3);
  b.Output(Conv1x1(b, "y", b.Node("cat", ir::Concat{1}, {a, c}), 5, 2));
  return b.Build();
}

TEST(SiteObserverTest, SeesAllSamplesAndGroupsShareWhatTheySee) {
  const ir::Graph graph = Joined();
  const QuantizationSites sites = ChooseSites(graph);
  SiteObserver observer(graph, sites);
  const auto watched = observer.Watched();
  ASSERT_TRUE(watched.ok()) << watched.status();
  const std::vector<Tensor> samples = {RandomFloats({1, 2, 3, 3}, 1, 0, 1),
                                       RandomFloats({1, 2, 3, 3}, 2, -4, 0)};
  ASSERT_TRUE(observer.Observe(SourceOf(*watched, samples)).ok());
  const auto statistics = observer.Statistics();
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  ASSERT_EQ(statistics->size(), 3u);  // x, a, c

  // The oracle: every value of the float graph, looked at one by one.
  ir::Graph shown = graph.WithRows(1);
  shown.mutable_outputs() = {sites.rounded[0], sites.rounded[1],
                             sites.rounded[2]};
  const auto backend = reference::CreateReferenceBackend();
  Range x{0, 0};
  Range joined{0, 0};
  for (const Tensor& sample : samples) {
    const auto values = Interpret(shown, *backend, {sample});
    ASSERT_TRUE(values.ok()) << values.status();
    for (int site = 0; site < 3; ++site) {
      for (float value : (*values)[site].data<float>()) {
        (site == 0 ? x : joined) =
            Union(site == 0 ? x : joined, {value, value});
      }
    }
  }
  EXPECT_EQ(*(*statistics)[0].histogram.range(), x);
  EXPECT_EQ(*(*statistics)[1].histogram.range(), joined);
  EXPECT_EQ(*(*statistics)[2].histogram.range(), joined);
  EXPECT_EQ((*statistics)[1].histogram.total(), 2 * 5 * 9);
}

TEST(SiteObserverTest, KnowsEachChannel) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2, 1, 2}));
  b.Output(Conv1x1(b, "y", x, 2, 2));
  const ir::Graph graph = b.Build();
  SiteObserver observer(graph, ChooseSites(graph));
  const auto watched = observer.Watched();
  ASSERT_TRUE(watched.ok()) << watched.status();
  std::vector<Tensor> samples;
  for (const std::vector<float>& values :
       {std::vector<float>{1, 3, -2, 0}, std::vector<float>{5, 7, 4, 2}}) {
    Tensor sample(DType::kFloat32, {1, 2, 1, 2});
    std::copy(values.begin(), values.end(),
              sample.mutable_data<float>().begin());
    samples.push_back(std::move(sample));
  }
  ASSERT_TRUE(observer.Observe(SourceOf(*watched, samples)).ok());
  const auto statistics = observer.Statistics();
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  const ChannelStatistics& channels = (*statistics)[0].channels;
  EXPECT_THAT(channels.mins, ElementsAre(1, -2));
  EXPECT_THAT(channels.maxs, ElementsAre(7, 4));
  EXPECT_THAT(channels.means, ElementsAre(4, 1));
  EXPECT_THAT(channels.mean_squares, ElementsAre(21, 6));
}

TEST(SiteObserverTest, KnowsTheMeansOfWhatLayersReadBehindAConcat) {
  const ir::Graph graph = Joined();
  SiteObserver observer(graph, ChooseSites(graph), ObservedMeans::kLayerInputs);
  EXPECT_EQ(observer.LayerInputMeans().status().code(),
            absl::StatusCode::kInvalidArgument);
  const auto watched = observer.Watched();
  ASSERT_TRUE(watched.ok()) << watched.status();
  const std::vector<Tensor> samples = {RandomFloats({1, 2, 3, 3}, 1, 0, 1),
                                       RandomFloats({1, 2, 3, 3}, 2, -4, 0)};
  ASSERT_TRUE(observer.Observe(SourceOf(*watched, samples)).ok());
  const auto means = observer.LayerInputMeans();
  ASSERT_TRUE(means.ok()) << means.status();
  ASSERT_EQ(means->size(), 4u);  // a, c, the Concat, y
  EXPECT_THAT((*means)[2], ElementsAre());

  ir::Graph shown = graph.WithRows(1);
  shown.mutable_outputs() = {IdOf(graph, "x"), IdOf(graph, "cat")};
  const auto backend = reference::CreateReferenceBackend();
  std::vector<double> of_x(2, 0.0);
  std::vector<double> of_cat(5, 0.0);
  for (const Tensor& sample : samples) {
    const auto values = Interpret(shown, *backend, {sample});
    ASSERT_TRUE(values.ok()) << values.status();
    for (size_t i = 0; i < 2 * 9; ++i) {
      of_x[i / 9] += (*values)[0].data<float>()[i] / 18;
    }
    for (size_t i = 0; i < 5 * 9; ++i) {
      of_cat[i / 9] += (*values)[1].data<float>()[i] / 18;
    }
  }
  const auto near = [](const std::vector<double>& expected) {
    return testing::Pointwise(testing::DoubleNear(1e-5), expected);
  };
  EXPECT_THAT((*means)[0], near(of_x));
  EXPECT_THAT((*means)[1], near(of_x));
  EXPECT_THAT((*means)[3], near(of_cat));
}

// A Conv and a MatMul see the channels of one tensor along other axes.
TEST(SiteObserverTest, EachLayerGetsTheMeansOfItsOwnAxis) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({2, 1, 3}));
  b.Output(Conv1x1(b, "y", x, 2, 2));
  b.Output(b.Node("m", ir::MatMul{},
                  {x, b.Constant("m_w", RandomFloats({3, 2}, 5))}));
  const ir::Graph graph = b.Build();
  SiteObserver observer(graph, ChooseSites(graph), ObservedMeans::kLayerInputs);
  const auto watched = observer.Watched();
  ASSERT_TRUE(watched.ok()) << watched.status();
  Tensor sample(DType::kFloat32, {1, 2, 1, 3});
  const std::vector<float> values = {1, 2, 6, 3, 8, 10};
  std::copy(values.begin(), values.end(), sample.mutable_data<float>().begin());
  ASSERT_TRUE(observer.Observe(SourceOf(*watched, {sample})).ok());
  const auto means = observer.LayerInputMeans();
  ASSERT_TRUE(means.ok()) << means.status();
  EXPECT_THAT((*means)[0], ElementsAre(3, 7));
  EXPECT_THAT((*means)[1], ElementsAre(2, 5, 8));
}

TEST(SiteObserverTest, NoSamplesIsAnError) {
  const ir::Graph graph = Joined();
  SiteObserver observer(graph, ChooseSites(graph));
  ASSERT_TRUE(
      observer
          .Observe([](const ActivationSink&) -> absl::StatusOr<int64_t> {
            return 0;
          })
          .ok());
  const auto statistics = observer.Statistics();
  EXPECT_TRUE(absl::IsInvalidArgument(statistics.status()));
  EXPECT_THAT(statistics.status().message(),
              HasSubstr("no calibration samples"));
}

TEST(SiteObserverTest, NanNamesTheValue) {
  const ir::Graph graph = Joined();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  SiteObserver observer(graph, ChooseSites(graph));
  const absl::Status status = observer.Observe(
      [&](const ActivationSink& sink) -> absl::StatusOr<int64_t> {
        absl::Status shown = sink(0, {1.0f});
        if (shown.ok()) shown = sink(1, {1.0f, nan});
        if (!shown.ok()) return shown;
        return 1;
      });
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(status.message(), HasSubstr("value a: element 1"));
}

TEST(SiteObserverTest, ErrorsOfTheSourceArePassedOn) {
  const ir::Graph graph = Joined();
  SiteObserver observer(graph, ChooseSites(graph));
  EXPECT_EQ(
      observer.Observe([](const ActivationSink&) -> absl::StatusOr<int64_t> {
        return absl::CancelledError("enough");
      }),
      absl::CancelledError("enough"));
}

}  // namespace
}  // namespace octet::quant
