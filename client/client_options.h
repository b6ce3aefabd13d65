// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLIENT_OPTIONS_H_
#define OCTET_CLIENT_CLIENT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace octet::client {

// Encryption of a connection, from PEM files that Client::Create() reads.
struct TlsOptions {
  // Certificates that the server's must be signed by. Set: the connection is
  // encrypted. Empty: it is not.
  std::string ca;

  // The client's own certificate and key, for servers that ask for one; both
  // or neither.
  std::string certificate;
  std::string key;

  // The name that the server's certificate must be for; empty means the host
  // of the first address.
  std::string server_name;
};

struct ClientOptions {
  // HOST:PORT of each replica's gRPC port, at least one.
  //
  // One address: a name is looked up again whenever the connection is lost.
  // Several: names are looked up once, by Client::Create(); calls go to the
  // replicas in turn, past those that are not reachable or whose grpc.health.v1
  // says that they do not serve, which come back by themselves. All of IPv4 or
  // all of IPv6.
  std::vector<std::string> addresses = {"127.0.0.1:8001"};

  // With one address: true asks for its health and takes turns between all
  // addresses that its name stands for (a headless service of Kubernetes).
  // Calls to a server that is not ready then fail with UNAVAILABLE.
  bool check_health = false;

  // How long one call may take, connecting and repetitions included. Models
  // that take long to load or to quantize need more.
  absl::Duration timeout = absl::Seconds(60);

  // How often inference and calls that only read are sent when they fail with
  // UNAVAILABLE or RESOURCE_EXHAUSTED, 1 to 5. Repetitions wait as long as the
  // server says (grpc-retry-pushback-ms), else 50 ms and twice as long each
  // time, give or take. Calls that change something are never repeated, nor are
  // requests of more than 64 MiB.
  int max_attempts = 4;

  TlsOptions tls;

  // Sent as `authorization: Bearer TOKEN` with every call. It must not travel
  // readable: without TLS all addresses must be loopback ones.
  std::string token;

  // Bytes of the largest answer and the largest request, 1 to 2^31 - 1.
  // A server has bounds of its own; octet-server's is --max-receive-bytes.
  int64_t max_receive_bytes = int64_t{256} << 20;
  int64_t max_send_bytes = (int64_t{1} << 31) - 1;
};

// OK for HOST:PORT with a port from 1 to 65535, else INVALID_ARGUMENT. An IPv6
// address stands in brackets.
absl::Status CheckAddress(absl::string_view address);

// INVALID_ARGUMENT names the option, what it is and what it may be.
absl::Status CheckOptions(const ClientOptions& options);

}  // namespace octet::client

#endif  // OCTET_CLIENT_CLIENT_OPTIONS_H_
