// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_INFERENCE_STATISTICS_H_
#define OCTET_SERVER_MODELS_INFERENCE_STATISTICS_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/engine.h"

namespace octet {

// Where the time of one request went. Of a batch's phases the whole, for all
// of its requests were on their way that long. Zero where it was not computed.
struct RequestTimes {
  absl::Duration queue;
  RunTimes run;
};

// How often something happened, and how long it took altogether.
struct StatisticTotal {
  uint64_t count = 0;
  absl::Duration duration;

  void Add(absl::Duration more, uint64_t times = 1) {
    count += times;
    duration += more;
  }
};

// The phases of all batches of one size.
struct BatchTotals {
  StatisticTotal gather;
  StatisticTotal compute;
  StatisticTotal scatter;
};

// What a model version has done since it was loaded.
struct InferenceTotals {
  StatisticTotal success;  // requests, from their arrival to their answer
  StatisticTotal fail;     // likewise
  // Of successful requests: each counts once, with RequestTimes.
  StatisticTotal queue;
  BatchTotals phases;
  uint64_t rows = 0;     // computed
  uint64_t batches = 0;  // computed
  // By rows of a batch. The runs of a request with more rows than a batch
  // holds stand under the largest size, their time shared among them.
  std::map<int64_t, BatchTotals> by_rows;
  absl::Time last_answer = absl::UnixEpoch();  // when the last request ended
};

// Counts what a model version does. Thread-safe; a lock of its own, held for
// some additions.
class InferenceStatistics {
 public:
  // `max_batch` >= 1 is the most rows of one batch.
  explicit InferenceStatistics(int64_t max_batch) : by_rows_(max_batch + 1) {}

  // A request was answered at `now`, `total` after its arrival.
  void CountRequest(bool ok, absl::Duration total, const RequestTimes& times,
                    absl::Time now);

  // `rows` rows were computed, in as few batches as hold them.
  void CountBatch(int64_t rows, const RunTimes& times);

  InferenceTotals Read() const;

 private:
  mutable absl::Mutex mutex_;
  // Without by_rows, which would allocate.
  InferenceTotals totals_ ABSL_GUARDED_BY(mutex_);
  std::vector<BatchTotals> by_rows_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_INFERENCE_STATISTICS_H_
