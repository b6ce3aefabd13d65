// SPDX-License-Identifier: Apache-2.0
// The corpus through the fuzz target, in the ordinary build: what a fuzzer once
// found stays fixed where there is no libFuzzer.
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "engine/onnx/importer.h"
#include "engine/optimize.h"
#include "gtest/gtest.h"
#include "tests/fuzz/seed_models.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace octet::onnx {
namespace {

std::vector<std::filesystem::path> Corpus() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(
           OCTET_SOURCE_DIR "/tests/fuzz/corpus/onnx_importer")) {
    files.push_back(entry.path());
  }
  return files;
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void RunTarget(const std::string& bytes) {
  EXPECT_EQ(LLVMFuzzerTestOneInput(
                reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()),
            0);
}

TEST(FuzzCorpusTest, EveryFileOfTheCorpusIsSurvived) {
  const auto files = Corpus();
  ASSERT_FALSE(files.empty());
  for (const auto& path : files) {
    SCOPED_TRACE(path.filename().string());
    RunTarget(ReadFile(path));
  }
}

// Else the fuzzer would start from error messages.
TEST(FuzzCorpusTest, EverySeedImports) {
  for (const SeedModel& seed : SeedModels()) {
    const auto model = ImportModel(seed.bytes, internal::ReferenceEvaluator());
    EXPECT_TRUE(model.ok()) << seed.name << ": " << model.status();
  }
}

TEST(FuzzCorpusTest, TheCorpusHoldsTheSeedsAsTheyAre) {
  for (const SeedModel& seed : SeedModels()) {
    const std::string bytes =
        ReadFile(std::string(OCTET_SOURCE_DIR) +
                 "/tests/fuzz/corpus/onnx_importer/" + seed.name + ".onnx");
    EXPECT_EQ(bytes, seed.bytes)
        << seed.name << ": write it again with write_seeds";
  }
}

}  // namespace
}  // namespace octet::onnx
