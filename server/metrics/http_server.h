// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_METRICS_HTTP_SERVER_H_
#define OCTET_SERVER_METRICS_HTTP_SERVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace octet {

struct HttpAnswer {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// A small HTTP server for /metrics and probes: GET and HEAD of a few fixed
// paths. Answers 404 for other paths and 405 for other methods.
//
// Thread-safe.
class HttpServer {
 public:
  // Called on the server's threads; must be thread-safe.
  using Page = std::function<HttpAnswer()>;

  // Listens on `address` (an IP address) and `port` (0 = any free one) until
  // destroyed. `pages` maps paths such as "/metrics" to what answers them.
  // UNAVAILABLE, with the system's reason, when it cannot listen there.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const std::string& address, int port, std::map<std::string, Page> pages);

  virtual ~HttpServer() = default;

  // The port that it listens on.
  virtual int port() const = 0;
};

}  // namespace octet

#endif  // OCTET_SERVER_METRICS_HTTP_SERVER_H_
