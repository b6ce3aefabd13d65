// SPDX-License-Identifier: Apache-2.0
// Runs the real `octet-model conform` on small test folders.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/tools/program.h"
#include "tests/engine/tools/tiny_models.h"
#include "tests/testing/scratch_folder.h"

namespace octet::tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OctetModelConformTest : public ::testing::Test {
 protected:
  // A data set of LinearModel(): one row and what is expected of it.
  void WriteDataSet(const std::string& folder, std::vector<float> y,
                    const std::string& input_name = "x") const {
    folder_.Write(folder + "/input_0.pb",
                  FloatTensorProto(input_name, {1, 3}, {1, 3, 3}));
    folder_.Write(folder + "/output_0.pb",
                  FloatTensorProto("y", {1, 2}, std::move(y)));
  }

  void WriteTest(const std::string& name, const std::string& model,
                 std::vector<float> y) const {
    folder_.Write(name + "/model.onnx", model);
    WriteDataSet(name + "/test_data_set_0", std::move(y));
  }

  Outcome Run(const std::string& arguments) const {
    return RunOctetModel(folder_.path(), "conform " + arguments);
  }

  const ScratchFolder folder_;
};

TEST_F(OctetModelConformTest, EveryTestBelowAFolderGetsAVerdict) {
  WriteTest("all/a/pass", LinearModel(), {4, 0.5});
  WriteTest("all/b_wrong", LinearModel(), {4, 0.75});
  WriteTest("all/c_broken", "no model", {4, 0.5});
  WriteTest("all/d_unknown", UnknownOperatorModel(), {4, 0.5});
  WriteTest("all/e_pass", LinearModel(), {4, 0.5});
  folder_.Write("all/no_test/model.onnx", LinearModel());

  const Outcome outcome = Run("all --json");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("2 of 5 tests failed"));
  const nlohmann::json json = outcome.Json();
  ASSERT_THAT(json, SizeIs(1));
  ASSERT_THAT(json["tests"], SizeIs(5));
  const auto test = [&](int i) { return json["tests"][i]; };
  EXPECT_EQ(
      test(0),
      nlohmann::json({{"name", "a/pass"}, {"status", "pass"}, {"detail", ""}}));
  EXPECT_EQ(test(1)["name"], "b_wrong");
  EXPECT_EQ(test(1)["status"], "fail");
  EXPECT_THAT(std::string(test(1)["detail"]),
              AllOf(HasSubstr("test_data_set_0"), HasSubstr("output 'y'"),
                    HasSubstr("got 0.5; expected 0.75")));
  EXPECT_EQ(test(2)["status"], "fail");
  EXPECT_EQ(test(3)["status"], "unsupported");
  EXPECT_THAT(std::string(test(3)["detail"]), HasSubstr("Frobnicate"));
  EXPECT_EQ(test(4)["status"], "pass");
}

TEST_F(OctetModelConformTest, UnsupportedIsNoFailure) {
  WriteTest("t", UnknownOperatorModel(), {4, 0.5});
  const Outcome outcome = Run("t");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("0 passed, 0 failed, 1 unsupported"));
  EXPECT_THAT(outcome.err, IsEmpty());
}

TEST_F(OctetModelConformTest, TolerancesAreThoseOfNumPy) {
  WriteTest("t", LinearModel(), {4, 0.75});
  EXPECT_EQ(Run("t --rtol 0 --atol 0.25").exit_code, 0);
  EXPECT_EQ(Run("t --rtol 0 --atol 0.24").exit_code, 1);
  EXPECT_EQ(Run("t --rtol 0.34 --atol 0 --backend reference").exit_code, 0);
  EXPECT_EQ(Run("t --rtol 0.33 --atol 0").exit_code, 1);
}

TEST_F(OctetModelConformTest, DataSetsMayBelongToAnotherModelFile) {
  folder_.Write("m.onnx", LinearModel());
  WriteDataSet("reference/linear/test_data_set_0", {4, 0.5});
  WriteDataSet("reference/linear/test_data_set_1", {4, 0.5});
  const Outcome outcome =
      Run("reference/linear/ --model m.onnx --json --backend reference");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.Json()["tests"][0]["name"], "linear");
  EXPECT_EQ(outcome.Json()["tests"][0]["status"], "pass");
}

TEST_F(OctetModelConformTest, SecondDataSetCountsToo) {
  WriteTest("t", LinearModel(), {4, 0.5});
  WriteDataSet("t/test_data_set_1", {5, 0.5});
  const Outcome outcome = Run("t --json");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(std::string(outcome.Json()["tests"][0]["detail"]),
              HasSubstr("test_data_set_1"));
}

TEST_F(OctetModelConformTest, TensorsWithoutAKnownNameGoByTheirNumber) {
  folder_.Write("t/model.onnx", LinearModel());
  WriteDataSet("t/test_data_set_0", {4, 0.5}, /*input_name=*/"");
  EXPECT_EQ(Run("t").exit_code, 0);
}

TEST_F(OctetModelConformTest, BrokenDataIsAFailureOfItsTestOnly) {
  WriteTest("all/a", LinearModel(), {4, 0.5});
  folder_.Write("all/a/test_data_set_0/input_0.pb", "\xff\xff\xff");
  WriteTest("all/b", LinearModel(), {4, 0.5});
  folder_.Write("all/b/test_data_set_0/output_0.pb",
                FloatTensorProto("y", {2}, {4, 0.5}));
  WriteTest("all/c", LinearModel(), {4, 0.5});
  const Outcome outcome = Run("all --json");
  EXPECT_EQ(outcome.exit_code, 1);
  const nlohmann::json tests = outcome.Json()["tests"];
  ASSERT_THAT(tests, SizeIs(3));
  EXPECT_THAT(std::string(tests[0]["detail"]), HasSubstr("input_0.pb"));
  EXPECT_THAT(std::string(tests[1]["detail"]),
              HasSubstr("got float32 [1, 2]; expected float32 [2]"));
  EXPECT_EQ(tests[2]["status"], "pass");
}

TEST_F(OctetModelConformTest, FolderWithoutTestsIsAFailure) {
  folder_.Write("empty/readme", "");
  for (const char* arguments :
       {"empty", "absent", "empty --model m.onnx", "empty --json"}) {
    const Outcome outcome = Run(arguments);
    EXPECT_EQ(outcome.exit_code, 1) << arguments;
    EXPECT_THAT(outcome.out, IsEmpty()) << arguments;
    EXPECT_THAT(outcome.err, HasSubstr("octet-model conform: ")) << arguments;
  }
}

}  // namespace
}  // namespace octet::tools
