// SPDX-License-Identifier: Apache-2.0
#include "server/log/log_switches.h"

#include <atomic>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace octet {
namespace {

constexpr char kUsualPattern[] = "%+";
constexpr char kIso8601Pattern[] = "%Y-%m-%dT%H:%M:%SZ [%n] [%l] %v";

// spdlog's levels build on each other; Triton's switches do not.
class SwitchedSink final : public spdlog::sinks::stderr_sink_mt {
 public:
  void log(const spdlog::details::log_msg& message) override {
    if (Takes(message.level)) Base::log(message);
  }

  void Set(const LogSwitches& switches) {
    info_ = switches.info;
    warning_ = switches.warning;
    error_ = switches.error;
    verbose_ = switches.verbose_level > 0;
  }

 private:
  using Base = spdlog::sinks::stderr_sink_mt;

  bool Takes(spdlog::level::level_enum level) const {
    switch (level) {
      case spdlog::level::trace:
      case spdlog::level::debug:
        return verbose_;
      case spdlog::level::info:
        return info_;
      case spdlog::level::warn:
        return warning_;
      default:
        return error_;
    }
  }

  std::atomic<bool> info_ = true;
  std::atomic<bool> warning_ = true;
  std::atomic<bool> error_ = true;
  std::atomic<bool> verbose_ = false;
};

struct Log {
  absl::Mutex mutex;
  LogSwitches switches ABSL_GUARDED_BY(mutex);
  std::shared_ptr<spdlog::logger> logger ABSL_GUARDED_BY(mutex);
  std::shared_ptr<SwitchedSink> sink ABSL_GUARDED_BY(mutex);
};

Log& TheLog() {
  static auto* const log = new Log;
  return *log;
}

void ApplyLocked(const LogSwitches& switches, Log* log)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(log->mutex) {
  if (switches.iso8601) {
    log->sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        kIso8601Pattern, spdlog::pattern_time_type::utc));
  } else {
    log->sink->set_pattern(kUsualPattern);
  }
  log->sink->Set(switches);
  // What nobody reads is not even put into words.
  log->logger->set_level(switches.verbose_level > 0 ? spdlog::level::debug
                         : switches.info            ? spdlog::level::info
                         : switches.warning         ? spdlog::level::warn
                         : switches.error           ? spdlog::level::err
                                                    : spdlog::level::off);
  log->switches = switches;
}

}  // namespace

LogSwitches SwitchesFor(absl::string_view level) {
  LogSwitches switches;
  switches.verbose_level = level == "debug" ? 1 : 0;
  switches.info = level == "debug" || level == "info";
  switches.warning = switches.info || level == "warn";
  switches.error = switches.warning || level == "error";
  return switches;
}

void InstallLog(const LogSwitches& switches) {
  Log& log = TheLog();
  absl::MutexLock lock(&log.mutex);
  log.sink = std::make_shared<SwitchedSink>();
  log.logger = std::make_shared<spdlog::logger>("octet", log.sink);
  ApplyLocked(switches, &log);
  spdlog::set_default_logger(log.logger);
}

LogSwitches GetLogSwitches() {
  Log& log = TheLog();
  absl::MutexLock lock(&log.mutex);
  return log.switches;
}

void SetLogSwitches(const LogSwitches& switches) {
  Log& log = TheLog();
  absl::MutexLock lock(&log.mutex);
  if (log.sink != nullptr) ApplyLocked(switches, &log);
}

}  // namespace octet
