// SPDX-License-Identifier: Apache-2.0
#include "engine/io/npz.h"

#include <zip.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Entry = std::pair<std::string, std::string>;

std::string Npy(const Tensor& tensor) {
  return SerializeNpy(tensor).value_or("");
}

class NpzTest : public ::testing::Test {
 protected:
  // The bytes of an archive with these entries.
  std::string Archive(const std::vector<Entry>& entries, bool compressed,
                      bool encrypted = false) {
    const std::string path =
        folder_.path() + "/" + std::to_string(++archives_) + ".npz";
    zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_EXCL, nullptr);
    EXPECT_NE(archive, nullptr);
    for (const auto& [name, bytes] : entries) {
      zip_source_t* source =
          zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
      const zip_int64_t index =
          zip_file_add(archive, name.c_str(), source, ZIP_FL_OVERWRITE);
      EXPECT_GE(index, 0);
      zip_set_file_compression(archive, index,
                               compressed ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
      if (encrypted) {
        zip_file_set_encryption(archive, index, ZIP_EM_AES_128, "word");
      }
    }
    EXPECT_EQ(zip_close(archive), 0);
    return folder_.Read(std::to_string(archives_) + ".npz");
  }

  ScratchFolder folder_;
  int archives_ = 0;
};

TEST_F(NpzTest, ReadsStoredAndCompressedArraysInOrder) {
  const std::string image = Npy(Tensor::Of<float>({2, 1}, {1.5f, -2}));
  const std::string mask = Npy(Tensor::Of<uint8_t>({3}, {1, 0, 255}));
  for (const bool compressed : {false, true}) {
    const auto tensors = ParseNpz(
        Archive({{"image.npy", image}, {"mask.npy", mask}}, compressed));
    ASSERT_TRUE(tensors.ok()) << tensors.status();
    ASSERT_EQ(tensors->size(), 2u);
    EXPECT_EQ((*tensors)[0].name, "image");
    EXPECT_THAT((*tensors)[0].tensor.data<float>(), ElementsAre(1.5f, -2));
    EXPECT_EQ((*tensors)[1].name, "mask");
    EXPECT_THAT((*tensors)[1].tensor.data<uint8_t>(), ElementsAre(1, 0, 255));
  }
}

TEST_F(NpzTest, ReadsFilesAndNamesThemInErrors) {
  Archive({{"x.npy", Npy(Tensor::Of<float>({1}, {7}))}}, true);
  const auto tensors = ReadNpz(folder_.path() + "/1.npz");
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  EXPECT_EQ(ReadNpz(folder_.path() + "/none.npz").status().code(),
            absl::StatusCode::kNotFound);
  folder_.Write("text.npz", "no archive at all");
  const absl::Status status = ReadNpz(folder_.path() + "/text.npz").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("text.npz: no .npz"));
}

TEST_F(NpzTest, EveryTruncationIsAnError) {
  const std::string whole =
      Archive({{"x.npy", Npy(Tensor(DType::kFloat32, {40}))}}, true);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseNpz(whole.substr(0, size)).ok()) << size;
  }
}

TEST_F(NpzTest, ChangedBytesNeverCrashAndNeverChangeAnArray) {
  Tensor ramp(DType::kUInt8, {64});
  for (int i = 0; i < 64; ++i) ramp.mutable_data<uint8_t>()[i] = i;
  const std::string whole = Archive({{"x.npy", Npy(ramp)}}, false);
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int mask : {0x01, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ mask);
      const auto tensors = ParseNpz(changed);
      if (!tensors.ok() || tensors->empty()) continue;
      const absl::Span<const uint8_t> got =
          (*tensors)[0].tensor.data<uint8_t>();
      EXPECT_TRUE(
          std::equal(got.begin(), got.end(), ramp.data<uint8_t>().begin()))
          << at;
    }
  }
}

TEST_F(NpzTest, RefusesWhatIsNoArray) {
  EXPECT_EQ(ParseNpz(Archive({{"x.txt", "words"}}, false)).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ParseNpz(Archive({{"x.npy", "words"}}, false)).status().code(),
            absl::StatusCode::kDataLoss);
  const std::string array = Npy(Tensor(DType::kFloat32, {1}));
  const absl::Status encrypted =
      ParseNpz(Archive({{"x.npy", array}}, false, true)).status();
  EXPECT_EQ(encrypted.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(encrypted.message()), HasSubstr("encrypted"));
}

TEST_F(NpzTest, BoundsBytesAndRefusesSizesThatCannotBe) {
  const std::string array = Npy(Tensor(DType::kFloat32, {1000}));
  const std::string archive = Archive({{"x.npy", array}}, true);
  EXPECT_EQ(ParseNpz(archive, 4000).status().code(),
            absl::StatusCode::kResourceExhausted);
  // The directory's uncompressed size, 24 bytes into its only entry.
  const size_t directory = archive.find("PK\x01\x02");
  ASSERT_NE(directory, std::string::npos);
  std::string lying = archive;
  lying[directory + 27] = 0x70;
  EXPECT_EQ(ParseNpz(lying).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(NpzTest, BoundsTheNumberOfArrays) {
  std::vector<Entry> entries;
  for (int i = 0; i <= kMaxNpzArrays; ++i) {
    entries.push_back({std::to_string(i) + ".npy", ""});
  }
  EXPECT_EQ(ParseNpz(Archive(entries, false)).status().code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace octet::io
