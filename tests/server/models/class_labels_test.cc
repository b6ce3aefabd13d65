// SPDX-License-Identifier: Apache-2.0
#include "server/models/class_labels.h"

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/models/loaded_model.h"
#include "tests/server/models/registry_fixture.h"

namespace octet {
namespace {

using ::testing::HasSubstr;

TEST(ClassLabelsTest, IsOneLabelALine) {
  const auto labels = ClassLabels::Parse("tench, carp\n\n  great\twhite\r\nx");
  ASSERT_TRUE(labels.ok()) << labels.status();
  ASSERT_EQ(labels->size(), 4u);
  EXPECT_EQ(labels->of(0), "tench, carp");
  EXPECT_EQ(labels->of(1), "");
  EXPECT_EQ(labels->of(2), "  great\twhite");
  EXPECT_EQ(labels->of(3), "x");
  EXPECT_EQ(labels->of(4), "");
  EXPECT_EQ(labels->longest(), 13u);
  EXPECT_EQ(ClassLabels::Parse("a\nb\n")->size(), 2u);
  EXPECT_EQ(ClassLabels::Parse("")->size(), 0u);
  EXPECT_EQ(ClassLabels::Parse("\r\n")->size(), 0u);
}

TEST(ClassLabelsTest, RefusesWhatIsNoText) {
  const std::string longest(ClassLabels::kMaxLabelBytes, 'x');
  EXPECT_TRUE(ClassLabels::Parse(longest).ok());
  const absl::Status too_long =
      ClassLabels::Parse("a\n" + longest + "x").status();
  EXPECT_EQ(too_long.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(too_long.message()),
              HasSubstr("line 2: got 1025 bytes, expected a label of at most"));
  const absl::Status binary =
      ClassLabels::Parse(std::string("a\nb\nc\0d", 7)).status();
  EXPECT_EQ(binary.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(binary.message()),
              HasSubstr("line 3: got control characters"));
}

class LabelledModelTest : public ModelRegistryTest {
 protected:
  void WriteModel(const std::string& file) {
    folder_.Write(
        "m/config.pbtxt",
        absl::StrCat("output { name: \"y\" label_filename: \"", file, "\" }"));
    folder_.Write("m/1/model.onnx", "scale 1");
  }

  // Why the model cannot be loaded.
  std::string Fault() {
    const absl::Status status = Load("m");
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(Index().back(),
                HasSubstr(std::string(absl::StripPrefix(
                    status.message(), "model 'm' version 1: "))));
    return std::string(status.message());
  }
};

TEST_F(LabelledModelTest, HasTheLabelsOfItsOutputs) {
  WriteModel("animals.txt");
  folder_.Write("m/animals.txt", "cat\ndog\n");
  Start();
  const auto model = Find("m");
  ASSERT_NE(model, nullptr);
  ASSERT_EQ(model->class_labels().size(), 1u);
  ASSERT_NE(model->class_labels()[0], nullptr);
  EXPECT_EQ(model->class_labels()[0]->of(1), "dog");
  EXPECT_EQ(model->longest_label(), 3);
  EXPECT_EQ(model->configuration().output(0).label_filename(), "animals.txt");
}

TEST_F(LabelledModelTest, ALoadSeesChangedLabels) {
  limits_.settled_after = absl::ZeroDuration();
  WriteModel("animals.txt");
  folder_.Write("m/animals.txt", "cat\ndog\n");
  Start();
  const auto first = Find("m");
  ASSERT_TRUE(Load("m").ok());
  EXPECT_EQ(Find("m"), first);
  folder_.Write("m/animals.txt", "cat\nfox\n");
  ASSERT_TRUE(Load("m").ok());
  ASSERT_NE(Find("m"), nullptr);
  EXPECT_EQ(Find("m")->class_labels()[0]->of(1), "fox");
}

TEST_F(LabelledModelTest, BadFilesAreErrorsOfTheLoad) {
  WriteModel("animals.txt");
  Start();
  EXPECT_THAT(Fault(), AllOf(HasSubstr("output 'y' label_filename: "),
                             HasSubstr("m/animals.txt: there is no such")));
  folder_.Write("m/animals.txt", "a\nb\nc\nd\ne\n");
  EXPECT_THAT(Fault(), HasSubstr("got 5 labels, expected at most 4"));
  folder_.Write("m/animals.txt", "a\n\x01");
  EXPECT_THAT(Fault(), HasSubstr("animals.txt: line 2: got control"));
  folder_.Write("m/animals.txt",
                std::string(ClassLabels::kMaxFileBytes + 1, '\n'));
  EXPECT_THAT(Fault(), HasSubstr("expected at most 1048576 bytes"));
  const std::string path = folder_.path() + "/m/animals.txt";
  ASSERT_TRUE(std::filesystem::remove(path));
  std::filesystem::create_directory(path);
  EXPECT_THAT(Fault(), HasSubstr("expected a regular file"));
  ASSERT_TRUE(std::filesystem::remove(path));
  std::filesystem::create_symlink("/etc/hostname", path);
  EXPECT_THAT(Fault(), HasSubstr("a link leads out of the folder"));
  WriteModel("../animals.txt");
  EXPECT_THAT(Fault(), HasSubstr("a file's plain name"));
}

}  // namespace
}  // namespace octet
