// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SERVER_H_
#define OCTET_SERVER_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config.h"
#include "server/models/engine_functions.h"
#include "server/models/model_registry.h"

namespace octet {

// The whole server: lanes, models, jobs, gRPC and HTTP, put together.
//
// Its life: Start() listens, Load() makes it ready, Leave() takes it out of
// rotation while it goes on serving, Shutdown() finishes what is there. Every
// step may be skipped, and the destructor does what is left, fast.
// StopNow() may be called from any thread at any time; the rest by one thread.
class Server {
 public:
  struct Identity {
    std::string version;  // of octet
    std::string isa;      // that the engine uses
  };

  // Listens on both ports; live, not ready.
  //   FAILED_PRECONDITION  the repository is no folder, or there are fewer
  //                        CPUs than lanes x threads
  //   INVALID_ARGUMENT     the TLS files or the tokens cannot be used
  //   UNAVAILABLE          a port cannot be had
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerConfig& config, const EngineFunctions& engine,
      const Identity& identity);

  virtual ~Server() = default;

  // Loads every model of the repository, then becomes ready. Models that fail
  // are logged and listed, and do not stop it. UNAVAILABLE when the repository
  // cannot be read.
  virtual absl::Status Load() = 0;

  // Not ready any more; requests are served as before.
  virtual void Leave() = 0;

  // Refuses new work, finishes what there is, and closes the gRPC port. What
  // takes longer than `limit` is cancelled.
  virtual void Shutdown(absl::Duration limit) = 0;

  // Answers everything that waits with UNAVAILABLE and cancels quantization,
  // so that Shutdown() has little to wait for, and does not wait for the rest.
  virtual void StopNow() = 0;

  virtual int grpc_port() const = 0;
  virtual int http_port() const = 0;
  virtual int lanes() const = 0;

  // As ModelRegistry::Index().
  virtual absl::StatusOr<std::vector<VersionStatus>> Index() = 0;
};

}  // namespace octet

#endif  // OCTET_SERVER_SERVER_H_
