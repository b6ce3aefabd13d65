// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_MODEL_STATISTICS_H_
#define OCTET_SERVER_API_MODEL_STATISTICS_H_

#include "absl/status/status.h"
#include "proto/inference.pb.h"
#include "server/models/model_registry.h"

namespace octet {

// Answers ModelStatistics: an entry for each version that serves and that
// `request` names, by name and version.
//   INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION  as ModelRegistry::Find()
absl::Status ReportStatistics(const ModelRegistry& registry,
                              const inference::ModelStatisticsRequest& request,
                              inference::ModelStatisticsResponse* response);

}  // namespace octet

#endif  // OCTET_SERVER_API_MODEL_STATISTICS_H_
