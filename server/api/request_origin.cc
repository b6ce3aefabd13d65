// SPDX-License-Identifier: Apache-2.0
#include "server/api/request_origin.h"

#include <grpcpp/server_context.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "server/log/request_log.h"
#include "server/log/trace_context.h"

namespace octet {

std::string PeerWithoutPort(const std::string& peer) {
  if (!absl::StartsWith(peer, "ipv4:") && !absl::StartsWith(peer, "ipv6:")) {
    return peer;
  }
  return absl::StrReplaceAll(peer.substr(0, peer.rfind(':')),
                             {{"%5B", "["}, {"%5D", "]"}});
}

std::shared_ptr<const RequestOrigin> OriginOf(
    const grpc::CallbackServerContext& context) {
  auto origin = std::make_shared<RequestOrigin>();
  origin->peer = PeerWithoutPort(context.peer());
  const auto& metadata = context.client_metadata();
  const auto header = metadata.find("traceparent");
  // Of several, none can be meant.
  if (header != metadata.end() && metadata.count("traceparent") == 1) {
    origin->trace = ParseTraceParent(
        absl::string_view(header->second.data(), header->second.size()));
  }
  return origin;
}

}  // namespace octet
