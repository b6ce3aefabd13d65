// SPDX-License-Identifier: Apache-2.0
#include "server/api/log_settings.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/log/log_switches.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

using Value = inference::LogSettingsRequest::SettingValue;

constexpr char kDefaultFormat[] = "default";
constexpr char kIso8601Format[] = "ISO8601";
constexpr size_t kShownBytes = 64;

std::string Shown(absl::string_view text) {
  return absl::StrCat("'", absl::CEscape(text.substr(0, kShownBytes)), "'");
}

absl::Status Expected(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("log setting '", name, "': expected ", what));
}

absl::Status SetFlag(absl::string_view name, const Value& value, bool* flag) {
  if (!value.has_bool_param()) return Expected(name, "a bool_param");
  *flag = value.bool_param();
  return absl::OkStatus();
}

absl::Status SetFormat(absl::string_view name, const Value& value,
                       LogSwitches* switches) {
  const bool usual = value.string_param() == kDefaultFormat;
  const bool iso8601 = value.string_param() == kIso8601Format;
  if (!value.has_string_param() || (!usual && !iso8601)) {
    return Expected(name, absl::StrCat("a string_param, '", kDefaultFormat,
                                       "' or '", kIso8601Format, "', got ",
                                       Shown(value.string_param())));
  }
  switches->iso8601 = iso8601;
  return absl::OkStatus();
}

absl::Status Apply(const std::string& name, const Value& value,
                   LogSwitches* switches) {
  if (name == "log_info") return SetFlag(name, value, &switches->info);
  if (name == "log_warning") return SetFlag(name, value, &switches->warning);
  if (name == "log_error") return SetFlag(name, value, &switches->error);
  if (name == "log_format") return SetFormat(name, value, switches);
  if (name == "log_verbose_level") {
    if (!value.has_uint32_param()) return Expected(name, "a uint32_param");
    switches->verbose_level = value.uint32_param();
    return absl::OkStatus();
  }
  if (name == "log_file") {
    if (value.has_string_param() && value.string_param().empty()) {
      return absl::OkStatus();
    }
    return Expected(name,
                    "it empty: octet logs to standard error and opens no file");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no log setting ", Shown(name),
      "; there are log_info, log_warning, log_error, log_verbose_level, "
      "log_format and log_file"));
}

}  // namespace

absl::Status AnswerLogSettings(const inference::LogSettingsRequest& request,
                               inference::LogSettingsResponse* response) {
  LogSwitches switches = GetLogSwitches();
  for (const auto& [name, value] : request.settings()) {
    OCTET_RETURN_IF_ERROR(Apply(name, value, &switches));
  }
  if (!request.settings().empty()) {
    SetLogSwitches(switches);
    spdlog::info("a caller of LogSettings has changed what is logged");
  }
  auto& settings = *response->mutable_settings();
  settings["log_file"].set_string_param("");
  settings["log_info"].set_bool_param(switches.info);
  settings["log_warning"].set_bool_param(switches.warning);
  settings["log_error"].set_bool_param(switches.error);
  settings["log_verbose_level"].set_uint32_param(switches.verbose_level);
  settings["log_format"].set_string_param(switches.iso8601 ? kIso8601Format
                                                           : kDefaultFormat);
  return absl::OkStatus();
}

}  // namespace octet
