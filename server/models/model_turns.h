// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MODEL_TURNS_H_
#define OCTET_SERVER_MODELS_MODEL_TURNS_H_

#include <deque>
#include <functional>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/models/serial_worker.h"

namespace octet {

// Keeps what is done to one model in order, without making one model wait for
// another: long work goes to a worker, short work is done at once by whoever
// may, and either waits for its turn only behind work on the same model.
//
// Thread-safe.
class ModelTurns {
 public:
  // `worker` must outlive this.
  explicit ModelTurns(SerialWorker* worker) : worker_(*worker) {}

  // Runs `work` on the worker.
  void DoLong(const std::string& model, std::function<void()> work);

  // Runs `work` on this thread, or on the worker's when the model is busy.
  void DoShort(const std::string& model, std::function<void()> work);

  // Waits until nothing is under way. REQUIRES: nothing new is asked for.
  void AwaitIdle();

 private:
  struct Work {
    bool is_long;
    std::function<void()> run;
  };

  void Do(const std::string& model, Work work);
  // Does `work`, then what waits behind it, until something long is handed to
  // the worker or nothing is left.
  void Continue(const std::string& model, Work work);

  SerialWorker& worker_;
  absl::Mutex mutex_;
  // What waits, by model; a model is here as long as something is under way.
  std::map<std::string, std::deque<Work>> waiting_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MODEL_TURNS_H_
