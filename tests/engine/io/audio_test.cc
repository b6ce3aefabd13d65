// SPDX-License-Identifier: Apache-2.0
#include "engine/io/audio.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Field(uint32_t value, int bytes) {
  std::string field;
  for (int i = 0; i < bytes; ++i) {
    field.push_back(static_cast<char>(value >> (8 * i)));
  }
  return field;
}

// A WAV file of 16-bit integers.
std::string Wav(int channels, int rate, const std::vector<int16_t>& samples) {
  std::string data;
  for (const int16_t sample : samples) {
    data += Field(static_cast<uint16_t>(sample), 2);
  }
  const std::string format = Field(1, 2) + Field(channels, 2) + Field(rate, 4) +
                             Field(rate * channels * 2, 4) +
                             Field(channels * 2, 2) + Field(16, 2);
  const std::string chunks = "WAVEfmt " + Field(format.size(), 4) + format +
                             "data" + Field(data.size(), 4) + data;
  return "RIFF" + Field(chunks.size(), 4) + chunks;
}

TEST(AudioTest, ReadsSamplesByFrameAndChannel) {
  const auto audio = ParseAudio(Wav(2, 16000, {0, 16384, -32768, 8192}));
  ASSERT_TRUE(audio.ok()) << audio.status();
  EXPECT_EQ(audio->sample_rate, 16000);
  EXPECT_THAT(audio->samples.shape(), ElementsAre(2, 2));
  EXPECT_THAT(audio->samples.data<float>(), ElementsAre(0, 0.5f, -1, 0.25f));
}

TEST(AudioTest, EveryTruncationIsAnError) {
  const std::string whole = Wav(1, 8000, {1, 2, 3, 4, 5, 6});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseAudio(whole.substr(0, size)).ok()) << size;
  }
}

TEST(AudioTest, ChangedBytesNeverCrash) {
  const std::string whole = Wav(1, 8000, {1, 2, 3, 4, 5, 6});
  int refused = 0;
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      if (!ParseAudio(changed).ok()) ++refused;
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(AudioTest, PromisesAreNotAllocated) {
  std::string lying = Wav(1, 8000, {1, 2});
  lying.replace(40, 4, Field(0xfffffff0, 4));
  EXPECT_EQ(ParseAudio(lying).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ParseAudio(Wav(1, 8000, {})).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(AudioTest, SaysWhatIsNoSoundAndNamesFiles) {
  EXPECT_EQ(ParseAudio("OggS").status().code(),
            absl::StatusCode::kInvalidArgument);
  const ScratchFolder folder;
  folder.Write("a.wav", Wav(1, 8000, {1}));
  folder.Write("b.wav", "words");
  EXPECT_TRUE(ReadAudio(folder.path() + "/a.wav").ok());
  EXPECT_THAT(
      std::string(ReadAudio(folder.path() + "/b.wav").status().message()),
      HasSubstr("b.wav: no WAV file"));
}

}  // namespace
}  // namespace octet::io
