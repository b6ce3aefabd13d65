// SPDX-License-Identifier: Apache-2.0
#include "server/control_rule.h"

#include "server/api/control_access.h"
#include "server/config.h"

namespace octet {

ControlRule ControlRuleOf(const ServerConfig& config) {
  switch (config.control_access) {
    case ControlAccessSetting::kOpen:
      return {ControlRule::Kind::kOpen, {}};
    case ControlAccessSetting::kCertificate:
      return {ControlRule::Kind::kCertificate, {}};
    case ControlAccessSetting::kToken:
      return {ControlRule::Kind::kToken, config.control_token_file};
    case ControlAccessSetting::kAuto:
      break;
  }
  return {IsLoopback(config.bind_address) ? ControlRule::Kind::kOpen
                                          : ControlRule::Kind::kClosed,
          {}};
}

}  // namespace octet
