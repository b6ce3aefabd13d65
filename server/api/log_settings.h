// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_LOG_SETTINGS_H_
#define OCTET_SERVER_API_LOG_SETTINGS_H_

#include "absl/status/status.h"
#include "proto/inference.pb.h"

namespace octet {

// The RPC LogSettings: changes what the request names, all of it or nothing,
// then tells all settings. They have Triton's names:
//   log_info, log_warning, log_error  bool
//   log_verbose_level                 uint32; above 0, details are logged
//   log_format                        "default" or "ISO8601"
//   log_file                          "": always standard error
// INVALID_ARGUMENT for another name, type or value.
absl::Status AnswerLogSettings(const inference::LogSettingsRequest& request,
                               inference::LogSettingsResponse* response);

}  // namespace octet

#endif  // OCTET_SERVER_API_LOG_SETTINGS_H_
