// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/external_data.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"
#include "tests/testing/scratch_folder.h"

namespace octet::onnx {
namespace {

namespace fs = std::filesystem;
using ::onnx::TensorProto;
using ::testing::HasSubstr;

// y = x + w, w being four float32 in another file.
class ExternalDataTest : public testing::Test {
 protected:
  ExternalDataTest() {
    const float values[] = {9, 1, 2, 3, 4};
    folder_.Write(
        "m/weights.bin",
        std::string(reinterpret_cast<const char*>(values), sizeof(values)));
  }

  // A model with the entries of external_data.
  std::string Model(
      const std::vector<std::pair<std::string, std::string>>& entries) {
    ModelBuilder model(13);
    model.Input("x", {-1, 4}).Output("y");
    TensorProto* w = model.proto().mutable_graph()->add_initializer();
    w->set_name("w");
    w->set_data_type(TensorProto::FLOAT);
    w->add_dims(4);
    w->set_data_location(TensorProto::EXTERNAL);
    for (const auto& [key, value] : entries) {
      auto* entry = w->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    model.Node("Add", {"x", "w"}, {"y"});
    return model.Bytes();
  }

  absl::StatusOr<std::shared_ptr<const octet::Model>> Load(
      const std::vector<std::pair<std::string, std::string>>& entries) {
    folder_.Write("m/model.onnx", Model(entries));
    return octet::Model::FromFile(folder_.path() + "/m/model.onnx", {});
  }

  void ExpectAnswer(const std::shared_ptr<const octet::Model>& model) {
    const auto executor = Executor::Create(model);
    ASSERT_TRUE(executor.ok()) << executor.status();
    const Tensor x = Tensor::Of<float>({1, 4}, {10, 20, 30, 40});
    const auto y = (*executor)->RunTensors({&x, 1}, nullptr);
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_THAT((*y)[0].data<float>(), testing::ElementsAre(11, 22, 33, 44));
  }

  ScratchFolder folder_;
};

TEST_F(ExternalDataTest, ReadsARegionOfAFile) {
  const auto model =
      Load({{"location", "weights.bin"}, {"offset", "4"}, {"length", "16"}});
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectAnswer(*model);
}

TEST_F(ExternalDataTest, LengthMayBeLeftOut) {
  const auto model = Load({{"location", "weights.bin"}, {"offset", "4"}});
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectAnswer(*model);
}

TEST_F(ExternalDataTest, AFileCutShortLaterChangesNothing) {
  const auto model = Load({{"location", "weights.bin"}, {"offset", "4"}});
  ASSERT_TRUE(model.ok()) << model.status();
  fs::resize_file(folder_.path() + "/m/weights.bin", 0);
  ExpectAnswer(*model);
}

TEST_F(ExternalDataTest, BytesWithoutAFolderAreRefused) {
  const auto model =
      octet::Model::FromBytes(Model({{"location", "weights.bin"}}), {});
  EXPECT_TRUE(absl::IsFailedPrecondition(model.status())) << model.status();
  EXPECT_THAT(std::string(model.status().message()),
              HasSubstr("'weights.bin'"));
}

TEST_F(ExternalDataTest, ASelfContainedModelNeedsNoFolder) {
  folder_.Write("m/model.onnx",
                Model({{"location", "weights.bin"}, {"offset", "4"}}));
  const auto bytes = ReadSelfContainedModel(folder_.path() + "/m/model.onnx");
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  const auto model = octet::Model::FromBytes(*bytes, {});
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectAnswer(*model);
}

TEST_F(ExternalDataTest, LocationsOutsideTheFolderAreRefused) {
  folder_.Write("outside.bin", std::string(20, 'x'));
  folder_.Write("m/inner/weights.bin", std::string(20, 'x'));
  const std::string absolute = folder_.path() + "/outside.bin";
  for (const std::string& location :
       {std::string("../outside.bin"), absolute, std::string(""),
        std::string("inner/../../outside.bin"), std::string("..")}) {
    SCOPED_TRACE(location);
    const auto model = Load({{"location", location}});
    EXPECT_TRUE(absl::IsInvalidArgument(model.status())) << model.status();
  }
}

TEST_F(ExternalDataTest, LinksThatLeadOutAreRefused) {
  folder_.Write("outside.bin", std::string(20, 'x'));
  ASSERT_EQ(symlink("../outside.bin", (folder_.path() + "/m/link.bin").c_str()),
            0);
  const auto model = Load({{"location", "link.bin"}});
  EXPECT_TRUE(absl::IsPermissionDenied(model.status())) << model.status();
}

TEST_F(ExternalDataTest, LinksThatStayAreFollowed) {
  ASSERT_EQ(symlink("weights.bin", (folder_.path() + "/m/link.bin").c_str()),
            0);
  const auto model = Load({{"location", "link.bin"}, {"offset", "4"}});
  EXPECT_TRUE(model.ok()) << model.status();
}

TEST_F(ExternalDataTest, RegionsBeyondTheFileAreDataLoss) {
  for (const char* offset : {"5", "20", "21", "9223372036854775807"}) {
    SCOPED_TRACE(offset);
    const auto model = Load({{"location", "weights.bin"}, {"offset", offset}});
    EXPECT_TRUE(absl::IsDataLoss(model.status())) << model.status();
  }
}

TEST_F(ExternalDataTest, AnotherLengthThanTheShapeIsDataLoss) {
  const auto model = Load({{"location", "weights.bin"}, {"length", "20"}});
  EXPECT_TRUE(absl::IsDataLoss(model.status())) << model.status();
}

TEST_F(ExternalDataTest, NumbersThatAreNoneAreRefused) {
  for (const char* offset : {"-4", "four", "99999999999999999999"}) {
    SCOPED_TRACE(offset);
    const auto model = Load({{"location", "weights.bin"}, {"offset", offset}});
    EXPECT_TRUE(absl::IsInvalidArgument(model.status())) << model.status();
  }
}

TEST_F(ExternalDataTest, MissingFilesAreNamed) {
  const auto model = Load({{"location", "nowhere.bin"}});
  EXPECT_TRUE(absl::IsNotFound(model.status())) << model.status();
  EXPECT_THAT(std::string(model.status().message()), HasSubstr("nowhere.bin"));
}

TEST_F(ExternalDataTest, PipesAndFoldersAreNotOpened) {
  ASSERT_EQ(mkfifo((folder_.path() + "/m/pipe").c_str(), 0644), 0);
  fs::create_directory(folder_.path() + "/m/folder");
  for (const char* location : {"pipe", "folder", "."}) {
    SCOPED_TRACE(location);
    const auto model = Load({{"location", location}});
    EXPECT_TRUE(absl::IsInvalidArgument(model.status())) << model.status();
  }
}

TEST_F(ExternalDataTest, ManyReadersOfOneRegionAreRefused) {
  ModelBuilder model(13);
  model.Input("x", {1, 1 << 16}).Output("y");
  folder_.Write("m/big.bin", std::string(1 << 18, '\0'));
  std::string sum = "x";
  for (int i = 0; i < 50; ++i) {
    TensorProto* w = model.proto().mutable_graph()->add_initializer();
    w->set_name(absl::StrCat("w", i));
    w->set_data_type(TensorProto::FLOAT);
    w->add_dims(1 << 16);
    w->set_data_location(TensorProto::EXTERNAL);
    auto* entry = w->add_external_data();
    entry->set_key("location");
    entry->set_value("big.bin");
    const std::string next = i == 49 ? "y" : absl::StrCat("s", i);
    model.Node("Add", {sum, w->name()}, {next});
    sum = next;
  }
  folder_.Write("m/model.onnx", model.Bytes());
  const auto loaded =
      octet::Model::FromFile(folder_.path() + "/m/model.onnx", {});
  EXPECT_TRUE(absl::IsResourceExhausted(loaded.status())) << loaded.status();
}

TEST_F(ExternalDataTest, ConstantsOfNodesMayLieOutsideToo) {
  ModelBuilder model(13);
  model.Input("x", {-1, 4}).Output("y");
  model.Node("Constant", {}, {"w"})
      .Value("value", Tensor(DType::kFloat32, {4}));
  TensorProto* value = model.proto()
                           .mutable_graph()
                           ->mutable_node(0)
                           ->mutable_attribute(0)
                           ->mutable_t();
  value->clear_raw_data();
  value->set_data_location(TensorProto::EXTERNAL);
  for (const auto& [key, text] :
       {std::pair("location", "weights.bin"), std::pair("offset", "4")}) {
    auto* entry = value->add_external_data();
    entry->set_key(key);
    entry->set_value(text);
  }
  model.Node("Add", {"x", "w"}, {"y"});
  folder_.Write("m/model.onnx", model.Bytes());
  const auto loaded =
      octet::Model::FromFile(folder_.path() + "/m/model.onnx", {});
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ExpectAnswer(*loaded);
}

}  // namespace
}  // namespace octet::onnx
