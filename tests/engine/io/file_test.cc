// SPDX-License-Identifier: Apache-2.0
#include "engine/io/file.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "engine/io/named_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::io {
namespace {

using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  FileTest()
      : folder_(
            std::filesystem::path(::testing::TempDir()) /
            ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~FileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ / name; }

  // Files in the folder, leftovers included.
  int CountFiles() const {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      count += entry.exists();
    }
    return count;
  }

  const std::filesystem::path folder_;
};

TEST_F(FileTest, ReadsBackWhatItWrote) {
  const absl::string_view pieces[] = {"head", absl::string_view("\0x", 2)};
  ASSERT_TRUE(WriteFileAtomically(Path("f"), pieces).ok());
  const auto bytes = ReadFile(Path("f"));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(*bytes, std::string("head\0x", 6));
  EXPECT_EQ(CountFiles(), 1);
}

TEST_F(FileTest, ReplacesAFileAndKeepsItsMode) {
  ASSERT_TRUE(WriteFileAtomically(Path("f"), {"old"}).ok());
  ASSERT_EQ(::chmod(Path("f").c_str(), 0640), 0);
  ASSERT_TRUE(WriteFileAtomically(Path("f"), {"new"}).ok());
  EXPECT_EQ(*ReadFile(Path("f")), "new");
  struct stat facts;
  ASSERT_EQ(::stat(Path("f").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0640u);
}

TEST_F(FileTest, RefusesToReplaceWhatIsNoFile) {
  const absl::Status device = WriteFileAtomically("/dev/null", {"x"});
  EXPECT_EQ(device.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_EQ(WriteFileAtomically(folder_, {"x"}).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(FileTest, NamesTheFolderThatIsNotThere) {
  const absl::Status status = WriteFileAtomically(Path("no/such/f"), {"x"});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("no/such/f"));
}

TEST_F(FileTest, ReadingErrorsHaveTheirCodes) {
  EXPECT_EQ(ReadFile(Path("absent")).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(folder_).status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(ReadFile(Path("pipe")).status().code(),
            absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(WriteFileAtomically(Path("f"), {"12345"}).ok());
  EXPECT_EQ(ReadFile(Path("f"), 4).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(FileTest, FileThatShrinksIsDataLoss) {
  ASSERT_TRUE(WriteFileAtomically(Path("f"), {"12345"}).ok());
  const auto file = InputFile::Open(Path("f"));
  ASSERT_TRUE(file.ok());
  std::filesystem::resize_file(Path("f"), 2);
  std::byte buffer[5];
  EXPECT_EQ((*file)->ReadAt(0, buffer).code(), absl::StatusCode::kDataLoss);
}

TEST(NamedFilesTest, SplitsAtTheFirstEqualsSign) {
  const auto file = ParseNamedFile("x:0=a=b.npy");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->name, "x:0");
  EXPECT_EQ(file->path, "a=b.npy");
}

TEST(NamedFilesTest, RefusesHalfAnArgument) {
  for (const char* argument : {"", "=", "x", "x=", "=f.npy"}) {
    EXPECT_EQ(ParseNamedFile(argument).status().code(),
              absl::StatusCode::kInvalidArgument)
        << argument;
  }
}

TEST(NamedFilesTest, OutputNamesBecomeFileNames) {
  EXPECT_EQ(NpyPath("d", "a/b:0"), "d/a_b_0.npy");
}

}  // namespace
}  // namespace octet::io
