// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_SERVER_SERVICE_H_
#define OCTET_SERVER_API_SERVER_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "proto/octet/v1/server.grpc.pb.h"

namespace octet {

// What the server is, and how it was set up.
struct ServerFacts {
  struct Setting {
    std::string name;
    std::string value;
    std::string source;  // "default", "file", "environment" or "flag"
  };

  std::string version;  // of octet
  std::string isa;      // that the engine uses
  int lanes = 0;
  absl::Time start;
  std::vector<Setting> settings;
};

// octet.v1.ServerService. Thread-safe.
class ServerService : public octet::v1::ServerService::CallbackService {
 public:
  explicit ServerService(const ServerFacts& facts);

  grpc::ServerUnaryReactor* Configuration(
      grpc::CallbackServerContext* context,
      const octet::v1::ConfigurationRequest*,
      octet::v1::ConfigurationResponse* response) override;

 private:
  const octet::v1::ConfigurationResponse configuration_;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_SERVER_SERVICE_H_
