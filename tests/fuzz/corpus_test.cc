// SPDX-License-Identifier: Apache-2.0
// The corpus of a fuzz target through it, in the ordinary build: what a fuzzer
// once found stays fixed where there is no libFuzzer.
#include <cstdint>
#include <filesystem>
#include <string>

#include "engine/io/file.h"
#include "gtest/gtest.h"
#include "tests/fuzz/fuzz_target.h"

namespace octet {
namespace {

TEST(FuzzCorpusTest, EveryFileOfTheCorpusIsSurvived) {
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::string(OCTET_SOURCE_DIR "/tests/fuzz/corpus/") + kFuzzCorpus)) {
    SCOPED_TRACE(entry.path().filename().string());
    const auto bytes = io::ReadFile(entry.path().string());
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes->data()),
                               bytes->size()),
        0);
    ++files;
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace octet
