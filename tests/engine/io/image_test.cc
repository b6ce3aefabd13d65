// SPDX-License-Identifier: Apache-2.0
#include "engine/io/image.h"

#include <png.h>
#include <turbojpeg.h>

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet::io {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string EncodePng(int width, int height, int format,
                      const std::vector<uint8_t>& pixels) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format;
  png_alloc_size_t size = 0;
  EXPECT_TRUE(png_image_write_get_memory_size(image, size, 0, pixels.data(), 0,
                                              nullptr));
  std::string bytes(size, '\0');
  EXPECT_TRUE(png_image_write_to_memory(&image, bytes.data(), &size, 0,
                                        pixels.data(), 0, nullptr));
  bytes.resize(size);
  return bytes;
}

// PNG's checksum of a chunk.
uint32_t Checksum(const std::string& bytes) {
  uint32_t sum = 0xffffffff;
  for (const char byte : bytes) {
    sum ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      sum = (sum & 1) != 0 ? (sum >> 1) ^ 0xedb88320 : sum >> 1;
    }
  }
  return ~sum;
}

std::string EncodeJpeg(int width, int height, bool gray, uint8_t value) {
  const std::vector<uint8_t> pixels(width * height * (gray ? 1 : 3), value);
  tjhandle compressor = tjInitCompress();
  unsigned char* bytes = nullptr;
  unsigned long size = 0;  // NOLINT(google-runtime-int): turbojpeg's own
  EXPECT_EQ(tjCompress2(compressor, pixels.data(), width, 0, height,
                        gray ? TJPF_GRAY : TJPF_RGB, &bytes, &size,
                        gray ? TJSAMP_GRAY : TJSAMP_420, 95, 0),
            0);
  std::string result(reinterpret_cast<char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(compressor);
  return result;
}

TEST(ImageTest, ReadsColoursAndGreysOfPng) {
  const auto color =
      ParseImage(EncodePng(2, 1, PNG_FORMAT_RGB, {1, 2, 3, 250, 251, 252}));
  ASSERT_TRUE(color.ok()) << color.status();
  EXPECT_THAT(color->shape(), ElementsAre(1, 2, 3));
  EXPECT_THAT(color->data<uint8_t>(), ElementsAre(1, 2, 3, 250, 251, 252));
  const auto gray = ParseImage(EncodePng(1, 3, PNG_FORMAT_GRAY, {0, 128, 255}));
  ASSERT_TRUE(gray.ok()) << gray.status();
  EXPECT_THAT(gray->shape(), ElementsAre(3, 1, 1));
  EXPECT_THAT(gray->data<uint8_t>(), ElementsAre(0, 128, 255));
}

TEST(ImageTest, DropsTransparencyWithoutBlending) {
  const auto pixels =
      ParseImage(EncodePng(1, 1, PNG_FORMAT_RGBA, {10, 20, 30, 128}));
  ASSERT_TRUE(pixels.ok()) << pixels.status();
  EXPECT_THAT(pixels->data<uint8_t>(), ElementsAre(10, 20, 30));
}

TEST(ImageTest, ReadsColoursAndGreysOfJpeg) {
  const auto color = ParseImage(EncodeJpeg(17, 9, false, 200));
  ASSERT_TRUE(color.ok()) << color.status();
  EXPECT_THAT(color->shape(), ElementsAre(9, 17, 3));
  EXPECT_THAT(color->data<uint8_t>(),
              Each(::testing::AllOf(::testing::Ge(198), ::testing::Le(202))));
  const auto gray = ParseImage(EncodeJpeg(8, 8, true, 64));
  ASSERT_TRUE(gray.ok()) << gray.status();
  EXPECT_THAT(gray->shape(), ElementsAre(8, 8, 1));
}

TEST(ImageTest, EveryTruncationIsAnError) {
  const std::string png =
      EncodePng(8, 8, PNG_FORMAT_GRAY, std::vector<uint8_t>(64, 9));
  const std::string jpeg = EncodeJpeg(16, 16, false, 77);
  // The last bytes of either only mark the end.
  for (size_t size = 0; size + 12 < png.size(); ++size) {
    EXPECT_FALSE(ParseImage(png.substr(0, size)).ok()) << size;
  }
  for (size_t size = 0; size + 2 < jpeg.size(); ++size) {
    EXPECT_FALSE(ParseImage(jpeg.substr(0, size)).ok()) << size;
  }
}

TEST(ImageTest, ChangedBytesNeverCrash) {
  for (const std::string& whole :
       {EncodePng(8, 8, PNG_FORMAT_RGB, std::vector<uint8_t>(192, 9)),
        EncodeJpeg(16, 16, false, 77)}) {
    int refused = 0;
    for (size_t at = 0; at < whole.size(); ++at) {
      std::string changed = whole;
      changed[at] = static_cast<char>(~changed[at]);
      const auto pixels = ParseImage(changed);
      if (!pixels.ok()) {
        ++refused;
        EXPECT_NE(pixels.status().message(), "");
      }
    }
    EXPECT_GT(refused, 0);
  }
}

TEST(ImageTest, RefusesHugePicturesBeforeAllocating) {
  std::string png = EncodePng(1, 1, PNG_FORMAT_GRAY, {0});
  // Width and height of IHDR, behind its length and name; then its checksum.
  const std::string size("\x00\x00\xff\xff\x00\x00\xff\xff", 8);
  png.replace(16, 8, size);
  const uint32_t sum = Checksum(png.substr(12, 17));
  for (int i = 0; i < 4; ++i) {
    png[29 + i] = static_cast<char>(sum >> (24 - 8 * i));
  }
  EXPECT_EQ(ParseImage(png).status().code(),
            absl::StatusCode::kResourceExhausted);
  std::string jpeg = EncodeJpeg(8, 8, true, 1);
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  jpeg.replace(frame + 5, 4, "\xff\x10\xff\x10");
  EXPECT_EQ(ParseImage(jpeg).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ImageTest, SaysWhatIsNoPictureAndNamesFiles) {
  EXPECT_EQ(ParseImage("GIF89a").status().code(),
            absl::StatusCode::kInvalidArgument);
  const ScratchFolder folder;
  folder.Write("a.png", EncodePng(1, 1, PNG_FORMAT_GRAY, {5}));
  folder.Write("b.png", "words");
  EXPECT_TRUE(ReadImage(folder.path() + "/a.png").ok());
  EXPECT_THAT(
      std::string(ReadImage(folder.path() + "/b.png").status().message()),
      HasSubstr("b.png: neither"));
  EXPECT_EQ(ReadImage(folder.path() + "/c.png").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace octet::io
