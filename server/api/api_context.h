// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_API_CONTEXT_H_
#define OCTET_SERVER_API_API_CONTEXT_H_

#include "server/api/shared_memory.h"
#include "server/api/tensor_codec.h"
#include "server/log/request_log.h"
#include "server/metrics/metrics.h"
#include "server/models/model_registry.h"
#include "server/models/model_repository.h"
#include "server/models/serving_state.h"
#include "server/scheduler/clock.h"

namespace octet {

// What the services answer with. All of it outlives the gRPC server.
struct ApiContext {
  ModelRegistry* registry = nullptr;
  const ModelRepository* repository = nullptr;
  const ServingState* state = nullptr;
  Metrics* metrics = nullptr;
  const Clock* clock = nullptr;
  RequestLimits limits;
  RequestLog* request_log = nullptr;
  SharedMemoryRegions* regions = nullptr;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_API_CONTEXT_H_
