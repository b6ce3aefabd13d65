// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Sends one request and returns everything that comes back.
std::string Ask(int port, const std::string& method, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address))) {
    close(fd);
    return "cannot connect";
  }
  const std::string request =
      absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  send(fd, request.data(), request.size(), 0);
  std::string answer;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
    answer.append(buffer, static_cast<size_t>(got));
  }
  close(fd);
  return answer;
}

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
         {"/readyz", [] {
            return HttpAnswer{.status = 503, .body = "draining\n"};
          }}});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersPagesWithTheirStatusAndType) {
  const std::string metrics = Ask(server_->port(), "GET", "/metrics");
  EXPECT_THAT(metrics, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(metrics, HasSubstr("Content-Type: text/plain; version=0.0.4"));
  EXPECT_THAT(metrics, EndsWith("\r\n\r\noctet_ready 1\n"));
  const std::string ready = Ask(server_->port(), "GET", "/readyz");
  EXPECT_THAT(ready, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(ready, EndsWith("draining\n"));
}

TEST_F(HttpServerTest, HeadHasNoBody) {
  const std::string answer = Ask(server_->port(), "HEAD", "/metrics");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 14"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesOtherPathsAndMethods) {
  EXPECT_THAT(Ask(server_->port(), "GET", "/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Ask(server_->port(), "GET", "/metrics/more"),
              StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Ask(server_->port(), "GET", "/../etc/passwd"),
              Not(StartsWith("HTTP/1.1 200")));
  EXPECT_THAT(Ask(server_->port(), "POST", "/metrics"),
              StartsWith("HTTP/1.1 405 "));
}

TEST_F(HttpServerTest, PortInUseIsAnErrorThatNamesIt) {
  auto second = HttpServer::Start("127.0.0.1", server_->port(), {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr(absl::StrCat("127.0.0.1:", server_->port())));
}

TEST(HttpServerAddressTest, NonsenseAddressIsAnError) {
  EXPECT_FALSE(HttpServer::Start("nonsense", 0, {}).ok());
}

}  // namespace
}  // namespace octet
