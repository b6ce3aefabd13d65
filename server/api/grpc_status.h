// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_GRPC_STATUS_H_
#define OCTET_SERVER_API_GRPC_STATUS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace octet {

// The same code and message as gRPC carries them.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Ends a unary call with `status`; its handler returns what this returns.
grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                 const absl::Status& status);

// When the caller stops waiting; InfiniteFuture() if it never does.
absl::Time DeadlineOf(const grpc::CallbackServerContext& context);

// Tells a client that retries to wait for `delay` first (the trailing
// metadata "grpc-retry-pushback-ms").
void SetRetryDelay(absl::Duration delay, grpc::CallbackServerContext* context);

}  // namespace octet

#endif  // OCTET_SERVER_API_GRPC_STATUS_H_
