// SPDX-License-Identifier: Apache-2.0
#include "server/api/calls_under_way.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

// How HTTP/2 starts: the preface and an empty SETTINGS frame.
constexpr char kPreface[] =
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

// A connection that is open and never says another word.
class SilentConnection {
 public:
  explicit SilentConnection(int port)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address),
                      sizeof(address)),
              0);
    const absl::string_view preface(kPreface, sizeof(kPreface) - 1);
    EXPECT_EQ(send(socket_, preface.data(), preface.size(), 0),
              static_cast<ssize_t>(preface.size()));
    // The server has taken the connection when it answers.
    char byte = 0;
    EXPECT_EQ(recv(socket_, &byte, 1, 0), 1);
  }
  ~SilentConnection() { close(socket_); }

 private:
  const int socket_;
};

using CallsUnderWayTest = ServerFixture;

// A shutdown that waits for the connection runs into ctest's limit.
TEST_F(CallsUnderWayTest, ShutdownDoesNotWaitForIdleConnections) {
  Start();
  const SilentConnection connection(server_->grpc_port());
  server_->Shutdown(absl::Hours(1));
}

TEST_F(CallsUnderWayTest, StopNowEndsAShutdownThatWaitsForACall) {
  folder_.Write("m/1/model.onnx", "scale 1");
  Start();
  const auto context = Context();
  const auto watch = health_->Watch(context.get(), {});
  const SilentConnection connection(server_->grpc_port());
  std::thread shutdown([this] { server_->Shutdown(absl::Hours(1)); });
  server_->StopNow();
  shutdown.join();
}

TEST(CallsUnderWay, NobodyIsWaitedForWhereThereIsNoCall) {
  CallsUnderWay calls;
  calls.AwaitNone(absl::InfiniteDuration());
}

TEST(CallsUnderWay, HurryCountsForLaterWaits) {
  CallsUnderWay calls;
  calls.Hurry();
  calls.AwaitNone(absl::InfiniteDuration());
}

}  // namespace
}  // namespace octet
