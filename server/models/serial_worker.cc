// SPDX-License-Identifier: Apache-2.0
#include "server/models/serial_worker.h"

#include <pthread.h>
#include <sys/resource.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"

namespace octet {

SerialWorker::SerialWorker(const std::string& name, int niceness)
    : thread_([this, niceness] { Work(niceness); }) {
  pthread_setname_np(thread_.native_handle(), name.c_str());
}

SerialWorker::~SerialWorker() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void SerialWorker::Do(std::function<void()> job) {
  absl::MutexLock lock(&mutex_);
  jobs_.push_back(std::move(job));
}

void SerialWorker::Work(int niceness) {
  // On Linux niceness is a thread's own. Without it the work is done as well.
  if (niceness > 0) setpriority(PRIO_PROCESS, 0, niceness);
  const auto something_to_do = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !jobs_.empty();
  };
  while (true) {
    std::function<void()> job;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&something_to_do));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace octet
