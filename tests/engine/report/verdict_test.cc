// SPDX-License-Identifier: Apache-2.0
#include "engine/report/verdict.h"

#include <limits>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/report/made_up_facts.h"

namespace octet::report {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

ReportFacts WithChange(const Estimate& change) {
  ReportFacts facts = MadeUpFacts(6);
  facts.evaluation.accuracy_change = change;
  return facts;
}

ReportFacts WithAgreement(const Estimate& agreement) {
  ReportFacts facts = MadeUpFacts(6);
  facts.evaluation.accuracy_change.reset();
  facts.evaluation.agreement = agreement;
  return facts;
}

TEST(JudgeTest, AModelThatIsRightAsOftenIsKept) {
  const Verdict verdict = Judge(WithChange({-0.002, -0.009, 0.005}));
  EXPECT_EQ(verdict.conclusion, Conclusion::kKeep);
  EXPECT_EQ(verdict.headline,
            "Keep it: it is right as often as the float model, 2.61 times as "
            "fast and 3.59 times smaller.");
  EXPECT_THAT(verdict.advice, IsEmpty());
}

TEST(JudgeTest, APointIsLostOnlyWhereTheWholeIntervalSaysSo) {
  EXPECT_EQ(Judge(WithChange({-0.03, -0.05, -0.012})).conclusion,
            Conclusion::kDrop);
  const Verdict maybe = Judge(WithChange({-0.03, -0.07, 0.01}));
  EXPECT_EQ(maybe.conclusion, Conclusion::kLook);
  EXPECT_THAT(maybe.headline, HasSubstr("it loses 3.0 points of accuracy"));
  EXPECT_THAT(maybe.advice, Contains(HasSubstr("cannot rule out a loss of 7.0 "
                                               "points")));
}

TEST(JudgeTest, EqualAccuracyOfOtherAnswersWantsALook) {
  ReportFacts facts = WithChange({0, -0.009, 0.009});
  facts.evaluation.agreement = Estimate{0.65, 0.58, 0.72};
  EXPECT_EQ(Judge(facts).conclusion, Conclusion::kLook);
}

TEST(JudgeTest, WithoutLabelsTheAgreementDecides) {
  EXPECT_EQ(Judge(WithAgreement({0.99, 0.98, 0.995})).conclusion,
            Conclusion::kKeep);
  EXPECT_EQ(Judge(WithAgreement({0.9, 0.85, 0.94})).conclusion,
            Conclusion::kLook);
  const Verdict lost = Judge(WithAgreement({0.5, 0.4, 0.6}));
  EXPECT_EQ(lost.conclusion, Conclusion::kDrop);
  EXPECT_THAT(lost.headline, StartsWith("Don't use it: it gives the float "
                                        "model's answer 50.0 % of the time"));
}

TEST(JudgeTest, WithoutClassesTheNoiseDecides) {
  ReportFacts facts = MadeUpFacts(6);
  facts.evaluation.accuracy_change.reset();
  facts.evaluation.agreement.reset();
  EXPECT_EQ(Judge(facts).conclusion, Conclusion::kKeep);
  facts.evaluation.sqnr_db = {14, 13, 15};
  EXPECT_EQ(Judge(facts).conclusion, Conclusion::kLook);
  facts.evaluation.sqnr_db = {4, 3, 5};
  EXPECT_EQ(Judge(facts).conclusion, Conclusion::kDrop);
}

ReportFacts WithoutSamples(bool declared) {
  ReportFacts facts = MadeUpFacts(6);
  facts.options.synthetic = {{"pixels", -1, 1, declared, true}};
  facts.quantization.samples = 64;
  facts.quantization.batch_norms = 19;
  return facts;
}

TEST(JudgeTest, AModelThatNoDataCalibratedSaysSo) {
  const Verdict verdict = Judge(WithoutSamples(/*declared=*/false));
  // Real samples judged it, and found nothing.
  EXPECT_EQ(verdict.conclusion, Conclusion::kKeep);
  ASSERT_THAT(verdict.advice, testing::SizeIs(1));
  EXPECT_THAT(verdict.advice[0],
              testing::AllOf(HasSubstr("No data calibrated this model"),
                             HasSubstr("64 synthetic samples"),
                             HasSubstr("pixels: made-up pictures from -1 to 1 "
                                       "(assumed, not declared)"),
                             HasSubstr("its 19 batch norms"),
                             HasSubstr("Don't trust it before")));
  EXPECT_THAT(Judge(WithoutSamples(/*declared=*/true)).advice[0],
              testing::Not(HasSubstr("assumed")));
}

TEST(JudgeTest, SyntheticSamplesAreNoReasonToKeepAModel) {
  ReportFacts facts = WithoutSamples(true);
  facts.on_calibration_samples = true;
  const Verdict verdict = Judge(facts);
  EXPECT_EQ(verdict.conclusion, Conclusion::kLook);
  EXPECT_THAT(verdict.advice,
              Contains(HasSubstr("figures are of the synthetic samples")));
}

TEST(JudgeTest, NamesTheLayerThatLosesMostByItself) {
  ReportFacts facts = WithAgreement({0.9, 0.85, 0.94});
  facts.evaluation.layers[4].own_sqnr_db = 7.25;
  EXPECT_EQ(WorstLayer(facts.evaluation), 4);
  EXPECT_THAT(Judge(facts).advice,
              Contains(HasSubstr("Look at block1/layer4 (Conv) first: of all "
                                 "layers it loses most by itself, 7.2 dB")));
}

TEST(JudgeTest, SlowerThanFloatWantsALookHoweverExact) {
  ReportFacts facts = WithChange({0, -0.004, 0.004});
  facts.evaluation.timing->speedup = {0.8, 0.75, 0.85};
  const Verdict verdict = Judge(facts);
  EXPECT_EQ(verdict.conclusion, Conclusion::kLook);
  EXPECT_THAT(verdict.headline, HasSubstr("1.25 times slower"));
  facts.evaluation.rounded_bytes = 2 * facts.evaluation.exact_bytes;
  EXPECT_THAT(Judge(facts).headline, HasSubstr("2.00 times larger"));
  EXPECT_THAT(verdict.advice, Contains(HasSubstr("slower than the float")));
}

TEST(JudgeTest, SaysWhereTheSamplesFlatter) {
  ReportFacts facts = MadeUpFacts(3);
  facts.on_calibration_samples = true;
  EXPECT_THAT(Judge(facts).advice,
              Contains(HasSubstr("measure again on others")));
}

TEST(JudgeTest, SaysWhatThereWasNoTimeFor) {
  ReportFacts facts = MadeUpFacts(3);
  facts.quantization.left_out = {"channel equalization",
                                 "histogram thresholds"};
  EXPECT_THAT(Judge(facts).advice,
              Contains(HasSubstr("channel equalization, histogram thresholds. "
                                 "A larger time budget")));
}

TEST(WorstLayerTest, IsNoneWhereNothingIsLost) {
  ReportFacts facts = MadeUpFacts(2);
  for (LayerEvaluation& layer : facts.evaluation.layers) {
    layer.own_sqnr_db = std::numeric_limits<double>::infinity();
  }
  EXPECT_EQ(WorstLayer(facts.evaluation), -1);
}

}  // namespace
}  // namespace octet::report
