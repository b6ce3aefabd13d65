// SPDX-License-Identifier: Apache-2.0
#include "engine/report/verdict.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/report/wording.h"

namespace octet::report {
namespace {

// A point of accuracy is what people give away for speed without asking.
constexpr double kPointsGiven = 0.01;
// Below these shares of equal answers another model is answering.
constexpr double kGoodAgreement = 0.95;
constexpr double kPoorAgreement = 0.85;
// Noise of a tenth and of a third of the signal, as amplitudes.
constexpr double kGoodDb = 20;
constexpr double kPoorDb = 10;
// Fewer samples give intervals of several points.
constexpr int64_t kEnoughSamples = 100;

Conclusion Worse(Conclusion a, Conclusion b) {
  return static_cast<int>(a) > static_cast<int>(b) ? a : b;
}

// What decides, and in which words.
struct Finding {
  Conclusion conclusion = Conclusion::kKeep;
  std::string what;  // "it answers as the float model does"
};

Finding ByAccuracy(const ModelEvaluation& evaluation) {
  const Estimate& change = *evaluation.accuracy_change;
  if (change.high < -kPointsGiven) {
    return {Conclusion::kDrop,
            absl::StrCat("it loses ", Points(-change.value).substr(1),
                         " of accuracy")};
  }
  if (change.value < -kPointsGiven) {
    return {Conclusion::kLook,
            absl::StrCat("on these samples it loses ",
                         Points(-change.value).substr(1), " of accuracy")};
  }
  if (evaluation.agreement && evaluation.agreement->value < kPoorAgreement) {
    return {Conclusion::kLook,
            absl::StrCat("it is right as often as the float model, but gives "
                         "the same answer only ",
                         Percent(evaluation.agreement->value), " of the time")};
  }
  return {Conclusion::kKeep, "it is right as often as the float model"};
}

Finding ByAgreement(const ModelEvaluation& evaluation) {
  const Estimate& agreement = *evaluation.agreement;
  const std::string gives =
      absl::StrCat("it gives the float model's answer ",
                   Percent(agreement.value), " of the time");
  if (agreement.high < kPoorAgreement) return {Conclusion::kDrop, gives};
  if (agreement.value < kGoodAgreement || evaluation.sqnr_db.value < kPoorDb) {
    return {Conclusion::kLook, gives};
  }
  return {Conclusion::kKeep, gives};
}

Finding BySqnr(const ModelEvaluation& evaluation) {
  const Estimate& sqnr = evaluation.sqnr_db;
  if (evaluation.identical) {
    return {Conclusion::kKeep, "its outputs are the float model's"};
  }
  const std::string is = absl::StrCat(
      "its outputs are at ", Decibels(sqnr.value), " of the float model's");
  if (sqnr.high < kPoorDb) return {Conclusion::kDrop, is};
  if (sqnr.value < kGoodDb) return {Conclusion::kLook, is};
  return {Conclusion::kKeep, is};
}

std::string Winnings(const ModelEvaluation& evaluation) {
  std::string text;
  if (evaluation.timing) {
    const double speedup = evaluation.timing->speedup.value;
    text = speedup >= 1 ? absl::StrCat(Times(speedup), " as fast")
                        : absl::StrCat(Times(1 / speedup), " slower");
  }
  if (evaluation.rounded_bytes > 0) {
    const double smaller = static_cast<double>(evaluation.exact_bytes) /
                           static_cast<double>(evaluation.rounded_bytes);
    absl::StrAppend(&text, text.empty() ? "" : " and ",
                    Times(smaller >= 1 ? smaller : 1 / smaller),
                    smaller >= 1 ? " smaller" : " larger");
  }
  return text;
}

void AdviseOnSamples(const ReportFacts& facts, Verdict& verdict) {
  if (facts.on_calibration_samples && !facts.options.synthetic.empty()) {
    verdict.advice.push_back(
        "These figures are of the synthetic samples, which say little of real "
        "ones: measure on real ones.");
  } else if (facts.on_calibration_samples) {
    verdict.advice.push_back(
        "These figures are of the samples that chose the ranges, which "
        "flatters them: measure again on others.");
  }
  const std::optional<Estimate>& change = facts.evaluation.accuracy_change;
  if (verdict.conclusion != Conclusion::kDrop && change &&
      change->low < -2 * kPointsGiven) {
    verdict.advice.push_back(absl::StrCat(
        "These ", Count(facts.evaluation.samples),
        " samples cannot rule out a loss of ", Points(-change->low).substr(1),
        ": more of them would narrow the interval."));
  } else if (facts.evaluation.samples < kEnoughSamples) {
    verdict.advice.push_back(
        absl::StrCat("With ", Count(facts.evaluation.samples),
                     facts.evaluation.samples == 1 ? " sample" : " samples",
                     " the intervals are wide: a hundred say more."));
  }
}

}  // namespace

std::string Name(Conclusion conclusion) {
  switch (conclusion) {
    case Conclusion::kKeep:
      return "keep";
    case Conclusion::kLook:
      return "look";
    case Conclusion::kDrop:
      return "drop";
  }
  return "unknown";
}

int WorstLayer(const ModelEvaluation& evaluation) {
  int worst = -1;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < evaluation.layers.size(); ++i) {
    const LayerEvaluation& layer = evaluation.layers[i];
    if (!(layer.own_sqnr_db < least)) continue;
    least = layer.own_sqnr_db;
    worst = static_cast<int>(i);
  }
  return worst;
}

Verdict Judge(const ReportFacts& facts) {
  const ModelEvaluation& evaluation = facts.evaluation;
  Finding finding = evaluation.accuracy_change ? ByAccuracy(evaluation)
                    : evaluation.agreement     ? ByAgreement(evaluation)
                                               : BySqnr(evaluation);
  Verdict verdict;
  verdict.conclusion = finding.conclusion;
  const bool slower = evaluation.timing && evaluation.timing->speedup.high < 1;
  const std::string without_data =
      WithoutData(facts.options, facts.quantization);
  const bool unproved = !without_data.empty() && facts.on_calibration_samples;
  if (slower || unproved) {
    verdict.conclusion = Worse(verdict.conclusion, Conclusion::kLook);
  }
  const std::string winnings = Winnings(evaluation);
  const std::string tail =
      winnings.empty() ? "." : absl::StrCat(", ", winnings, ".");
  switch (verdict.conclusion) {
    case Conclusion::kKeep:
      verdict.headline = absl::StrCat("Keep it: ", finding.what, tail);
      break;
    case Conclusion::kLook:
      verdict.headline =
          absl::StrCat("Look before you keep it: ", finding.what, tail);
      break;
    case Conclusion::kDrop:
      verdict.headline = absl::StrCat("Don't use it: ", finding.what, ".");
      break;
  }
  if (!without_data.empty()) verdict.advice.push_back(without_data);
  if (slower) {
    verdict.advice.push_back(
        "On this machine it is slower than the float model: the times of the "
        "layers say where.");
  }
  const int worst = WorstLayer(evaluation);
  if (worst >= 0 && finding.conclusion != Conclusion::kKeep) {
    const LayerEvaluation& layer = evaluation.layers[worst];
    verdict.advice.push_back(absl::StrCat(
        "Look at ", Printable(layer.name), " (", Printable(layer.op),
        ") first: of all layers it loses most by itself, ",
        Decibels(layer.own_sqnr_db), " with exact inputs."));
  }
  if (finding.conclusion != Conclusion::kKeep && without_data.empty() &&
      facts.options.method == QuantizationMethod::kLinear) {
    verdict.advice.push_back(
        "The method histogram chooses the ranges with more care: try it.");
  }
  if (!facts.quantization.left_out.empty()) {
    verdict.advice.push_back(
        absl::StrCat("Left out for want of time: ",
                     absl::StrJoin(facts.quantization.left_out, ", "),
                     ". A larger time budget tries them."));
  }
  AdviseOnSamples(facts, verdict);
  return verdict;
}

}  // namespace octet::report
