// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_REGISTRY_LIMITS_H_
#define OCTET_SERVER_MODELS_REGISTRY_LIMITS_H_

#include <cstdint>
#include <limits>

#include "absl/time/time.h"

namespace octet {

// What a ModelRegistry may load, and when it loads anew.
struct RegistryLimits {
  // Of weights and arenas of everything that is loaded.
  int64_t memory_bytes = std::numeric_limits<int64_t>::max();
  int models = 1000;
  // A load keeps a version whose files and configuration have not changed since
  // it was loaded. Files' times are coarse, so what changed this shortly before
  // it was loaded may have changed again unseen, and is loaded anew.
  absl::Duration settled_after = absl::Seconds(2);
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_REGISTRY_LIMITS_H_
