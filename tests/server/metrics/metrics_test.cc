// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/metrics.h"

#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto metrics = Metrics::Create("1.2.3", "avx2");
    ASSERT_TRUE(metrics.ok()) << metrics.status();
    metrics_ = *std::move(metrics);
  }

  std::shared_ptr<ModelMetrics> ForModel(const std::string& model,
                                         const std::string& version) {
    auto series = metrics_->ForModel(model, version);
    EXPECT_TRUE(series.ok()) << series.status();
    return series.ok() ? *std::move(series) : nullptr;
  }

  std::string Text() {
    auto text = metrics_->Text();
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *std::move(text) : "";
  }

  std::unique_ptr<Metrics> metrics_;
};

TEST_F(MetricsTest, SaysWhatIsRunning) {
  EXPECT_THAT(Text(),
              HasSubstr("octet_build_info{isa=\"avx2\",version=\"1.2.3\"} 1"));
}

TEST_F(MetricsTest, EveryPhaseHasAHistogramByModelAndVersion) {
  auto series = ForModel("digits", "2");
  series->Observe(Phase::kRequest, absl::Milliseconds(3));
  series->Observe(Phase::kQueue, absl::Microseconds(30));
  series->Observe(Phase::kGather, absl::Microseconds(20));
  series->Observe(Phase::kCompute, absl::Milliseconds(2));
  series->Observe(Phase::kScatter, absl::Microseconds(5));
  const std::string text = Text();
  for (const char* phase :
       {"request", "queue", "gather", "compute", "scatter"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat(
                          "octet_", phase,
                          "_seconds_count{model=\"digits\",version=\"2\"} 1")));
  }
  EXPECT_THAT(text, HasSubstr("octet_request_seconds_bucket{model=\"digits\","
                              "version=\"2\",le=\"0.005\"} 1"));
  EXPECT_THAT(text, HasSubstr("octet_request_seconds_bucket{model=\"digits\","
                              "version=\"2\",le=\"0.0025\"} 0"));
}

TEST_F(MetricsTest, CountsRequestsByCodeAndRows) {
  auto series = ForModel("m", "1");
  EXPECT_THAT(Text(), HasSubstr("octet_requests_total{code=\"OK\",model=\"m\","
                                "version=\"1\"} 0"));
  series->CountRequest(absl::StatusCode::kOk);
  series->CountRequest(absl::StatusCode::kOk);
  series->CountRequest(absl::StatusCode::kResourceExhausted);
  series->CountBatch(5);
  series->AddQueuedRows(7);
  series->AddQueuedRows(-3);
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("octet_requests_total{code=\"OK\",model=\"m\","
                              "version=\"1\"} 2"));
  EXPECT_THAT(text,
              HasSubstr("octet_requests_total{code=\"RESOURCE_EXHAUSTED\","
                        "model=\"m\",version=\"1\"} 1"));
  EXPECT_THAT(text, HasSubstr("octet_rows_total{model=\"m\",version=\"1\"} 5"));
  EXPECT_THAT(text, HasSubstr("octet_queue_rows{model=\"m\",version=\"1\"} 4"));
}

TEST_F(MetricsTest, SeriesGoAwayWithTheModel) {
  auto series = ForModel("gone", "1");
  series->CountRequest(absl::StatusCode::kOk);
  EXPECT_THAT(Text(), HasSubstr("model=\"gone\""));
  series.reset();
  EXPECT_THAT(Text(), Not(HasSubstr("gone")));
}

TEST_F(MetricsTest, ReloadOfAVersionKeepsItsSeries) {
  auto old_series = ForModel("m", "1");
  old_series->CountBatch(2);
  auto new_series = ForModel("m", "1");
  old_series.reset();
  new_series->CountBatch(3);
  EXPECT_THAT(Text(),
              HasSubstr("octet_rows_total{model=\"m\",version=\"1\"} 5"));
}

TEST_F(MetricsTest, ModelNamesAreEscaped) {
  auto series = ForModel("a\"b\\c\nd", "1");
  EXPECT_THAT(Text(), HasSubstr("model=\"a\\\"b\\\\c\\nd\""));
}

TEST_F(MetricsTest, ServerGaugesSayWhatTheyWereTold) {
  metrics_->SetReady(true);
  metrics_->SetLanes(2);
  metrics_->SetLoadedModels(3);
  metrics_->SetQuantizations(2, 1);
  metrics_->CountUnroutedRequest(absl::StatusCode::kNotFound);
  metrics_->CountQuantization(absl::StatusCode::kCancelled);
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("\noctet_ready 1"));
  EXPECT_THAT(text, HasSubstr("\noctet_lanes 2"));
  EXPECT_THAT(text, HasSubstr("\noctet_loaded_models 3"));
  EXPECT_THAT(text, HasSubstr("\noctet_running_quantizations 1"));
  EXPECT_THAT(text,
              HasSubstr("octet_unrouted_requests_total{code=\"NOT_FOUND\"} 1"));
  EXPECT_THAT(text,
              HasSubstr("octet_quantizations_total{code=\"CANCELLED\"} 1"));
}

TEST_F(MetricsTest, ProcessMetricsAreThoseOfThisProcess) {
  for (absl::string_view line : absl::StrSplit(Text(), '\n')) {
    if (!absl::StartsWith(line, "process_")) continue;
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    ASSERT_EQ(words.size(), 2u) << line;
    EXPECT_GT(std::stod(words[1]), 0) << line;
  }
}

TEST_F(MetricsTest, EveryMetricHasHelpTypeAndTheSuffixOfItsType) {
  auto series = ForModel("m", "1");
  metrics_->CountUnroutedRequest(absl::StatusCode::kNotFound);
  metrics_->CountQuantization(absl::StatusCode::kOk);
  std::set<std::string> helped;
  int types = 0;
  for (absl::string_view line : absl::StrSplit(Text(), '\n')) {
    const std::vector<std::string> words =
        absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (absl::StartsWith(line, "# HELP")) helped.insert(words[2]);
    if (!absl::StartsWith(line, "# TYPE")) continue;
    ++types;
    EXPECT_TRUE(helped.count(words[2])) << line;
    EXPECT_EQ(words[3] == "counter", absl::EndsWith(words[2], "_total"))
        << line;
    EXPECT_NE(words[3], "untyped") << line;
  }
  EXPECT_GE(types, 20);
}

TEST_F(MetricsTest, ManyThreadsCountWhileOthersReadAndReload) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 200;
  auto kept = ForModel("m", "1");
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kRounds; ++i) {
        auto series = metrics_->ForModel("m", "1");
        ASSERT_TRUE(series.ok());
        (*series)->CountBatch(1);
        (*series)->CountRequest(absl::StatusCode::kOk);
        auto passing = metrics_->ForModel(absl::StrCat("p", i % 3), "1");
        ASSERT_TRUE(passing.ok());
        (*passing)->Observe(Phase::kQueue, absl::Microseconds(1));
        if (i % 50 == 0) {
          ASSERT_TRUE(metrics_->Text().ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(Text(), HasSubstr(absl::StrCat(
                          "octet_rows_total{model=\"m\",version=\"1\"} ",
                          kThreads * kRounds)));
  EXPECT_THAT(Text(), Not(HasSubstr("model=\"p")));
}

}  // namespace
}  // namespace octet
