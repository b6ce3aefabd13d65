// SPDX-License-Identifier: Apache-2.0
// Damaged files: whatever comes back, it is a Status and not a crash.
#include <cstdint>
#include <random>
#include <string>

#include "engine/ir/infer_types.h"
#include "engine/onnx/importer.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

namespace octet::onnx {
namespace {

// A bit of everything, so that every rule sees damage.
std::string SmallModel() {
  ModelBuilder m(13);
  m.Input("x", {-1, 2, 6, 6}).Output("y").Output("z");
  m.Weights("w", {4, 2, 3, 3}).Weights("b", {4});
  m.Node("Conv", {"x", "w", "b"}, {"c"})
      .Ints("pads", {1, 1, 1, 1})
      .Ints("strides", {1, 1})
      .Ints("dilations", {1, 1})
      .Ints("kernel_shape", {3, 3})
      .Int("group", 1);
  m.Weights("p", {4});
  m.Node("BatchNormalization", {"c", "p", "p", "p", "p"}, {"n"})
      .Float("epsilon", 1e-3f);
  m.Floats("six", {}, {6});
  m.Node("Clip", {"n", "", "six"}, {"r"});
  m.Node("MaxPool", {"r"}, {"q"})
      .Ints("kernel_shape", {2, 2})
      .Ints("strides", {2, 2})
      .Int("ceil_mode", 1);
  m.Floats("scale", {}, {0.1f});
  m.Constant("zero", Tensor::Of<uint8_t>({}, {3}));
  m.Node("QuantizeLinear", {"q", "scale", "zero"}, {"qi"});
  m.Node("DequantizeLinear", {"qi", "scale", "zero"}, {"qd"});
  m.Ints("axes", {2}).Ints("starts", {0}).Ints("ends", {2});
  m.Node("Slice", {"qd", "starts", "ends", "axes"}, {"s"});
  m.Ints("pads", {0, 0, 1, 0, 0, 0, 0, 0});
  m.Node("Pad", {"s", "pads"}, {"sp"});
  m.Node("Concat", {"sp", "sp"}, {"cc"}).Int("axis", 1);
  m.Node("ReduceMean", {"cc"}, {"z"}).Ints("axes", {2, 3}).Int("keepdims", 0);
  m.Ints("shape", {0, -1});
  m.Node("Reshape", {"cc", "shape"}, {"f"});
  m.Weights("g", {5, 72}).Weights("h", {5});
  m.Node("Gemm", {"f", "g", "h"}, {"l"}).Int("transB", 1).Float("alpha", 2);
  m.Node("Transpose", {"l"}, {"t"}).Ints("perm", {0, 1});
  m.Node("Softmax", {"t"}, {"y"}).Int("axis", -1);
  return m.Bytes();
}

// What does import is sound enough for everything behind it.
void ImportAndVerify(const std::string& bytes) {
  const auto model = ImportModel(bytes);
  if (!model.ok()) {
    EXPECT_NE(model.status().code(), absl::StatusCode::kInternal)
        << model.status();
    return;
  }
  const absl::Status status = ir::VerifyGraph(model->graph);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(DamagedModelTest, UndamagedModelImports) {
  const auto model = ImportModel(SmallModel());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_TRUE(model->batches) << model->why_not_batched;
}

TEST(DamagedModelTest, EveryPrefixGivesAStatus) {
  const std::string bytes = SmallModel();
  for (size_t size = 0; size < bytes.size(); ++size) {
    ImportAndVerify(bytes.substr(0, size));
  }
}

TEST(DamagedModelTest, FlippedBitsGiveAStatus) {
  const std::string bytes = SmallModel();
  constexpr uint32_t kSeed = 20240607;
  std::mt19937 random(kSeed);
  for (int round = 0; round < 2000; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed << " round " << round);
    std::string damaged = bytes;
    const int flips = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < flips; ++i) {
      damaged[random() % damaged.size()] ^=
          static_cast<char>(1u << (random() % 8));
    }
    ImportAndVerify(damaged);
  }
}

// Bytes that make varints long and lengths wrong are likelier to reach far.
TEST(DamagedModelTest, ReplacedBytesGiveAStatus) {
  const std::string bytes = SmallModel();
  constexpr uint32_t kSeed = 7;
  std::mt19937 random(kSeed);
  const char interesting[] = {0, 1, 2, 3, 0x7f, '\x80', '\xff'};
  for (int round = 0; round < 2000; ++round) {
    SCOPED_TRACE(testing::Message() << "seed " << kSeed << " round " << round);
    std::string damaged = bytes;
    damaged[random() % damaged.size()] =
        interesting[random() % sizeof(interesting)];
    ImportAndVerify(damaged);
  }
}

}  // namespace
}  // namespace octet::onnx
