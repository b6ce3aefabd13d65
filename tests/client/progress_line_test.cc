// SPDX-License-Identifier: Apache-2.0
#include "client/cli/progress_line.h"

#include <sstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(ProgressLineTest, ElsewhereThanOnATerminalEachPhaseIsOneLine) {
  std::ostringstream stream;
  {
    ProgressLine line(&stream, /*is_terminal=*/false);
    line.Update("send", 1, 3);
    line.Update("send", 3, 3);
    line.Update("check", 0, 0);
  }
  EXPECT_EQ(stream.str(), "send: 1 of 3\ncheck: 0\n");
}

TEST(ProgressLineTest, OnATerminalTheLineIsRewrittenAndEndsOnce) {
  std::ostringstream stream;
  {
    ProgressLine line(&stream, /*is_terminal=*/true);
    line.Update("send", 1, 2);
    line.Update("send", 2, 2);
  }
  EXPECT_THAT(stream.str(), HasSubstr("[###############...............] 1 of"));
  EXPECT_THAT(stream.str(), HasSubstr("[##############################] 2 of"));
  EXPECT_THAT(stream.str(), EndsWith("\n"));
  EXPECT_EQ(stream.str().find('\n'), stream.str().size() - 1);
}

}  // namespace
}  // namespace octet::cli
