// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_CONTROL_RULE_H_
#define OCTET_SERVER_CONTROL_RULE_H_

#include "server/api/control_access.h"
#include "server/config.h"

namespace octet {

// Who may call the control RPCs under these settings.
ControlRule ControlRuleOf(const ServerConfig& config);

}  // namespace octet

#endif  // OCTET_SERVER_CONTROL_RULE_H_
