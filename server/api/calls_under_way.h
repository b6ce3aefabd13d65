// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_CALLS_UNDER_WAY_H_
#define OCTET_SERVER_API_CALLS_UNDER_WAY_H_

#include <grpcpp/support/interceptor.h>
#include <grpcpp/support/server_interceptor.h>

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace octet {

// Counts the calls of a server, so that its shutdown can end with the last of
// them. gRPC's own waits for connections, too, and those of clients that only
// keep one open may stay for as long as they are waited for.
//
// Thread-safe.
class CallsUnderWay {
 public:
  // For the server's builder. This object must outlive the server.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
  MakeCounter();

  // Waits until there is no call, Hurry() is called, or `limit` is over.
  void AwaitNone(absl::Duration limit);

  // Ends AwaitNone(), now and later.
  void Hurry();

 private:
  class Counter;
  class OneCall;

  void Begin();
  void End();

  absl::Mutex mutex_;
  int64_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool hurry_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_CALLS_UNDER_WAY_H_
