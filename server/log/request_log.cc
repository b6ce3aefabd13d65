// SPDX-License-Identifier: Apache-2.0
#include "server/log/request_log.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "spdlog/async.h"
#include "spdlog/async_logger.h"
#include "spdlog/sinks/stdout_sinks.h"

namespace octet {
namespace {

constexpr size_t kWaitingLines = 8192;
constexpr size_t kIdBytes = 128;
constexpr size_t kErrorBytes = 256;
// A flood of bad requests shall not become a flood of lines.
constexpr int kFailuresPerSecond = 100;

std::string Cut(absl::string_view text, size_t bytes) {
  return std::string(text.substr(0, bytes));
}

int64_t Microseconds(absl::Duration duration) {
  return absl::ToInt64Microseconds(duration);
}

std::string Line(const RequestRecord& record, absl::Time now) {
  nlohmann::ordered_json line;
  line["time"] =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now, absl::UTCTimeZone());
  line["id"] = Cut(record.id, kIdBytes);
  line["model"] = Cut(record.model, kIdBytes);
  line["version"] = Cut(record.version, kIdBytes);
  line["rows"] = record.rows;
  line["code"] = absl::StatusCodeToString(record.status.code());
  if (!record.status.ok()) {
    line["error"] = Cut(record.status.message(), kErrorBytes);
  }
  line["total_us"] = Microseconds(record.total);
  if (record.phases) {
    line["queue_us"] = Microseconds(record.phases->queue);
    line["gather_us"] = Microseconds(record.phases->gather);
    line["compute_us"] = Microseconds(record.phases->compute);
    line["scatter_us"] = Microseconds(record.phases->scatter);
  }
  if (record.origin != nullptr) {
    line["peer"] = Cut(record.origin->peer, kIdBytes);
    if (record.origin->trace) {
      line["trace_id"] = record.origin->trace->trace_id;
      line["parent_id"] = record.origin->trace->parent_id;
    }
  }
  // Nothing that a client sends can end the line or steer a terminal.
  return line.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/true,
                   nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

RequestLog::RequestLog(const RequestSampling& sampling, spdlog::sink_ptr sink)
    : writer_(std::make_shared<spdlog::details::thread_pool>(kWaitingLines,
                                                             /*threads=*/1)) {
  if (sink == nullptr) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  }
  sink->set_pattern("%v");
  logger_ = std::make_shared<spdlog::async_logger>(
      "requests", std::move(sink), writer_,
      spdlog::async_overflow_policy::overrun_oldest);
  SetSampling("", sampling);
}

RequestLog::~RequestLog() {
  // Joins the thread that writes, so that what it writes with goes after it.
  writer_.reset();
}

void RequestLog::Note(const RequestRecord& record) {
  const bool failed = !record.status.ok();
  {
    absl::MutexLock lock(&mutex_);
    const auto own = models_.find(record.model);
    Rule* const rule = own == models_.end() ? &all_ : &own->second;
    if (!WantsLocked(rule, failed)) return;
  }
  logger_->info("{}", Line(record, absl::Now()));
}

bool RequestLog::WantsLocked(Rule* rule, bool failed) {
  const RequestSampling& sampling = rule->sampling;
  if (!sampling.on) return false;
  if (sampling.count && rule->written >= *sampling.count) return false;
  rule->due += sampling.fraction;
  // What 0.1, ten times, lacks of 1.
  constexpr double kRounding = 1e-9;
  const bool due = rule->due >= 1 - kRounding;
  if (due) rule->due -= 1;
  if (!due && !(failed && TakesFailureLocked())) return false;
  ++rule->written;
  return true;
}

bool RequestLog::TakesFailureLocked() {
  const absl::Time now = absl::Now();
  if (now - second_ >= absl::Seconds(1) || now < second_) {
    second_ = now;
    failures_ = 0;
  }
  return ++failures_ <= kFailuresPerSecond;
}

void RequestLog::SetSampling(absl::string_view model,
                             std::optional<RequestSampling> sampling) {
  absl::MutexLock lock(&mutex_);
  if (model.empty()) {
    all_ = Rule{sampling.value_or(RequestSampling())};
  } else if (sampling) {
    models_[std::string(model)] = Rule{*sampling};
  } else {
    models_.erase(model);
  }
  active_ = all_.sampling.on ||
            std::any_of(models_.begin(), models_.end(), [](const auto& rule) {
              return rule.second.sampling.on;
            });
}

RequestSampling RequestLog::GetSampling(absl::string_view model) const {
  absl::MutexLock lock(&mutex_);
  const auto own = models_.find(model);
  return own == models_.end() ? all_.sampling : own->second.sampling;
}

}  // namespace octet
