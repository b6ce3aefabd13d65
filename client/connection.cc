// SPDX-License-Identifier: Apache-2.0
#include "client/connection.h"

#include <chrono>
#include <cstdint>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/client.h"

namespace octet::client {
namespace {

// The bound in gRPC's "... message larger than max (SIZE vs. BOUND)"; -1 in
// other messages.
int64_t BoundIn(absl::string_view message) {
  const size_t words = message.find("larger than max");
  if (words == absl::string_view::npos) return -1;
  absl::string_view rest = message.substr(words);
  const size_t begin = rest.find("vs. ");
  if (begin == absl::string_view::npos) return -1;
  rest = rest.substr(begin + 4);
  int64_t bound = -1;
  return absl::SimpleAtoi(rest.substr(0, rest.find(')')), &bound) ? bound : -1;
}

// What lets a message through that was too large; empty for other errors.
std::string SizeRemedy(absl::string_view message,
                       const ClientOptions& options) {
  const int64_t bound = BoundIn(message);
  if (bound < 0) return "";
  if (absl::StrContains(message, "Sent message")) {
    return "; this is the client's own bound, ClientOptions::max_send_bytes";
  }
  if (bound == options.max_receive_bytes) {
    return "; the answer is larger than the client takes, "
           "ClientOptions::max_receive_bytes";
  }
  return absl::StrCat(
      "; the server takes ", bound,
      " bytes: send fewer rows in a request, or start octet-server with a "
      "larger --max-receive-bytes");
}

}  // namespace

Connection::Connection(ClientOptions options,
                       std::shared_ptr<grpc::Channel> channel)
    : options_(std::move(options)),
      addresses_(absl::StrJoin(options_.addresses, ", ")),
      channel_(std::move(channel)),
      inference_(inference::GRPCInferenceService::NewStub(channel_)),
      quantization_(v1::QuantizationService::NewStub(channel_)),
      server_(v1::ServerService::NewStub(channel_)) {}

void Connection::Prepare(absl::Duration timeout,
                         grpc::ClientContext* context) const {
  // Beyond a century the clock's own arithmetic would overflow.
  if (timeout < absl::Hours(24 * 365)) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  }
  if (!options_.token.empty()) {
    context->AddMetadata("authorization",
                         absl::StrCat("Bearer ", options_.token));
  }
}

absl::Status Connection::Explain(absl::string_view call,
                                 const grpc::Status& status) {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  // A server that refuses work says so over a connection that stands.
  const bool no_connection =
      code == absl::StatusCode::kUnavailable &&
      channel_->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
  absl::Status error(
      code, absl::StrCat(no_connection ? "cannot connect to "
                                       : absl::StrCat(call, " at "),
                         addresses_, ": ", status.error_message(),
                         code == absl::StatusCode::kResourceExhausted
                             ? SizeRemedy(status.error_message(), options_)
                             : ""));
  error.SetPayload(kCallPayload, absl::Cord(call));
  return error;
}

PendingCalls::~PendingCalls() {
  absl::MutexLock lock(&mutex_);
  for (grpc::ClientContext* call : calls_) call->TryCancel();
  mutex_.Await(absl::Condition(
      +[](absl::flat_hash_set<grpc::ClientContext*>* calls) {
        return calls->empty();
      },
      &calls_));
}

void PendingCalls::Add(grpc::ClientContext* call) {
  absl::MutexLock lock(&mutex_);
  calls_.insert(call);
}

void PendingCalls::Remove(grpc::ClientContext* call) {
  absl::MutexLock lock(&mutex_);
  calls_.erase(call);
}

}  // namespace octet::client
