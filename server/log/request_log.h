// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_LOG_REQUEST_LOG_H_
#define OCTET_SERVER_LOG_REQUEST_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/log/trace_context.h"
#include "spdlog/common.h"

namespace spdlog {
class logger;
namespace details {
class thread_pool;
}
}  // namespace spdlog

namespace octet {

// Where a request came from.
struct RequestOrigin {
  std::string peer;  // without the port
  std::optional<TraceContext> trace;
};

// One request that has been answered.
struct RequestRecord {
  struct Phases {
    absl::Duration queue, gather, compute, scatter;
  };

  absl::string_view id;
  absl::string_view model;
  absl::string_view version;  // empty where none was found
  int64_t rows = 0;           // 0 where the request was not understood
  absl::Status status;
  absl::Duration total;
  std::optional<Phases> phases;  // of requests that were computed
  const RequestOrigin* origin = nullptr;
};

// Which requests get a line.
struct RequestSampling {
  bool on = false;
  // Every 1/fraction-th request, and all that fail; above 0 and at most 1.
  double fraction = 0.001;
  // After so many lines no more; absent: no end.
  std::optional<int64_t> count{};

  bool operator==(const RequestSampling&) const = default;
};

// Writes one line of JSON a request, of those that are to have one; README.md
// shows it. A thread of its own writes, so that nobody waits for the reader.
//
// Thread-safe.
class RequestLog {
 public:
  // `sink` null: standard error.
  explicit RequestLog(const RequestSampling& sampling,
                      spdlog::sink_ptr sink = nullptr);
  // Writes what is left.
  ~RequestLog();

  // Whether any request may get a line; costs nothing.
  bool active() const { return active_.load(std::memory_order_relaxed); }

  // Counts the request, and writes its line if it is one that gets it.
  void Note(const RequestRecord& record);

  // The sampling of one model, or of all that have none of their own (""). No
  // value gives a model back to those. Counting begins anew.
  void SetSampling(absl::string_view model,
                   std::optional<RequestSampling> sampling);

  // What applies to the model, or to all others (""). `count` is what was set.
  RequestSampling GetSampling(absl::string_view model) const;

 private:
  struct Rule {
    RequestSampling sampling;
    double due = 0;  // reaches 1 when a request is to be logged
    int64_t written = 0;
  };

  bool WantsLocked(Rule* rule, bool failed)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool TakesFailureLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The logger holds the pool weakly.
  std::shared_ptr<spdlog::details::thread_pool> writer_;
  std::shared_ptr<spdlog::logger> logger_;
  std::atomic<bool> active_ = false;

  mutable absl::Mutex mutex_;
  Rule all_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, Rule> models_ ABSL_GUARDED_BY(mutex_);
  // Failures in the second that is counted.
  absl::Time second_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace octet

#endif  // OCTET_SERVER_LOG_REQUEST_LOG_H_
