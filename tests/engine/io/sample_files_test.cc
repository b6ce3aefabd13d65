// SPDX-License-Identifier: Apache-2.0
#include "engine/io/sample_files.h"

#include <png.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/io/file.h"
#include "engine/io/npy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/scratch_folder.h"

namespace octet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

AskInputs Pictures() {
  return []() -> absl::StatusOr<std::vector<RowInput>> {
    return std::vector<RowInput>{{"x", DType::kUInt8, {-1, 1, 1, 2}}};
  };
}

AskInputs NotAsked() {
  return []() -> absl::StatusOr<std::vector<RowInput>> {
    return absl::InternalError("nobody was to be asked");
  };
}

std::vector<float> Floats(const SampleSource& source, size_t tensor,
                          int64_t sample) {
  const auto row = source.Read(tensor, sample);
  if (!row.ok()) {
    ADD_FAILURE() << row.status();
    return {};
  }
  EXPECT_EQ(row->shape().size() + 1, source.tensors()[tensor].shape.size());
  const auto data = row->data<float>();
  return {data.begin(), data.end()};
}

class SampleFilesTest : public ::testing::Test {
 protected:
  std::string Path(const std::string& name) const {
    return folder_.path() + "/" + name;
  }
  std::string Npy(const std::string& name, const Tensor& tensor) const {
    EXPECT_TRUE(WriteNpy(Path(name), tensor).ok());
    return Path(name);
  }

  const ScratchFolder folder_;
};

TEST_F(SampleFilesTest, ReadsRowsWhereTheyLie) {
  const std::string first = Npy("1.npy", Tensor::Of<float>({1, 2}, {1, 2}));
  const std::string none = Npy("0.npy", Tensor(DType::kFloat32, {0, 2}));
  const std::string second =
      Npy("2.npy", Tensor::Of<float>({2, 2}, {3, 4, 5, 6}));
  const std::string other = Npy("y.npy", Tensor::Of<float>({3}, {7, 8, 9}));
  const auto files = SampleFiles::Open(
      {"x=" + first, "x=" + none, "y=" + other, "x=" + second}, {}, NotAsked());
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ((*files)->tensors().size(), 2);
  EXPECT_EQ((*files)->tensors()[0].name, "x");
  EXPECT_THAT((*files)->tensors()[0].shape, ElementsAre(3, 2));
  EXPECT_EQ((*files)->memory_bytes(), 0);
  EXPECT_THAT(Floats(**files, 0, 2), ElementsAre(5, 6));
  EXPECT_THAT(Floats(**files, 0, 0), ElementsAre(1, 2));
  EXPECT_THAT(Floats(**files, 0, 1), ElementsAre(3, 4));
  EXPECT_THAT(Floats(**files, 1, 1), ElementsAre(8));
  (*files)->Reshape(0, {3, 1, 2});
  EXPECT_THAT((*files)->Read(0, 1)->shape(), ElementsAre(1, 2));
}

TEST_F(SampleFilesTest, OneNumberIsNoSamples) {
  const std::string number = Npy("n.npy", Tensor::Of<float>({}, {7}));
  const auto files = SampleFiles::Open({"x=" + number}, {}, NotAsked());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_THAT((*files)->tensors()[0].shape, ElementsAre());
  (*files)->Reshape(0, {});
  EXPECT_THAT((*files)->tensors()[0].shape, ElementsAre());
}

TEST_F(SampleFilesTest, ConvertsWhatHasToBe) {
  // Fortran order: the header is changed by hand.
  auto bytes = SerializeNpy(Tensor::Of<float>({2, 3}, {1, 2, 3, 4, 5, 6}));
  ASSERT_TRUE(bytes.ok());
  const std::string plain = "'fortran_order': False";
  const size_t at = bytes->find(plain);
  ASSERT_NE(at, std::string::npos);
  bytes->replace(at, plain.size(), "'fortran_order': True ");
  ASSERT_TRUE(WriteFileAtomically(Path("f.npy"), {*bytes}).ok());
  const auto files = SampleFiles::Open({"x=" + Path("f.npy")}, {}, NotAsked());
  ASSERT_TRUE(files.ok()) << files.status();
  EXPECT_EQ((*files)->memory_bytes(), 24);
  EXPECT_THAT(Floats(**files, 0, 0), ElementsAre(1, 3, 5));
  EXPECT_THAT(Floats(**files, 0, 1), ElementsAre(2, 4, 6));
}

TEST_F(SampleFilesTest, SaysWhatDoesNotFitTogetherOrIsGone) {
  const std::string first = Npy("1.npy", Tensor::Of<float>({1, 2}, {1, 2}));
  const std::string second = Npy("2.npy", Tensor::Of<float>({1, 1}, {3}));
  auto files = SampleFiles::Open({"x=" + first, "x=" + second}, {}, NotAsked());
  EXPECT_EQ(files.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(files.status().message()),
              HasSubstr("rows of input 'x' do not fit together"));
  files = SampleFiles::Open({"x=" + Path("none.npy")}, {}, NotAsked());
  EXPECT_EQ(files.status().code(), absl::StatusCode::kNotFound);
  ASSERT_TRUE(WriteFileAtomically(Path("text.npy"), {"words"}).ok());
  files = SampleFiles::Open({"x=" + Path("text.npy")}, {}, NotAsked());
  EXPECT_EQ(files.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(files.status().message()), HasSubstr("text.npy"));

  files = SampleFiles::Open({"x=" + first}, {}, NotAsked());
  ASSERT_TRUE(files.ok()) << files.status();
  std::filesystem::resize_file(first, std::filesystem::file_size(first) - 4);
  EXPECT_EQ((*files)->Read(0, 0).status().code(), absl::StatusCode::kDataLoss);
}

// A grey picture, 2 wide and 1 high.
void WritePng(const std::string& path, uint8_t left, uint8_t right) {
  const uint8_t pixels[] = {left, right};
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = 2;
  image.height = 1;
  image.format = PNG_FORMAT_GRAY;
  ASSERT_NE(
      png_image_write_to_file(&image, path.c_str(), 0, pixels, 0, nullptr), 0);
}

TEST_F(SampleFilesTest, KeepsPicturesOutOfMemory) {
  std::filesystem::create_directory(Path("some"));
  WritePng(Path("some/b.png"), 3, 4);
  WritePng(Path("some/a.png"), 1, 2);
  WritePng(Path("last.png"), 7, 8);
  const std::string rows =
      Npy("rows.npy", Tensor::Of<uint8_t>({1, 1, 1, 2}, {5, 6}));
  const auto files =
      SampleFiles::Open({Path("some"), rows, Path("last.png")}, {}, Pictures());
  ASSERT_TRUE(files.ok()) << files.status();
  ASSERT_EQ((*files)->tensors().size(), 1);
  EXPECT_THAT((*files)->tensors()[0].shape, ElementsAre(4, 1, 1, 2));
  EXPECT_EQ((*files)->memory_bytes(), 0);
  for (uint8_t i : {2, 0, 3, 1}) {
    const auto row = (*files)->Read(0, i);
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_THAT(row->data<uint8_t>(), ElementsAre(2 * i + 1, 2 * i + 2));
  }
}

TEST_F(SampleFilesTest, NamesTheFolderThatHasNoRoom) {
  WritePng(Path("a.png"), 1, 2);
  ASSERT_EQ(setenv("TMPDIR", Path("none").c_str(), 1), 0);
  const auto files = SampleFiles::Open({Path("a.png")}, {}, Pictures());
  unsetenv("TMPDIR");
  EXPECT_EQ(files.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(files.status().message()), HasSubstr(Path("none")));
}

}  // namespace
}  // namespace octet::io
