// SPDX-License-Identifier: Apache-2.0
#include "server/api/unreadable_messages.h"

#include <grpcpp/support/status.h>

#include "absl/strings/str_cat.h"

namespace octet {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerRpcInfo;

class MendStatus final : public Interceptor {
 public:
  // `info` outlives the interceptor.
  explicit MendStatus(const ServerRpcInfo* info) : info_(info) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_MESSAGE) &&
        methods->GetRecvMessage() == nullptr) {
      unreadable_ = true;
    }
    if (unreadable_ && methods->QueryInterceptionHookPoint(
                           InterceptionHookPoints::PRE_SEND_STATUS)) {
      Mend(methods);
    }
    methods->Proceed();
  }

 private:
  void Mend(InterceptorBatchMethods* methods) {
    const grpc::Status status = methods->GetSendStatus();
    if (status.error_code() != grpc::StatusCode::UNIMPLEMENTED ||
        !status.error_message().empty()) {
      return;
    }
    methods->ModifySendStatus(grpc::Status(
        grpc::StatusCode::INVALID_ARGUMENT,
        absl::StrCat("the request to ", info_->method(),
                     " cannot be read: its bytes are not one whole protobuf "
                     "message of that method's request type")));
  }

  const ServerRpcInfo* const info_;
  bool unreadable_ = false;
};

}  // namespace

Interceptor* UnreadableMessages::CreateServerInterceptor(ServerRpcInfo* info) {
  // A stream's end is a message that is not there, too.
  if (info->type() != ServerRpcInfo::Type::UNARY) return nullptr;
  return new MendStatus(info);
}

}  // namespace octet
