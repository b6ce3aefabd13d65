// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_REQUEST_ORIGIN_H_
#define OCTET_SERVER_API_REQUEST_ORIGIN_H_

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "server/log/request_log.h"

namespace octet {

// Where a call comes from, for the request log: the peer's address without its
// port, and its trace where it sent one valid "traceparent".
std::shared_ptr<const RequestOrigin> OriginOf(
    const grpc::CallbackServerContext& context);

// "ipv6:%5B::1%5D:4711", as gRPC has it, as "ipv6:[::1]".
std::string PeerWithoutPort(const std::string& peer);

}  // namespace octet

#endif  // OCTET_SERVER_API_REQUEST_ORIGIN_H_
