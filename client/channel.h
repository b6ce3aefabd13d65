// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CHANNEL_H_
#define OCTET_CLIENT_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/client_options.h"

// How ClientOptions become a gRPC channel: who is asked, what is repeated, and
// what is encrypted are all gRPC's own work.
namespace octet::client {

// Whether HOST:PORT is on this machine.
bool IsLoopback(absl::string_view address);

// gRPC's service configuration, JSON: which calls are repeated and when, and
// how replicas are chosen.
std::string ServiceConfig(const ClientOptions& options);

// A channel that connects with its first call. REQUIRES: CheckOptions() is OK.
// INVALID_ARGUMENT  a name of several addresses is unknown, or they mix IPv4
//                   and IPv6.
// NOT_FOUND, PERMISSION_DENIED  a file of options.tls cannot be read.
absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(
    const ClientOptions& options);

}  // namespace octet::client

#endif  // OCTET_CLIENT_CHANNEL_H_
