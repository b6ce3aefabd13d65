// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_TRACE_SETTINGS_H_
#define OCTET_SERVER_API_TRACE_SETTINGS_H_

#include "absl/status/status.h"
#include "proto/inference.pb.h"
#include "server/log/request_log.h"
#include "server/models/model_registry.h"

namespace octet {

// The RPC TraceSetting: changes what the request names, all of it or nothing,
// for one model or for all that have no settings of their own, then tells what
// applies there. A trace is a line of `log`; the settings have Triton's names:
//   trace_level    OFF or TIMESTAMPS
//   trace_rate     one request in so many gets a line, from 1; those that fail
//                  always do
//   trace_count    so many lines and no more; -1: no end
//   log_frequency, trace_file, trace_mode
//                  0, nothing and "triton": they are told and cannot be changed
// A setting without a value goes back to what is usual; for a model this
// gives up all settings of its own.
//   INVALID_ARGUMENT  another name or value
//   NOT_FOUND         no such model
//   UNIMPLEMENTED     what octet does not trace: tensors, OpenTelemetry, files
absl::Status AnswerTraceSetting(const inference::TraceSettingRequest& request,
                                const ModelRegistry& registry, RequestLog* log,
                                inference::TraceSettingResponse* response);

}  // namespace octet

#endif  // OCTET_SERVER_API_TRACE_SETTINGS_H_
