// SPDX-License-Identifier: Apache-2.0
#include "server/api/control_access.h"

#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

constexpr size_t kMinTokenBytes = 16;
constexpr size_t kMaxTokenBytes = 4096;
constexpr size_t kMaxFileBytes = 64 << 10;

using Table = absl::flat_hash_map<std::string, RpcKind>;

void AddService(absl::string_view service, RpcKind kind,
                const std::vector<absl::string_view>& methods, Table* table) {
  for (const absl::string_view method : methods) {
    table->emplace(absl::StrCat("/", service, "/", method), kind);
  }
}

// Every RPC of every service that the server has.
Table MakeTable() {
  constexpr char kInference[] = "inference.GRPCInferenceService";
  constexpr char kQuantization[] = "octet.v1.QuantizationService";
  Table table;
  AddService(
      kInference, RpcKind::kRead,
      {"ServerLive", "ServerReady", "ModelReady", "ServerMetadata",
       "ModelMetadata", "ModelConfig", "ModelStatistics", "RepositoryIndex",
       "SystemSharedMemoryStatus", "CudaSharedMemoryStatus"},
      &table);
  AddService(kInference, RpcKind::kInfer, {"ModelInfer", "ModelStreamInfer"},
             &table);
  AddService(kInference, RpcKind::kControl,
             {"RepositoryModelLoad", "RepositoryModelUnload",
              "SystemSharedMemoryRegister", "SystemSharedMemoryUnregister",
              "CudaSharedMemoryRegister", "CudaSharedMemoryUnregister"},
             &table);
  AddService(kInference, RpcKind::kControlIfChange,
             {"TraceSetting", "LogSettings"}, &table);
  AddService(kQuantization, RpcKind::kControl,
             {"Quantize", "SubmitJob", "WatchJob", "GetJob", "ListJobs",
              "CancelJob", "GetHistory", "GetReport"},
             &table);
  AddService("octet.v1.ServerService", RpcKind::kRead, {"Configuration"},
             &table);
  AddService("grpc.health.v1.Health", RpcKind::kRead, {"Check", "Watch"},
             &table);
  AddService("grpc.reflection.v1alpha.ServerReflection", RpcKind::kRead,
             {"ServerReflectionInfo"}, &table);
  return table;
}

const Table& TheTable() {
  static const auto* const table = new Table(MakeTable());
  return *table;
}

// Tokens are compared by their digests, which all have one length.
using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest DigestOf(absl::string_view token) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         digest.data());
  return digest;
}

absl::Status Wrong(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("token file '", path, "' of --control-access: ", what));
}

absl::StatusOr<std::vector<Digest>> ReadTokens(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return Wrong(path, absl::StrCat("it cannot be read: ",
                                    errno != 0 ? std::strerror(errno) : "?"));
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) {
    return Wrong(path, absl::StrCat("more than ", kMaxFileBytes, " bytes"));
  }
  std::vector<Digest> tokens;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) continue;
    if (line.size() < kMinTokenBytes || line.size() > kMaxTokenBytes ||
        !std::all_of(line.begin(), line.end(), absl::ascii_isgraph)) {
      return Wrong(path, absl::StrCat("a line has ", line.size(),
                                      " characters, expected one token of ",
                                      kMinTokenBytes, " to ", kMaxTokenBytes,
                                      " visible characters"));
    }
    tokens.push_back(DigestOf(line));
  }
  OPENSSL_cleanse(text.data(), text.size());
  if (tokens.empty()) return Wrong(path, "there is no token in it");
  return tokens;
}

// The token of "authorization: Bearer TOKEN"; empty where there is none.
absl::string_view BearerToken(const grpc::CallbackServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found == metadata.end()) return {};
  constexpr absl::string_view kScheme = "bearer ";
  const absl::string_view value(found->second.data(), found->second.size());
  if (!absl::StartsWithIgnoreCase(value, kScheme)) return {};
  return absl::StripAsciiWhitespace(value.substr(kScheme.size()));
}

}  // namespace

RpcKind RpcKindOf(absl::string_view method) {
  const auto found = TheTable().find(method);
  return found == TheTable().end() ? RpcKind::kControl : found->second;
}

bool IsClassified(absl::string_view method) {
  return TheTable().contains(method);
}

ControlAccess::ControlAccess(ControlRule rule) : rule_(std::move(rule)) {}

absl::Status ControlAccess::CheckRule() const {
  if (rule_.kind != ControlRule::Kind::kToken) return absl::OkStatus();
  return ReadTokens(rule_.token_file).status();
}

absl::Status ControlAccess::Check(
    absl::string_view method,
    const grpc::CallbackServerContext& context) const {
  switch (rule_.kind) {
    case ControlRule::Kind::kOpen:
      return absl::OkStatus();
    case ControlRule::Kind::kClosed:
      return absl::PermissionDeniedError(
          absl::StrCat(method,
                       " is closed, because the server listens on more than "
                       "loopback and has no rule for control: start it with "
                       "--control-access token:FILE, certificate or open"));
    case ControlRule::Kind::kCertificate: {
      const std::shared_ptr<const grpc::AuthContext> auth =
          context.auth_context();
      if (auth != nullptr && auth->IsPeerAuthenticated()) {
        return absl::OkStatus();
      }
      return absl::UnauthenticatedError(absl::StrCat(
          method,
          " needs a client certificate that the server's "
          "--tls-client-ca signed (--control-access certificate)"));
    }
    case ControlRule::Kind::kToken:
      return CheckToken(method, context);
  }
  return absl::InternalError("a rule of no kind");
}

absl::Status ControlAccess::CheckToken(
    absl::string_view method,
    const grpc::CallbackServerContext& context) const {
  const absl::string_view sent = BearerToken(context);
  if (sent.empty()) {
    return absl::UnauthenticatedError(absl::StrCat(
        method,
        " needs metadata 'authorization: Bearer TOKEN' with a token "
        "of the server's --control-access token:FILE; got none"));
  }
  const absl::StatusOr<std::vector<Digest>> tokens =
      ReadTokens(rule_.token_file);
  if (!tokens.ok()) {
    // The caller must not learn the path.
    if (unreadable_.Take()) {
      spdlog::error("control RPCs are refused until this is mended: {}",
                    std::string(tokens.status().message()));
    }
    return absl::UnauthenticatedError(absl::StrCat(
        method,
        " is refused: the server cannot read its tokens; its log says "
        "why"));
  }
  const Digest digest = DigestOf(sent);
  bool known = false;
  // All of them, so that the time does not tell which one was near.
  for (const Digest& token : *tokens) {
    known |= CRYPTO_memcmp(digest.data(), token.data(), digest.size()) == 0;
  }
  if (known) return absl::OkStatus();
  return absl::UnauthenticatedError(
      absl::StrCat(method,
                   " is refused: the token is none of those of the server's "
                   "--control-access token:FILE"));
}

}  // namespace octet
