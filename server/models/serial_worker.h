// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_SERIAL_WORKER_H_
#define OCTET_SERVER_MODELS_SERIAL_WORKER_H_

#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace octet {

// One thread that does what it is given, in order.
//
// Thread-safe.
class SerialWorker {
 public:
  // `name` is what the system calls the thread; at most 15 bytes. `niceness`,
  // 0 to 19, lets other threads of the system go first; threads that the jobs
  // start inherit it.
  explicit SerialWorker(const std::string& name, int niceness = 0);

  // Does everything that it was given, then ends.
  ~SerialWorker();

  SerialWorker(const SerialWorker&) = delete;
  SerialWorker& operator=(const SerialWorker&) = delete;

  void Do(std::function<void()> job);

 private:
  void Work(int niceness);

  absl::Mutex mutex_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_SERIAL_WORKER_H_
