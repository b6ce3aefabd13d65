// SPDX-License-Identifier: Apache-2.0
#include "client/channel.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <netdb.h>
#include <sys/socket.h>

#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/status_macros.h"

namespace octet::client {
namespace {

// Requests up to this size are kept for repetition. octet-server takes no
// larger ones unless told to.
constexpr int kRetryBufferBytes = 64 << 20;

// A replica that comes back is found within seconds, where gRPC's own defaults
// wait up to two minutes.
constexpr int kFirstReconnectMilliseconds = 200;
constexpr int kLastReconnectMilliseconds = 5000;

struct HostAndPort {
  std::string host;  // without brackets
  std::string port;
};

// REQUIRES: CheckAddress() is OK.
HostAndPort Split(absl::string_view address) {
  const size_t colon = address.rfind(':');
  absl::string_view host = address.substr(0, colon);
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  return {std::string(host), std::string(address.substr(colon + 1))};
}

// An address as getaddrinfo() prefers it: "ipv4" or "ipv6", and its text.
absl::StatusOr<std::pair<std::string, std::string>> Resolve(
    const std::string& address) {
  const HostAndPort parts = Split(address);
  addrinfo hints = {};
  // The one machine that everybody has two addresses for.
  hints.ai_family = parts.host == "localhost" ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("server address '", address, "': ", gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found,
                                                             freeaddrinfo);
  char host[NI_MAXHOST] = "";
  char port[NI_MAXSERV] = "";
  getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof(host), port,
              sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
  if (found->ai_family == AF_INET6) {
    return std::pair("ipv6", absl::StrCat("[", host, "]:", port));
  }
  return std::pair("ipv4", absl::StrCat(host, ":", port));
}

absl::StatusOr<std::string> MakeTarget(
    const std::vector<std::string>& addresses) {
  if (addresses.size() == 1) return addresses[0];
  std::string scheme;
  std::vector<std::string> resolved;
  for (const std::string& address : addresses) {
    OCTET_ASSIGN_OR_RETURN(auto next, Resolve(address));
    if (!scheme.empty() && next.first != scheme) {
      return absl::InvalidArgumentError(
          absl::StrCat("server addresses: expected all of IPv4 or all of IPv6, "
                       "got ",
                       absl::StrJoin(addresses, ", ")));
    }
    scheme = std::move(next.first);
    resolved.push_back(std::move(next.second));
  }
  return absl::StrCat(scheme, ":", absl::StrJoin(resolved, ","));
}

absl::StatusOr<std::string> ReadPem(absl::string_view option,
                                    const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file),
                    std::istreambuf_iterator<char>()};
  if (file.bad() || bytes.empty()) {
    return absl::NotFoundError(
        absl::StrCat(option, ": cannot read '", path, "', or it is empty"));
  }
  if (!absl::StrContains(bytes, "-----BEGIN ")) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": '", path, "' is no PEM file"));
  }
  return bytes;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(
    const TlsOptions& tls) {
  if (tls.ca.empty()) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  OCTET_ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem("tls.ca", tls.ca));
  OCTET_ASSIGN_OR_RETURN(options.pem_cert_chain,
                         ReadPem("tls.certificate", tls.certificate));
  OCTET_ASSIGN_OR_RETURN(options.pem_private_key, ReadPem("tls.key", tls.key));
  return grpc::SslCredentials(options);
}

// The calls that may be made twice, as names of a service configuration.
std::string RepeatableCalls() {
  constexpr absl::string_view kInference = "inference.GRPCInferenceService";
  constexpr absl::string_view kQuantization = "octet.v1.QuantizationService";
  constexpr std::pair<absl::string_view, absl::string_view> kCalls[] = {
      {kInference, "ServerLive"},
      {kInference, "ServerReady"},
      {kInference, "ServerMetadata"},
      {kInference, "ModelReady"},
      {kInference, "ModelMetadata"},
      {kInference, "ModelConfig"},
      {kInference, "ModelStatistics"},
      {kInference, "RepositoryIndex"},
      {kInference, "ModelInfer"},
      {kQuantization, "GetJob"},
      {kQuantization, "ListJobs"},
      {kQuantization, "GetHistory"},
      {kQuantization, "GetReport"},
      {"octet.v1.ServerService", "Configuration"}};
  return absl::StrJoin(kCalls, ",", [](std::string* text, const auto& call) {
    absl::StrAppend(text, R"({"service":")", call.first, R"(","method":")",
                    call.second, R"("})");
  });
}

}  // namespace

bool IsLoopback(absl::string_view address) {
  return absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "[::1]:");
}

std::string ServiceConfig(const ClientOptions& options) {
  std::vector<std::string> parts;
  if (options.addresses.size() > 1 || options.check_health) {
    parts.push_back(R"("loadBalancingConfig":[{"round_robin":{}}])");
    parts.push_back(R"("healthCheckConfig":{"serviceName":""})");
  }
  if (options.max_attempts > 1) {
    parts.push_back(absl::StrCat(
        R"("methodConfig":[{"name":[)", RepeatableCalls(),
        R"(],"retryPolicy":{"maxAttempts":)", options.max_attempts,
        R"(,"initialBackoff":"0.05s","maxBackoff":"1s","backoffMultiplier":2,)",
        R"("retryableStatusCodes":["UNAVAILABLE","RESOURCE_EXHAUSTED"]}}])"));
    // Where most calls fail, repeating them only makes matters worse.
    parts.push_back(R"("retryThrottling":{"maxTokens":100,"tokenRatio":0.5})");
  }
  return absl::StrCat("{", absl::StrJoin(parts, ","), "}");
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> CreateChannel(
    const ClientOptions& options) {
  OCTET_ASSIGN_OR_RETURN(const std::string target,
                         MakeTarget(options.addresses));
  OCTET_ASSIGN_OR_RETURN(const auto credentials, MakeCredentials(options.tls));
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(ServiceConfig(options));
  // What a name's owner publishes in DNS has no say in this.
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE, kRetryBufferBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   kFirstReconnectMilliseconds);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                   kLastReconnectMilliseconds);
  arguments.SetMaxReceiveMessageSize(
      static_cast<int>(options.max_receive_bytes));
  arguments.SetMaxSendMessageSize(static_cast<int>(options.max_send_bytes));
  // A proxy of the environment cannot reach this machine's loopback.
  if (IsLoopback(options.addresses[0])) {
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  }
  std::string name = options.tls.server_name;
  if (name.empty() && options.addresses.size() > 1) {
    name = Split(options.addresses[0]).host;
  }
  if (!options.tls.ca.empty() && !name.empty()) {
    arguments.SetSslTargetNameOverride(name);
  }
  return grpc::CreateCustomChannel(target, credentials, arguments);
}

}  // namespace octet::client
