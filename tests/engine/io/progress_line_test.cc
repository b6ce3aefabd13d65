// SPDX-License-Identifier: Apache-2.0
#include "engine/io/progress_line.h"

#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::io {
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

TEST(ProgressLineTest, TellsTheTimeThatAPhaseWillStillTake) {
  std::ostringstream stream;
  absl::Time now = absl::UnixEpoch();
  ProgressLine line(&stream, /*is_terminal=*/true, [&] { return now; });
  line.Update("calibrate", 0, 100);
  now += absl::Milliseconds(500);
  line.Update("calibrate", 5, 100);
  // Half a second is too little to tell from.
  EXPECT_EQ(stream.str().find("left"), std::string::npos);
  now += absl::Milliseconds(1500);
  line.Update("calibrate", 20, 100);
  EXPECT_THAT(stream.str(), HasSubstr("20 of 100, 8s left"));
  // A new phase starts anew.
  line.Update("check", 10, 100);
  now += absl::Seconds(90);
  line.Update("check", 40, 100);
  EXPECT_THAT(stream.str(), HasSubstr("40 of 100, 3m left"));
}

}  // namespace
}  // namespace octet::io
