// SPDX-License-Identifier: Apache-2.0
#include "engine/io/model_rows.h"

#include <string>
#include <vector>

#include "engine/io/resample.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::io {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

RowInput Input(DType dtype, const Shape& shape) { return {"x", dtype, shape}; }

// Two pixels, red above green, of different brightness.
Tensor TwoPixels() {
  return Tensor::Of<uint8_t>({2, 1, 3}, {200, 0, 0, 0, 100, 0});
}

TEST(ResampleTest, TheSameSizeIsTheSamePicture) {
  const Tensor same = Resample(TwoPixels(), {0, 0, 2, 1}, 2, 1);
  EXPECT_THAT(same.data<float>(), ElementsAre(200, 0, 0, 0, 100, 0));
}

TEST(ResampleTest, SmallerPicturesWeighEveryPixel) {
  Tensor pixels(DType::kUInt8, {8, 8, 1});
  for (int i = 0; i < 64; ++i) {
    pixels.mutable_data<uint8_t>()[i] = (i % 8 + i / 8) % 2 == 0 ? 0 : 200;
  }
  // A chessboard becomes an even grey, which skipping pixels would not give.
  const Tensor small = Resample(pixels, {0, 0, 8, 8}, 2, 2);
  EXPECT_THAT(small.data<float>(), Each(FloatNear(100, 8)));
}

TEST(ResampleTest, APlainPictureStaysPlainWhateverItsSize) {
  Tensor pixels(DType::kUInt8, {5, 7, 3});
  for (uint8_t& value : pixels.mutable_data<uint8_t>()) value = 77;
  for (const int64_t size : {1, 3, 7, 20}) {
    EXPECT_THAT(Resample(pixels, {0.5, 1, 4, 5.5}, size, size).data<float>(),
                Each(FloatNear(77, 0.01f)));
  }
}

TEST(PictureToRowTest, BytesNeedNoFlagsInAnyLayout) {
  const auto last =
      PictureToRow(TwoPixels(), Input(DType::kUInt8, {-1, 2, 1, 3}), {});
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_THAT(last->shape(), ElementsAre(1, 2, 1, 3));
  EXPECT_THAT(last->data<uint8_t>(), ElementsAre(200, 0, 0, 0, 100, 0));
  const auto first =
      PictureToRow(TwoPixels(), Input(DType::kUInt8, {-1, 3, 2, 1}), {});
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(first->shape(), ElementsAre(1, 3, 2, 1));
  EXPECT_THAT(first->data<uint8_t>(), ElementsAre(200, 0, 0, 100, 0, 0));
}

TEST(PictureToRowTest, FloatsAreNormalizedByChannel) {
  RowForm form;
  form.mean = {100, 50, 0};
  form.scale = {0.5f};
  const auto row =
      PictureToRow(TwoPixels(), Input(DType::kFloat32, {-1, 3, 2, 1}), form);
  ASSERT_TRUE(row.ok()) << row.status();
  EXPECT_THAT(row->data<float>(), ElementsAre(50, -50, -25, 25, 0, 0));
  form.reverse_channels = true;
  const auto reversed =
      PictureToRow(TwoPixels(), Input(DType::kFloat32, {-1, 3, 2, 1}), form);
  ASSERT_TRUE(reversed.ok()) << reversed.status();
  EXPECT_THAT(reversed->data<float>(), ElementsAre(-50, -50, -25, 25, 100, 0));
}

TEST(PictureToRowTest, ConvertsBetweenGreyAndColour) {
  const auto grey =
      PictureToRow(TwoPixels(), Input(DType::kUInt8, {-1, 2, 1}), {});
  ASSERT_TRUE(grey.ok()) << grey.status();
  EXPECT_THAT(grey->data<uint8_t>(), ElementsAre(60, 59));
  const Tensor dark = Tensor::Of<uint8_t>({2, 1, 1}, {5, 6});
  const auto color =
      PictureToRow(dark, Input(DType::kUInt8, {-1, 2, 1, 3}), {});
  ASSERT_TRUE(color.ok()) << color.status();
  EXPECT_THAT(color->data<uint8_t>(), ElementsAre(5, 5, 5, 6, 6, 6));
}

TEST(PictureToRowTest, CoverCutsTheMiddleAndStretchDoesNot) {
  const Tensor wide = Tensor::Of<uint8_t>({1, 3, 1}, {10, 20, 30});
  const RowInput input = Input(DType::kUInt8, {-1, 1, 1, 1});
  EXPECT_THAT(PictureToRow(wide, input, {})->data<uint8_t>(), ElementsAre(20));
  RowForm form;
  form.fit = Fit::kExact;
  EXPECT_THAT(std::string(PictureToRow(wide, input, form).status().message()),
              HasSubstr("--fit"));
  // Free sizes take the picture as it is.
  EXPECT_THAT(
      PictureToRow(wide, Input(DType::kUInt8, {-1, 1, -1, -1}), {})->shape(),
      ElementsAre(1, 1, 1, 3));
}

TEST(PictureToRowTest, RefusalsNameTheRemedy) {
  const absl::Status floats =
      PictureToRow(TwoPixels(), Input(DType::kFloat32, {-1, 3, 2, 1}), {})
          .status();
  EXPECT_EQ(floats.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(floats.message()), HasSubstr("--mean and --scale"));
  EXPECT_THAT(std::string(PictureToRow(TwoPixels(),
                                       Input(DType::kFloat32, {-1, 10}), {})
                              .status()
                              .message()),
              HasSubstr(".npy"));
  RowForm form;
  form.mean = {1, 2};
  EXPECT_THAT(
      std::string(
          PictureToRow(TwoPixels(), Input(DType::kFloat32, {-1, 3, 2, 1}), form)
              .status()
              .message()),
      HasSubstr("--mean: expected one number or one for each of 3"));
}

TEST(SoundToRowTest, AveragesChannelsPadsAndCuts) {
  const io::Audio audio = {
      Tensor::Of<float>({3, 2}, {1, 0, -0.5f, -0.5f, 0.25f, 0.75f}), 8000};
  const auto padded = SoundToRow(audio, Input(DType::kFloat32, {-1, 5}), {});
  ASSERT_TRUE(padded.ok()) << padded.status();
  EXPECT_THAT(padded->data<float>(), ElementsAre(0.5f, -0.5f, 0.5f, 0, 0));
  const auto cut = SoundToRow(audio, Input(DType::kInt16, {-1, 1, 2}), {});
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_THAT(cut->shape(), ElementsAre(1, 1, 2));
  EXPECT_THAT(cut->data<int16_t>(), ElementsAre(16384, -16384));
  RowForm form;
  form.sample_rate = 16000;
  EXPECT_EQ(
      SoundToRow(audio, Input(DType::kFloat32, {-1, 5}), form).status().code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(SoundToRow(audio, Input(DType::kFloat32, {-1, 49, 10}), {})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octet::io
