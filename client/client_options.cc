// SPDX-License-Identifier: Apache-2.0
#include "client/client_options.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/channel.h"
#include "engine/base/status_macros.h"

namespace octet::client {
namespace {

absl::Status CheckBytes(absl::string_view name, int64_t bytes) {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  if (bytes >= 1 && bytes <= kMost) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": expected 1 to ", kMost, " bytes, got ", bytes));
}

absl::Status CheckToken(const ClientOptions& options) {
  if (options.token.empty()) return absl::OkStatus();
  if (!std::all_of(options.token.begin(), options.token.end(),
                   [](unsigned char c) { return absl::ascii_isgraph(c); })) {
    return absl::InvalidArgumentError(
        "token: expected printable ASCII without spaces");
  }
  if (options.tls.ca.empty() &&
      !std::all_of(options.addresses.begin(), options.addresses.end(),
                   IsLoopback)) {
    return absl::InvalidArgumentError(
        "token: it would travel readable; give the certificate authority of "
        "the server (tls.ca), or use a loopback address");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("server address: expected HOST:PORT with a port from 1 to "
                     "65535, got '",
                     address, "'"));
  }
  const absl::string_view host = address.substr(0, colon);
  if (absl::StrContains(host, ':') &&
      (host.front() != '[' || host.back() != ']')) {
    return absl::InvalidArgumentError(
        absl::StrCat("server address: expected an IPv6 address in brackets, "
                     "[::1]:8001, got '",
                     address, "'"));
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const ClientOptions& options) {
  if (options.addresses.empty()) {
    return absl::InvalidArgumentError(
        "addresses: expected at least one HOST:PORT, got none");
  }
  for (const std::string& address : options.addresses) {
    OCTET_RETURN_IF_ERROR(CheckAddress(address));
  }
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("timeout: expected a positive duration, got ",
                     absl::FormatDuration(options.timeout)));
  }
  if (options.max_attempts < 1 || options.max_attempts > 5) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_attempts: expected 1 to 5, got ", options.max_attempts));
  }
  const TlsOptions& tls = options.tls;
  if (tls.certificate.empty() != tls.key.empty()) {
    return absl::InvalidArgumentError(
        "tls: expected both certificate and key or neither");
  }
  if (tls.ca.empty() && !tls.certificate.empty()) {
    return absl::InvalidArgumentError(
        "tls: a certificate needs ca too, the authority of the server's");
  }
  OCTET_RETURN_IF_ERROR(
      CheckBytes("max_receive_bytes", options.max_receive_bytes));
  OCTET_RETURN_IF_ERROR(CheckBytes("max_send_bytes", options.max_send_bytes));
  return CheckToken(options);
}

}  // namespace octet::client
