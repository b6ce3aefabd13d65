// SPDX-License-Identifier: Apache-2.0
#include "client/cli/picture.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::cli {
namespace {

using ::testing::ElementsAre;

TEST(PictureTest, GlyphsAreDenserWhereThePictureIsBrighter) {
  const Tensor row = Tensor::Of<float>({1, 2, 3}, {0, 5, 10, 0, 5, 10});
  const auto picture = DrawPicture(row, PictureStyle::kGlyphs, 80);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_THAT(picture->lines, ElementsAre(" +@"));
  EXPECT_EQ(picture->columns, 3);
}

TEST(PictureTest, ColoursHoldTwoPixelsACharacter) {
  const Tensor row = Tensor::Of<uint8_t>({2, 1}, {255, 0});
  const auto picture = DrawPicture(row, PictureStyle::kColors, 80);
  ASSERT_TRUE(picture.ok()) << picture.status();
  EXPECT_THAT(picture->lines,
              ElementsAre("\x1b[38;5;255;48;5;232m\xe2\x96\x80\x1b[0m"));
}

TEST(PictureTest, WidePicturesShrinkByMeans) {
  // Columns 0 and 1 become one pixel of mean 5, columns 2 and 3 one of 10.
  const Tensor row = Tensor::Of<float>(
      {4, 4}, {0, 10, 10, 10, 0, 10, 10, 10, 0, 0, 0, 0, 0, 0, 0, 0});
  const auto picture = DrawPicture(row, PictureStyle::kGlyphs, 2);
  ASSERT_TRUE(picture.ok()) << picture.status();
  // The upper pixels 0.5 and 1, the lower ones 0, two to a character.
  EXPECT_THAT(picture->lines, ElementsAre(":+"));
}

TEST(PictureTest, ChannelsAreAveragedAndFlatOrBrokenPixelsAreBlack) {
  const auto mean =
      DrawPicture(Tensor::Of<float>({3, 1, 2}, {0, 1, 0, 1, 0, 1}),
                  PictureStyle::kGlyphs, 80);
  ASSERT_TRUE(mean.ok()) << mean.status();
  EXPECT_THAT(mean->lines, ElementsAre(" @"));
  const auto flat = DrawPicture(Tensor::Of<float>({1, 3}, {7, NAN, 7}),
                                PictureStyle::kGlyphs, 80);
  ASSERT_TRUE(flat.ok()) << flat.status();
  EXPECT_THAT(flat->lines, ElementsAre("   "));
}

TEST(PictureTest, RefusesWhatIsNoPicture) {
  for (const Shape& shape :
       {Shape{4}, Shape{2, 4, 4}, Shape{1, 1, 4, 4}, Shape{0, 4}}) {
    EXPECT_EQ(
        DrawPicture(Tensor(DType::kFloat32, shape), PictureStyle::kGlyphs, 80)
            .status()
            .code(),
        absl::StatusCode::kInvalidArgument);
  }
}

TEST(PictureTest, ArrangesAsManyAsFitAndCutsCaptions) {
  const Picture narrow{{"ab", "cd"}, 2, "x"};
  const Picture wide{{"efgh"}, 4, "captions"};
  EXPECT_EQ(ArrangePictures(std::vector<Picture>{narrow, wide, narrow}, 8),
            "ab  efgh  \n"
            "cd        \n"
            "x   capt  \n"
            "ab  \n"
            "cd  \n"
            "x   \n");
}

}  // namespace
}  // namespace octet::cli
