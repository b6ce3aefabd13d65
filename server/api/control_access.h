// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_CONTROL_ACCESS_H_
#define OCTET_SERVER_API_CONTROL_ACCESS_H_

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/log/log_limit.h"

namespace octet {

// What an RPC does, as far as it matters who calls it.
enum class RpcKind {
  kRead,             // tells something
  kInfer,            // computes, and changes nothing
  kControl,          // changes what the server does, or works for long
  kControlIfChange,  // tells, or changes if the request asks for it
};

// The kind of an RPC by its full name, as
// "/inference.GRPCInferenceService/ModelInfer". One that is not in the table is
// kControl, so that nothing new is open by accident.
RpcKind RpcKindOf(absl::string_view method);

// Whether RpcKindOf() knows the RPC by name.
bool IsClassified(absl::string_view method);

// Who may call the control RPCs.
struct ControlRule {
  enum class Kind {
    kOpen,         // everyone
    kClosed,       // nobody
    kCertificate,  // clients that showed a certificate that was verified
    kToken,        // callers with a token of `token_file`
  };

  Kind kind = Kind::kOpen;
  // A token a line, each of 16 to 4096 visible characters; several let clients
  // move from an old one to a new one. It is read at every check, so a change
  // counts at once.
  std::string token_file;
};

// Applies a rule. Thread-safe.
class ControlAccess {
 public:
  explicit ControlAccess(ControlRule rule);

  // OK where the rule can be applied, else INVALID_ARGUMENT: there is no token
  // in the file, or one that is too short or too long.
  absl::Status CheckRule() const;

  // OK where the caller of `context` may call the control RPC of that name.
  //   UNAUTHENTICATED    no token or certificate, or a wrong one
  //   PERMISSION_DENIED  nobody may
  absl::Status Check(absl::string_view method,
                     const grpc::CallbackServerContext& context) const;

 private:
  absl::Status CheckToken(absl::string_view method,
                          const grpc::CallbackServerContext& context) const;

  const ControlRule rule_;
  mutable LogLimit unreadable_{absl::Seconds(60)};
};

}  // namespace octet

#endif  // OCTET_SERVER_API_CONTROL_ACCESS_H_
