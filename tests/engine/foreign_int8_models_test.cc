// SPDX-License-Identifier: Apache-2.0
// Models that other tools made int8 (QDQ, QOperator, dynamic), judged by their
// signal-to-noise ratio against the answers of another runtime: honest engines
// round in different places, so no tolerance by element holds.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/io/file.h"
#include "engine/tools/comparison.h"
#include "engine/tools/run_model.h"
#include "gtest/gtest.h"
#include "tests/testing/catalogue.h"

namespace octet {
namespace {

// shared/data/CATALOGUE.md, over all known answers of a model.
constexpr double kFusedDb = 28;
constexpr double kExactDb = 35;  // rounding where the file does

struct Case {
  const char* name;
  bool batches;  // rows are independent
};
std::ostream& operator<<(std::ostream& out, const Case& test) {
  return out << test.name;
}

const Case kCases[] = {
    {"kws_dscnn_qdq", true},
    {"mobilenetv2_imagenet_qdq", true},
    {"tinycnn_cifar10_qoperator", true},
    // Its scales come from all of a batch.
    {"mobilenetv2_cifar10_dynamic", false},
};

std::string ModelPath(const Case& test) {
  return absl::StrCat(SharedFolder(), "/data/models_int8/", test.name, ".onnx");
}

absl::StatusOr<Tensor> ReadTensor(const std::string& path) {
  OCTET_ASSIGN_OR_RETURN(const std::string bytes, io::ReadFile(path));
  OCTET_ASSIGN_OR_RETURN(NamedTensor named, ParseTensorProto(bytes));
  return std::move(named.tensor);
}

struct Known {
  Tensor input;   // [1, row_shape...]
  Tensor output;  // [1, row_shape...]
};

absl::StatusOr<std::vector<Known>> ReadKnown(const Case& test) {
  std::vector<Known> known;
  for (int set = 0; set < 2; ++set) {
    const std::string folder = absl::StrCat(SharedFolder(), "/data/reference/",
                                            test.name, "/test_data_set_", set);
    OCTET_ASSIGN_OR_RETURN(Tensor input, ReadTensor(folder + "/input_0.pb"));
    OCTET_ASSIGN_OR_RETURN(Tensor output, ReadTensor(folder + "/output_0.pb"));
    known.push_back({std::move(input), std::move(output)});
  }
  return known;
}

// Single rows, one under the other.
Tensor Stacked(const std::vector<Tensor>& rows) {
  Shape shape = rows[0].shape();
  shape[0] = static_cast<int64_t>(rows.size());
  Tensor stacked(rows[0].dtype(), shape);
  std::byte* to = stacked.mutable_bytes();
  for (const Tensor& row : rows) {
    std::memcpy(to, row.bytes(), row.byte_size());
    to += row.byte_size();
  }
  return stacked;
}

// The answers of `model` to each of `known`, row by row: full batches that mix
// them where rows are independent, else each alone.
absl::StatusOr<std::vector<Tensor>> Answers(
    const std::shared_ptr<const Model>& model,
    const std::vector<Known>& known) {
  std::vector<Tensor> answers;
  const int64_t batch = model->options().max_batch;
  const auto count = static_cast<int64_t>(known.size());
  if (model->batches()) {
    const int64_t rows = (batch * count + batch - 1) / batch * batch;
    std::vector<Tensor> inputs;
    for (int64_t row = 0; row < rows; ++row) {
      inputs.push_back(known[row % count].input);
    }
    const NamedTensor input{model->inputs()[0].name, Stacked(inputs)};
    OCTET_ASSIGN_OR_RETURN(const tools::ModelAnswer answer,
                           tools::RunModel(model, {&input, 1}));
    for (int64_t row = 0; row < rows; ++row) {
      answers.push_back(answer.outputs[0].tensor.Rows(row, row + 1));
    }
    return answers;
  }
  for (const Known& one : known) {
    const NamedTensor input{model->inputs()[0].name, one.input};
    OCTET_ASSIGN_OR_RETURN(tools::ModelAnswer answer,
                           tools::RunModel(model, {&input, 1}));
    answers.push_back(std::move(answer.outputs[0].tensor));
  }
  return answers;
}

class ForeignInt8ModelsTest : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(ModelPath(GetParam()))) {
      GTEST_SKIP() << ModelPath(GetParam())
                   << " is not there; OCTET_SHARED names its folder";
    }
    auto known = ReadKnown(GetParam());
    ASSERT_TRUE(known.ok()) << known.status();
    known_ = *std::move(known);
  }

  // `min_db` over the known answers, and the same class for each.
  void ExpectAgreement(const ModelOptions& options, double min_db) {
    const auto model = Model::FromFile(ModelPath(GetParam()), options);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ((*model)->batches(), GetParam().batches)
        << (*model)->why_not_batched();
    const auto answers = Answers(*model, known_);
    ASSERT_TRUE(answers.ok()) << answers.status();
    std::vector<Tensor> expected;
    for (size_t row = 0; row < answers->size(); ++row) {
      expected.push_back(known_[row % known_.size()].output);
    }
    const NamedTensor a{"answer", Stacked(expected)};
    const NamedTensor b{"answer", Stacked(*answers)};
    const auto result = tools::Compare({&a, 1}, {&b, 1}, {});
    ASSERT_TRUE(result.ok()) << result.status();
    std::printf("%s, batch %d, %d threads: %.1f dB\n", GetParam().name,
                options.max_batch, options.threads, result->sqnr_db);
    EXPECT_GE(result->sqnr_db, min_db);
    EXPECT_EQ(result->agreement, 1);
  }

  std::vector<Known> known_;
};

TEST_P(ForeignInt8ModelsTest, DefaultBackendAgreesAtEveryBatch) {
  for (int threads : {1, 2}) {
    for (int batch : {1, 3, 8}) {
      ModelOptions options;
      options.threads = threads;
      options.max_batch = batch;
      ExpectAgreement(options, kFusedDb);
      if (!GetParam().batches) break;
    }
  }
}

TEST_P(ForeignInt8ModelsTest, ReferenceBackendAgrees) {
  ModelOptions options;
  options.backend = BackendChoice::kReference;
  options.threads = 2;
  options.max_batch = 1;
  ExpectAgreement(options, kFusedDb);
}

TEST_P(ForeignInt8ModelsTest, KeepsEveryRoundingWhereAsked) {
  ModelOptions options;
  options.backend = BackendChoice::kReference;
  options.exact_qdq = true;
  options.threads = 2;
  options.max_batch = 1;
  ExpectAgreement(options, kExactDb);
}

INSTANTIATE_TEST_SUITE_P(All, ForeignInt8ModelsTest, testing::ValuesIn(kCases),
                         [](const auto& info) {
                           return std::string(info.param.name);
                         });

}  // namespace
}  // namespace octet
