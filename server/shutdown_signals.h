// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_SHUTDOWN_SIGNALS_H_
#define OCTET_SERVER_SHUTDOWN_SIGNALS_H_

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace octet {

// Turns SIGTERM and SIGINT into something that ordinary code can wait for.
//
// Thread-safe. REQUIRES: made before any other thread of the process, for
// threads inherit which signals are blocked; one at a time.
class ShutdownSignals {
 public:
  // `on_signal` is called with 1 for the first signal, 2 for the second and so
  // on, on a thread where everything is allowed.
  explicit ShutdownSignals(std::function<void(int)> on_signal);
  ~ShutdownSignals();

  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

  // Waits until `count` signals have come, or for `limit`; tells whether they
  // have.
  bool Await(int count, absl::Duration limit);

 private:
  void Listen();

  const std::function<void(int)> on_signal_;
  absl::Mutex mutex_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace octet

#endif  // OCTET_SERVER_SHUTDOWN_SIGNALS_H_
