// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_LOG_LOG_SWITCHES_H_
#define OCTET_SERVER_LOG_LOG_SWITCHES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace octet {

// What the log takes.
struct LogSwitches {
  bool info = true;
  bool warning = true;
  bool error = true;
  uint32_t verbose_level = 0;  // above 0: what helps to find a mistake
  bool iso8601 = false;        // times as 2026-01-31T12:00:00Z
};

// The switches of the levels "debug", "info", "warn", "error" and "off".
LogSwitches SwitchesFor(absl::string_view level);

// Makes spdlog's default logger write to standard error, and only what the
// switches let through. Like that logger, the switches are the process's.
// Thread-safe, as the next two.
void InstallLog(const LogSwitches& switches);

// What is in force; the defaults before InstallLog().
LogSwitches GetLogSwitches();

// REQUIRES: InstallLog() was called.
void SetLogSwitches(const LogSwitches& switches);

}  // namespace octet

#endif  // OCTET_SERVER_LOG_LOG_SWITCHES_H_
