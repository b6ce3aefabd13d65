// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_UNREADABLE_MESSAGES_H_
#define OCTET_SERVER_API_UNREADABLE_MESSAGES_H_

#include <grpcpp/support/interceptor.h>
#include <grpcpp/support/server_interceptor.h>

namespace octet {

// Answers INVALID_ARGUMENT, with a word, where a request's bytes are not the
// message of its RPC. Left alone, gRPC answers UNIMPLEMENTED without a word,
// and a caller with a broken message looks for a missing RPC.
//
// Thread-safe.
class UnreadableMessages final
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_UNREADABLE_MESSAGES_H_
