// SPDX-License-Identifier: Apache-2.0
#include "server/api/unreadable_messages.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/server_fixture.h"

namespace octet {
namespace {

using ::testing::HasSubstr;

constexpr char kModelInfer[] = "/inference.GRPCInferenceService/ModelInfer";

class UnreadableMessagesTest : public ServerFixture {
 protected:
  // Calls `method` with `bytes` for a message.
  grpc::Status Call(const std::string& method, const std::string& bytes) {
    grpc::GenericStub stub(channel_);
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    const auto context = Context();
    grpc::Status status;
    absl::Notification done;
    stub.UnaryCall(context.get(), method, grpc::StubOptions(), &request,
                   &response, [&](grpc::Status result) {
                     status = result;
                     done.Notify();
                   });
    done.WaitForNotification();
    return status;
  }
};

TEST_F(UnreadableMessagesTest, BytesThatAreNoMessageAreTheCallersMistake) {
  Listen();
  const grpc::Status status = Call(kModelInfer, std::string("\0noise", 6));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr(kModelInfer));
}

TEST_F(UnreadableMessagesTest, MessageThatIsCutShortIsTheCallersMistake) {
  Listen();
  const std::string whole = FloatRequest("m", {1, 2, 3, 4}).SerializeAsString();
  EXPECT_EQ(Call(kModelInfer, whole.substr(0, whole.size() - 1)).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  // The message can be read, and then there is no such model.
  EXPECT_EQ(Call(kModelInfer, whole).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(UnreadableMessagesTest, MissingRpcIsStillUnimplemented) {
  Listen();
  const grpc::Status status =
      Call("/inference.GRPCInferenceService/Nothing", std::string("\0", 1));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace octet
