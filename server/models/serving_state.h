// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_SERVING_STATE_H_
#define OCTET_SERVER_MODELS_SERVING_STATE_H_

#include <atomic>

#include "absl/strings/string_view.h"

namespace octet {

// How far the server is between its start and its end.
enum class ServingPhase {
  kStarting,  // the repository is being loaded; requests are served already
  kReady,     // ready for traffic
  kLeaving,   // not ready any more, but requests are still served
  kDraining,  // what is there is finished; new work is refused
};

// The phase, for all who ask. Thread-safe.
class ServingState {
 public:
  ServingPhase phase() const { return phase_.load(); }
  void Set(ServingPhase phase) { phase_.store(phase); }

  bool ready() const { return phase() == ServingPhase::kReady; }
  bool takes_work() const { return phase() != ServingPhase::kDraining; }

  // Why the server is not ready; "ready" if it is.
  absl::string_view reason() const {
    switch (phase()) {
      case ServingPhase::kStarting:
        return "the models are being loaded";
      case ServingPhase::kReady:
        return "ready";
      case ServingPhase::kLeaving:
      case ServingPhase::kDraining:
        return "the server is shutting down";
    }
    return "";
  }

 private:
  std::atomic<ServingPhase> phase_ = ServingPhase::kStarting;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_SERVING_STATE_H_
