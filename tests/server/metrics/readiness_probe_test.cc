// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/readiness_probe.h"

#include <atomic>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/metrics/http_server.h"

namespace octet {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

TEST(ReadinessProbeTest, TellsWhatTheServerSaysOfItself) {
  std::atomic<bool> ready = false;
  auto server = HttpServer::Start(
      "127.0.0.1", 0, {{"/readyz", [&ready] {
                          return ready ? HttpAnswer{.body = "ready\n"}
                                       : HttpAnswer{.status = 503,
                                                    .body = "draining\n"};
                        }}});
  ASSERT_TRUE(server.ok()) << server.status();
  const int port = (*server)->port();

  const absl::Status before = ProbeReadiness("127.0.0.1", port, kPatience);
  EXPECT_EQ(before.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(before.message(), HasSubstr("is not ready: draining"));

  ready = true;
  EXPECT_EQ(ProbeReadiness("127.0.0.1", port, kPatience), absl::OkStatus());
  // What a server that listens everywhere is configured with.
  EXPECT_EQ(ProbeReadiness("0.0.0.0", port, kPatience), absl::OkStatus());
}

TEST(ReadinessProbeTest, NobodyThereIsUnavailable) {
  int port = 0;
  {
    auto server = HttpServer::Start("127.0.0.1", 0, {});
    ASSERT_TRUE(server.ok()) << server.status();
    port = (*server)->port();
  }
  const absl::Status status = ProbeReadiness("127.0.0.1", port, kPatience);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("no octet-server answers HTTP"));
}

}  // namespace
}  // namespace octet
