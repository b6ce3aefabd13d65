// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/child_process.h"

#include <unistd.h>

#include <csignal>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::tools {
namespace {

using ::testing::HasSubstr;

TEST(ChildProcessTest, ReturnsWhatTheWorkReturned) {
  const std::string long_answer(1 << 20, 'x');  // more than a pipe holds
  const auto answer = CallInChild([&] { return long_answer; });
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, long_answer);
}

TEST(ChildProcessTest, WorkChangesNothingHere) {
  int value = 1;
  const auto answer = CallInChild([&] {
    value = 2;
    return std::to_string(value);
  });
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "2");
  EXPECT_EQ(value, 1);
}

TEST(ChildProcessTest, CrashIsAnErrorThatNamesTheSignal) {
  const auto answer = CallInChild([]() -> std::string {
    ::raise(SIGKILL);
    return "";
  });
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("signal 9"));
}

TEST(ChildProcessTest, ExitIsAnError) {
  const auto answer = CallInChild([]() -> std::string { ::_exit(3); });
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("exit code 3"));
}

}  // namespace
}  // namespace octet::tools
