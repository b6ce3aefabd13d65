// SPDX-License-Identifier: Apache-2.0
// Real models, where they are at hand.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "engine/ir/infer_types.h"
#include "engine/onnx/importer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::onnx {
namespace {

std::filesystem::path ModelsFolder() {
  const char* shared = std::getenv("OCTET_SHARED");
  const std::filesystem::path root =
      shared != nullptr ? std::filesystem::path(shared)
                        : std::filesystem::path(OCTET_SOURCE_DIR) / "../shared";
  return root / "data";
}

std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

struct RealModel {
  const char* path;
  size_t nodes;  // the file's own count
};

void PrintTo(const RealModel& model, std::ostream* out) { *out << model.path; }

class RealModelTest : public testing::TestWithParam<RealModel> {};

TEST_P(RealModelTest, ImportsWithRows) {
  const auto path = ModelsFolder() / GetParam().path;
  if (!std::filesystem::exists(path)) {
    GTEST_SKIP() << path << " is not there; set OCTET_SHARED";
  }
  const auto model = ImportModel(ReadBytes(path));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(model->batches) << model->why_not_batched;
  EXPECT_EQ(model->graph.nodes().size(), GetParam().nodes);
  EXPECT_TRUE(ir::VerifyGraph(model->graph).ok());
  EXPECT_TRUE(ir::CheckRowsIndependent(model->graph).ok());
  const auto eight = model->graph.WithRows(8);
  const auto verified = ir::VerifyGraph(eight);
  EXPECT_TRUE(verified.ok()) << verified;
  EXPECT_EQ(eight.type(eight.outputs()[0]).dims[0], ir::Dim::Fixed(8));
}

// Nodes: what the file has, without Dropout (squeezenet).
INSTANTIATE_TEST_SUITE_P(
    Models, RealModelTest,
    testing::Values(RealModel{"models/resnet20_cifar10.onnx", 73},
                    RealModel{"models/resnet56_cifar10.onnx", 199},
                    RealModel{"models/mobilenetv2_imagenet_fp32.onnx", 101},
                    RealModel{"models/squeezenet_imagenet_fp32.onnx", 65},
                    RealModel{"models/mobilenetv1_025_imagenet_fp32.onnx", 58},
                    RealModel{"models/kws_dscnn_fp32.onnx", 22},
                    RealModel{"models/ad01_autoencoder_fp32.onnx", 19},
                    RealModel{"models/mnist_cntk.onnx", 11},
                    RealModel{"models/tinycnn_cifar10.onnx", 30},
                    RealModel{"models/oww_alexa.onnx", 7},
                    RealModel{"models/winml_iris_mlp.onnx", 5},
                    RealModel{"models/fraud_mlp_1.onnx", 16},
                    RealModel{"models_int8/kws_dscnn_qdq.onnx", 70},
                    RealModel{"models_int8/mobilenetv2_imagenet_qdq.onnx",
                              345}));

}  // namespace
}  // namespace octet::onnx
