// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/http_server.h"

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/http_client.h"

namespace octet {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto server = HttpServer::Start(
        "127.0.0.1", 0,
        {{"/metrics",
          [] {
            return HttpAnswer{.content_type = "text/plain; version=0.0.4",
                              .body = "octet_ready 1\n"};
          }},
         {"/readyz",
          [] { return HttpAnswer{.status = 503, .body = "draining\n"}; }}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersPagesWithTheirStatusAndType) {
  const std::string metrics = AskHttp(server_->port(), "GET", "/metrics");
  EXPECT_THAT(metrics, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, EndsWith("\r\n\r\noctet_ready 1\n"));
  const std::string ready = AskHttp(server_->port(), "GET", "/readyz");
  EXPECT_THAT(ready, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(ready, EndsWith("draining\n"));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string answer = AskHttp(server_->port(), "HEAD", "/metrics");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 14"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesOtherPathsAndMethods) {
  EXPECT_THAT(AskHttp(server_->port(), "GET", "/"),
              StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(AskHttp(server_->port(), "GET", "/metrics/more"),
              StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(AskHttp(server_->port(), "GET", "/../etc/passwd"),
              Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(AskHttp(server_->port(), "POST", "/metrics"),
              StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, PortInUseIsAnErrorThatNamesIt) {
  auto second = HttpServer::Start("127.0.0.1", server_->port(), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr(absl::StrCat("127.0.0.1:", server_->port())),
                    HasSubstr("Address already in use")));
}

TEST(HttpServerAddressTest, NonsenseAddressIsAnError) {
  EXPECT_FALSE(HttpServer::Start("nonsense", 0, {}).ok());
}

}  // namespace
}  // namespace octet
