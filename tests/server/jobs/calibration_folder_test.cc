// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/calibration_folder.h"

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

constexpr int64_t kMaxBytes = 4096;

class CalibrationFolderTest : public ::testing::Test {
 protected:
  void WriteArray(const std::string& name, const Shape& shape) {
    fs::create_directories(
        fs::path(absl::StrCat(folder_.path(), "/", name)).parent_path());
    ASSERT_TRUE(io::WriteNpy(absl::StrCat(folder_.path(), "/", name),
                             Tensor(DType::kFloat32, shape))
                    .ok());
  }
  auto Read(const std::string& path) {
    return ReadCalibration(folder_.path(), path, kMaxBytes);
  }
  void ExpectError(const std::string& path, absl::StatusCode code,
                   const std::string& words) {
    const absl::Status status = Read(path).status();
    EXPECT_EQ(status.code(), code) << path << ": " << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(words)) << path;
  }

  ScratchFolder folder_;
};

TEST_F(CalibrationFolderTest, ReadsOneArrayOrAFolderOfThem) {
  WriteArray("set/image.npy", {3, 4});
  WriteArray("set/mask.npy", {3, 2});
  folder_.Write("set/notes.txt", "x");
  const auto one = Read("set/image.npy");
  ASSERT_TRUE(one.ok()) << one.status();
  ASSERT_EQ(one->size(), 1u);
  EXPECT_EQ((*one)[0].name, "image");
  EXPECT_EQ((*one)[0].tensor.shape(), (Shape{3, 4}));
  for (const char* path : {"set", "set/", "./set"}) {
    const auto both = Read(path);
    ASSERT_TRUE(both.ok()) << both.status();
    ASSERT_EQ(both->size(), 2u);
    EXPECT_EQ((*both)[0].name, "image");
    EXPECT_EQ((*both)[1].name, "mask");
  }
}

TEST_F(CalibrationFolderTest, NeverLeavesTheFolder) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  ScratchFolder outside;
  ASSERT_TRUE(
      io::WriteNpy(outside.path() + "/x.npy", Tensor(DType::kFloat32, {1, 4}))
          .ok());
  ExpectError(outside.path() + "/x.npy", kInvalid, "absolute");
  ExpectError("../x.npy", kInvalid, "'..'");
  ExpectError("a/../../x.npy", kInvalid, "'..'");
  ExpectError("a\nb.npy", kInvalid, "control");
  ExpectError(std::string(2000, 'a'), kInvalid, "1,024");
  fs::create_directory_symlink(outside.path(), folder_.path() + "/link");
  fs::create_symlink(outside.path() + "/x.npy", folder_.path() + "/x.npy");
  constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
  ExpectError("link", kDenied, "leads out");
  ExpectError("link/x.npy", kDenied, "leads out");
  ExpectError("x.npy", kDenied, "leads out");
  ExpectError(".", kDenied, "leads out");
}

TEST_F(CalibrationFolderTest, RefusesWhatItCannotUse) {
  ExpectError("missing.npy", absl::StatusCode::kNotFound, "missing.npy");
  fs::create_directory(folder_.path() + "/empty");
  ExpectError("empty", absl::StatusCode::kNotFound, "no .npy file");
  folder_.Write("notes.txt", "x");
  ExpectError("notes.txt", absl::StatusCode::kInvalidArgument, ".npz");
  folder_.Write("bad.npy", "x");
  ExpectError("bad.npy", absl::StatusCode::kDataLoss, "bad.npy");
  folder_.Write("bad.npz", "x");
  ExpectError("bad.npz", absl::StatusCode::kDataLoss, "bad.npz");
  WriteArray("big.npy", {kMaxBytes, 1});
  ExpectError("big.npy", absl::StatusCode::kResourceExhausted, "4096");
  WriteArray("scalar.npy", {});
  ExpectError("scalar.npy", absl::StatusCode::kInvalidArgument, "[samples");
  WriteArray("uneven/a.npy", {2, 1});
  WriteArray("uneven/b.npy", {3, 1});
  ExpectError("uneven", absl::StatusCode::kInvalidArgument, "2 samples");
  // Nobody waits for the other end of a pipe.
  ASSERT_EQ(mkfifo((folder_.path() + "/pipe.npy").c_str(), 0600), 0);
  ExpectError("pipe.npy", absl::StatusCode::kInvalidArgument, "regular file");
  EXPECT_EQ(ReadCalibration("", "x.npy", kMaxBytes).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace octet
