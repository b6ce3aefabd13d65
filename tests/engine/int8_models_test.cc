// SPDX-License-Identifier: Apache-2.0
// Real models quantized from their calibration samples and judged on their
// evaluation samples.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "engine/tools/comparison.h"
#include "engine/tools/run_model.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/catalogue.h"

namespace octet {
namespace {

// What other tools' quantization reaches on the same samples.
struct Mark {
  double agreement;
  double sqnr_db;
};

struct Case {
  const char* name;
  QuantizationMethod method;
  bool keeps_top1;  // within a point of float
  std::optional<Mark> mark;
};

std::ostream& operator<<(std::ostream& out, const Case& test) {
  return out << test.name;
}

constexpr double kTop1Loss = 0.01;
// What counts as equal to a mark.
constexpr double kSamplesApart = 1;
constexpr double kDecibelsApart = 0.3;
// Rounding of a quotient, not of an answer.
constexpr double kRounding = 1e-9;

constexpr QuantizationMethod kLinear = QuantizationMethod::kLinear;
constexpr QuantizationMethod kHistogram = QuantizationMethod::kHistogram;

const Case kCases[] = {
    // Against another runtime's min-max.
    {"resnet20", kLinear, true, Mark{0.981, 28.8}},
    {"resnet56", kLinear, true, Mark{0.986, 27.7}},
    {"squeezenet", kLinear, true, Mark{0.970, 19.7}},
    {"mobilenetv2", kLinear, true, Mark{0.965, 25.9}},
    {"mobilenetv1_025", kLinear, false, Mark{0.655, 9.1}},
    {"kws_dscnn", kLinear, false, std::nullopt},
    {"ad01", kLinear, false, std::nullopt},
    // Against the best of its calibrators; mobilenetv1_025 against what a
    // study of it promises.
    {"resnet20", kHistogram, true, Mark{0.987, 29.2}},
    {"resnet56", kHistogram, true, Mark{0.988, 28.3}},
    {"squeezenet", kHistogram, true, Mark{0.970, 20.0}},
    {"mobilenetv2", kHistogram, true, Mark{0.975, 27.0}},
    {"mobilenetv1_025", kHistogram, true, Mark{0.86, 18.0}},
    {"kws_dscnn", kHistogram, true, std::nullopt},
    {"tinycnn", kHistogram, true, std::nullopt},
    {"mnist", kHistogram, true, std::nullopt},
};

absl::StatusOr<std::shared_ptr<const Model>> Load(absl::string_view bytes,
                                                  int threads, int max_batch) {
  ModelOptions options;
  options.threads = threads;
  options.max_batch = max_batch;
  return Model::FromBytes(bytes, options);
}

absl::StatusOr<std::vector<NamedTensor>> Answers(
    const std::shared_ptr<const Model>& model, const Tensor& rows) {
  const NamedTensor input{model->inputs()[0].name, rows};
  OCTET_ASSIGN_OR_RETURN(tools::ModelAnswer answer,
                         tools::RunModel(model, {&input, 1}));
  return std::move(answer.outputs);
}

// A model, quantized, and both judged.
struct Judged {
  QuantizationResult quantization;
  tools::Comparison comparison;
};

absl::StatusOr<Judged> QuantizeAndJudge(const CatalogueModel& model,
                                        QuantizationMethod method) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(model.path));
  OCTET_ASSIGN_OR_RETURN(auto exact, Load(bytes, /*threads=*/2, 8));
  const NamedTensor calibration{exact->inputs()[0].name, model.calibration};
  QuantizationOptions options;
  options.method = method;
  options.threads = 2;
  Judged judged;
  OCTET_ASSIGN_OR_RETURN(
      judged.quantization,
      Quantize(bytes, {&calibration, 1}, options, /*observer=*/nullptr));
  OCTET_ASSIGN_OR_RETURN(auto rounded,
                         Load(judged.quantization.model, /*threads=*/2, 8));
  OCTET_ASSIGN_OR_RETURN(const auto a, Answers(exact, model.evaluation));
  OCTET_ASSIGN_OR_RETURN(const auto b, Answers(rounded, model.evaluation));
  tools::ComparisonOptions comparing;
  comparing.drop_first_class = model.drop_first_class;
  if (!model.labels.empty()) comparing.labels = model.labels;
  OCTET_ASSIGN_OR_RETURN(judged.comparison, tools::Compare(a, b, comparing));
  return judged;
}

// The answers to `rows` are the same bytes whatever the batch and the threads.
void ExpectRowsIndependent(const std::string& bytes, const Tensor& rows) {
  std::optional<std::vector<NamedTensor>> expected;
  for (int threads : {1, 2}) {
    for (int batch : {1, 3, 8}) {
      auto model = Load(bytes, threads, batch);
      ASSERT_TRUE(model.ok()) << model.status();
      auto answers = Answers(*model, rows);
      ASSERT_TRUE(answers.ok()) << answers.status();
      if (!expected) {
        expected = *std::move(answers);
        continue;
      }
      for (size_t i = 0; i < expected->size(); ++i) {
        const Tensor& a = (*expected)[i].tensor;
        const Tensor& b = (*answers)[i].tensor;
        EXPECT_EQ(std::memcmp(a.bytes(), b.bytes(), a.byte_size()), 0)
            << "batches of " << batch << ", " << threads
            << " threads differ from one row on one thread";
      }
    }
  }
}

// How far apart two shares of `rows` answers are by chance, in 95 of 100 cases:
// what counts as equal where `histogram` is compared.
double ChanceApart(double a, double b, int64_t rows) {
  constexpr double kNormal95 = 1.96;
  return kNormal95 *
         std::sqrt((a * (1 - a) + b * (1 - b)) / static_cast<double>(rows));
}

// Names every step between the first and the last integer step that is float.
std::vector<std::string> FloatStepsBetweenIntegers(const Model& model) {
  const std::vector<StepDescription> steps = model.Steps();
  const auto is_float = [](const StepDescription& step) {
    return step.types == "float32 -> float32";
  };
  const auto first = std::find_if_not(steps.begin(), steps.end(), is_float);
  const auto last =
      std::find_if_not(steps.rbegin(), steps.rend(), is_float).base();
  std::vector<std::string> names;
  for (auto step = first; step < last; ++step) {
    if (absl::StrContains(step->types, "float32") && step + 1 != last) {
      names.push_back(absl::StrCat(step->op, " ", step->name));
    }
  }
  return names;
}

class Int8ModelsTest : public testing::TestWithParam<Case> {};

TEST_P(Int8ModelsTest, KeepsWhatTheFloatModelAnswers) {
  const Case& test = GetParam();
  if (!std::filesystem::exists(CataloguePath(test.name))) {
    GTEST_SKIP() << CataloguePath(test.name)
                 << " is not there; OCTET_SHARED names its folder";
  }
  const auto model = ReadCatalogueModel(test.name);
  ASSERT_TRUE(model.ok()) << model.status();
  const auto judged = QuantizeAndJudge(*model, test.method);
  ASSERT_TRUE(judged.ok()) << judged.status();
  const tools::Comparison& comparison = judged->comparison;
  std::printf(
      "%s %s: top-1 %.2f %% float, %.2f %% int8; agreement %.2f %%; %.2f dB; "
      "%.2f dB on the calibration samples; %ld integer steps, %ld float\n",
      test.name, test.method == kLinear ? "linear" : "histogram",
      100 * comparison.top1_a.value_or(NAN),
      100 * comparison.top1_b.value_or(NAN), 100 * comparison.agreement,
      comparison.sqnr_db, judged->quantization.sqnr_db,
      static_cast<long>(judged->quantization.integer_steps),
      static_cast<long>(judged->quantization.float_steps));
  if (test.keeps_top1) {
    EXPECT_GE(*comparison.top1_b, *comparison.top1_a - kTop1Loss - kRounding);
  }
  if (test.mark) {
    const double apart =
        test.method == kLinear
            ? kSamplesApart / static_cast<double>(comparison.rows)
            : ChanceApart(comparison.agreement, test.mark->agreement,
                          comparison.rows);
    EXPECT_GE(comparison.agreement, test.mark->agreement - apart - kRounding);
    EXPECT_GE(comparison.sqnr_db, test.mark->sqnr_db - kDecibelsApart);
  }

  auto plain = Load(judged->quantization.model, 1, 1);
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_TRUE((*plain)->batches()) << (*plain)->why_not_batched();
  EXPECT_THAT(FloatStepsBetweenIntegers(**plain), testing::IsEmpty());
  ExpectRowsIndependent(judged->quantization.model,
                        model->evaluation.Rows(0, 11));
}

INSTANTIATE_TEST_SUITE_P(All, Int8ModelsTest, testing::ValuesIn(kCases),
                         [](const auto& info) {
                           return std::string(info.param.name) +
                                  (info.param.method == kLinear ? "_linear"
                                                                : "_histogram");
                         });

}  // namespace
}  // namespace octet
