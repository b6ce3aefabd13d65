// SPDX-License-Identifier: Apache-2.0
#include "server/metrics/readiness_probe.h"

#include <civetweb.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace octet {
namespace {

struct CloseConnection {
  void operator()(mg_connection* connection) const {
    mg_close_connection(connection);
  }
};

// Where a server is reached that listens on `address`.
std::string Reachable(const std::string& address) {
  if (address == "0.0.0.0") return "127.0.0.1";
  if (address == "::") return "::1";
  return address;
}

// The beginning of the answer's body, which says why.
std::string Reason(mg_connection* connection) {
  char body[256];
  const int size = mg_read(connection, body, sizeof(body));
  if (size <= 0) return "";
  const absl::string_view text = absl::StripAsciiWhitespace(
      absl::string_view(body, static_cast<size_t>(size)));
  return text.empty() ? "" : absl::StrCat(": ", text);
}

}  // namespace

absl::Status ProbeReadiness(const std::string& address, int port,
                            absl::Duration timeout) {
  mg_init_library(0);
  const std::string host = Reachable(address);
  const std::string where = absl::StrCat(host, " port ", port);
  char error[256] = "";
  const std::unique_ptr<mg_connection, CloseConnection> connection(
      mg_connect_client(host.c_str(), port, /*use_ssl=*/0, error,
                        sizeof(error)));
  if (connection == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("no octet-server answers HTTP at ", where, ": ", error));
  }
  mg_printf(connection.get(),
            "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: "
            "close\r\n\r\n");
  if (mg_get_response(connection.get(), error, sizeof(error),
                      static_cast<int>(absl::ToInt64Milliseconds(timeout))) <
      0) {
    return absl::UnavailableError(
        absl::StrCat("no answer from ", where, ": ", error));
  }
  const mg_response_info* const answer = mg_get_response_info(connection.get());
  if (answer == nullptr || answer->status_code != 200) {
    return absl::UnavailableError(absl::StrCat("the octet-server at ", where,
                                               " is not ready",
                                               Reason(connection.get())));
  }
  return absl::OkStatus();
}

}  // namespace octet
