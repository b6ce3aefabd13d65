// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_GRPC_SERVER_H_
#define OCTET_SERVER_API_GRPC_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/api/control_access.h"
#include "server/api/infer_call.h"
#include "server/api/server_service.h"
#include "server/api/tls_certificates.h"
#include "server/jobs/quantization_jobs.h"

namespace octet {

// The gRPC side of the server: inference, quantization, the server's own
// service, health and reflection behind one port, with or without TLS.
//
// Thread-safe.
class GrpcServer {
 public:
  struct Options {
    std::string address = "127.0.0.1";  // IPv6 without brackets
    int port = 8001;                    // 0 = any free one
    // The largest message that a client may send.
    int64_t max_receive_bytes = int64_t{64} << 20;
    TlsFiles tls;
    ControlRule control;
    ServerFacts facts;  // what is told by ServerMetadata and Configuration
  };

  // Listens until destroyed; `api` and `jobs` must outlive the server.
  //   INVALID_ARGUMENT  the TLS files or the tokens cannot be used
  //   UNAVAILABLE       it cannot listen there
  static absl::StatusOr<std::unique_ptr<GrpcServer>> Start(
      const Options& options, const ApiContext& api, QuantizationJobs* jobs);

  virtual ~GrpcServer() = default;

  // The port that it listens on.
  virtual int port() const = 0;

  // Tells those who watch the health that something may have changed.
  virtual void NotifyHealth() = 0;

  // Takes no new calls, ends the watches, and waits for the calls there are;
  // cancels those that take longer than `limit`. REQUIRES: called once.
  virtual void Shutdown(absl::Duration limit) = 0;

  // Makes a Shutdown(), now or later, cancel the calls that are left almost at
  // once.
  virtual void HurryShutdown() = 0;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_GRPC_SERVER_H_
