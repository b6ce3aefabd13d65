// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/setting.h"

namespace octet {
namespace {

// As it is where that is one plain word, else quoted.
std::string Quoted(const std::string& value) {
  const bool plain =
      !value.empty() &&
      std::all_of(value.begin(), value.end(), [](unsigned char c) {
        return absl::ascii_isgraph(c) && c != '"' && c != '\\';
      });
  return plain ? value : absl::StrCat("\"", absl::CEscape(value), "\"");
}

}  // namespace

std::vector<EffectiveSetting> EffectiveSettings(const ServerConfig& config) {
  std::vector<EffectiveSetting> effective;
  for (const Setting& setting : Settings()) {
    const auto source = config.sources.find(setting.name);
    effective.push_back({setting.name, setting.print(config),
                         source == config.sources.end()
                             ? SettingSource::kDefault
                             : source->second});
  }
  return effective;
}

absl::string_view SourceName(SettingSource source) {
  switch (source) {
    case SettingSource::kDefault:
      return "default";
    case SettingSource::kFile:
      return "file";
    case SettingSource::kEnvironment:
      return "environment";
    case SettingSource::kFlag:
      return "flag";
  }
  return "";
}

std::string ToString(const ServerConfig& config) {
  std::string line;
  for (const EffectiveSetting& setting : EffectiveSettings(config)) {
    absl::StrAppend(&line, line.empty() ? "" : " ", setting.name, "=",
                    Quoted(setting.value), "[", SourceName(setting.source),
                    "]");
  }
  return line;
}

bool IsLoopback(absl::string_view address) {
  const std::string text(address);
  in_addr four;
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) {
    return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  in6_addr six;
  return inet_pton(AF_INET6, text.c_str(), &six) == 1 &&
         IN6_IS_ADDR_LOOPBACK(&six);
}

}  // namespace octet
