// SPDX-License-Identifier: Apache-2.0
// One int8 file gives the same bytes on every instruction set that this machine
// can be held to: integer products are exact on all of them, so nothing
// saturates unseen.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/tools/program.h"
#include "tests/testing/scratch_folder.h"

namespace octet::tools {
namespace {

// Sets environment variables while it lives.
class HeldTo {
 public:
  HeldTo(const char* octet, const char* onednn) {
    ::setenv("OCTET_MAX_ISA", octet, 1);
    ::setenv("ONEDNN_MAX_CPU_ISA", onednn, 1);
  }
  ~HeldTo() {
    ::unsetenv("OCTET_MAX_ISA");
    ::unsetenv("ONEDNN_MAX_CPU_ISA");
  }
};

struct Limit {
  const char* octet;
  const char* onednn;
};

// Where the machine lacks one, it runs on the next below and proves less.
constexpr Limit kLimits[] = {
    {"amx_int8", "ALL"},       {"avx512_vnni", "AVX512_CORE_VNNI"},
    {"avx512", "AVX512_CORE"}, {"avx_vnni", "AVX2_VNNI"},
    {"avx2", "AVX2"},          {"portable", "SSE41"}};

// Pictures of a file, uint8 [n, 32, 32], as the model takes them: float32
// [n, 1, 32, 32], grey value / 255.
void WriteReals(const std::string& from, const std::string& to) {
  const auto bytes = io::ReadNpy(from);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  Tensor reals(DType::kFloat32, {bytes->shape()[0], 1, 32, 32});
  std::transform(bytes->data<uint8_t>().begin(), bytes->data<uint8_t>().end(),
                 reals.mutable_data<float>().begin(),
                 [](uint8_t byte) { return static_cast<float>(byte) / 255; });
  ASSERT_TRUE(io::WriteNpy(to, reals).ok());
}

class IsaAgreementTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::filesystem::path sample =
        std::filesystem::path(OCTET_SOURCE_DIR) / "deploy/sample";
    const std::filesystem::path folder(folder_.path());
    std::filesystem::copy(sample / "printed_characters.onnx",
                          folder / "printed_characters.onnx");
    for (const char* name :
         {"calibration_images.npy", "evaluation_images.npy"}) {
      WriteReals(sample / name, folder / name);
    }
    const Outcome made = RunOctetModel(
        folder_.path(),
        std::string("quantize printed_characters.onnx --calibration "
                    "image=calibration_images.npy --output int8.onnx "
                    "--method ") +
            GetParam());
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }

  // The answers to the evaluation images on one instruction set.
  std::string Answers(const Limit& limit) const {
    const HeldTo held(limit.octet, limit.onednn);
    const Outcome ran =
        RunOctetModel(folder_.path(),
                      "run int8.onnx --input image=evaluation_images.npy "
                      "--output-dir answers --json");
    EXPECT_EQ(ran.exit_code, 0) << limit.octet << ": " << ran.err;
    const std::string file = ran.Json()["outputs"][0]["file"];
    return folder_.Read(file);
  }

  const ScratchFolder folder_;
};

TEST_P(IsaAgreementTest, AnswersAreTheSameBytesOnEach) {
  const std::string expected = Answers(kLimits[0]);
  ASSERT_FALSE(expected.empty());
  for (const Limit& limit : kLimits) {
    EXPECT_TRUE(Answers(limit) == expected)
        << "held to " << limit.octet << ", the answers are other bytes";
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, IsaAgreementTest,
                         testing::Values("linear", "histogram",
                                         "linear --format qoperator"),
                         [](const auto& info) {
                           std::string name(info.param);
                           std::erase_if(name, [](char c) {
                             return c == ' ' || c == '-';
                           });
                           return name;
                         });

}  // namespace
}  // namespace octet::tools
