// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/http_server.h"

#include <civetweb.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace octet {
namespace {

absl::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 405:
      return "Method Not Allowed";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

void Send(mg_connection* connection, const HttpAnswer& answer, bool body) {
  const std::string head =
      absl::StrCat("HTTP/1.1 ", answer.status, " ", Reason(answer.status),
                   "\r\nContent-Type: ", answer.content_type,
                   "\r\nContent-Length: ", answer.body.size(),
                   "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n");
  mg_write(connection, head.data(), head.size());
  if (body) mg_write(connection, answer.body.data(), answer.body.size());
}

// Handles one path: returns the status sent, as civetweb wants.
int Serve(mg_connection* connection, void* page) {
  const mg_request_info* const request = mg_get_request_info(connection);
  const absl::string_view method = request->request_method;
  HttpAnswer answer;
  if (method == "GET" || method == "HEAD") {
    answer = (*static_cast<const HttpServer::Page*>(page))();
  } else {
    answer.status = 405;
    answer.body = "only GET and HEAD are answered here\n";
  }
  Send(connection, answer, method != "HEAD");
  return answer.status;
}

// The first message of civetweb, which says why it cannot listen; those behind
// it say only that it does not.
struct FirstMessage {
  absl::Mutex mutex;
  std::string text ABSL_GUARDED_BY(mutex);
};

int KeepMessage(const mg_connection* connection, const char* message) {
  void* const user_data = mg_get_user_data(mg_get_context(connection));
  if (user_data != nullptr) {
    auto* const first = static_cast<FirstMessage*>(user_data);
    absl::MutexLock lock(&first->mutex);
    if (first->text.empty()) first->text = message;
  }
  return 1;  // it is not to be written to standard error as well
}

class CivetHttpServer : public HttpServer {
 public:
  explicit CivetHttpServer(std::map<std::string, Page> pages)
      : pages_(std::move(pages)) {}

  ~CivetHttpServer() override;

  absl::Status Listen(const std::string& address, int port);

  int port() const override { return port_; }

 private:
  std::map<std::string, Page> pages_;
  FirstMessage first_message_;
  mg_context* context_ = nullptr;
  std::string address_;
  int port_ = 0;
};

CivetHttpServer::~CivetHttpServer() {
  if (context_ == nullptr) return;
  absl::Notification stopped;
  std::thread stopper([&] {
    mg_stop(context_);
    stopped.Notify();
  });
  // The thread that accepts connections looks up only every two seconds,
  // unless there is one.
  while (!stopped.WaitForNotificationWithTimeout(absl::Milliseconds(5))) {
    char ignored[64];
    mg_connection* const poke = mg_connect_client(
        address_.c_str(), port_, /*use_ssl=*/0, ignored, sizeof(ignored));
    if (poke != nullptr) mg_close_connection(poke);
  }
  stopper.join();
}

absl::Status CivetHttpServer::Listen(const std::string& address, int port) {
  const std::string host = absl::StrContains(address, ':')
                               ? absl::StrCat("[", address, "]")
                               : address;
  const std::string endpoint = absl::StrCat(host, ":", port);
  const char* options[] = {
      "listening_ports",    endpoint.c_str(), "num_threads", "3",
      "request_timeout_ms", "5000",           nullptr};
  mg_callbacks callbacks = {};
  callbacks.log_message = KeepMessage;
  context_ = mg_start(&callbacks, &first_message_, options);
  mg_server_port ports[1] = {};
  if (context_ == nullptr || mg_get_server_ports(context_, 1, ports) != 1) {
    absl::MutexLock lock(&first_message_.mutex);
    return absl::UnavailableError(absl::StrCat(
        "HTTP cannot listen on ", endpoint, ": ",
        first_message_.text.empty() ? "no reason given" : first_message_.text,
        "; others are set by --http-port and --bind-address"));
  }
  address_ = address;
  port_ = ports[0].port;
  for (auto& [path, page] : pages_) {
    // "$" makes it the exact path.
    mg_set_request_handler(context_, absl::StrCat(path, "$").c_str(), Serve,
                           &page);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const std::string& address, int port, std::map<std::string, Page> pages) {
  auto server = std::make_unique<CivetHttpServer>(std::move(pages));
  if (absl::Status status = server->Listen(address, port); !status.ok()) {
    return status;
  }
  return server;
}

}  // namespace octet
