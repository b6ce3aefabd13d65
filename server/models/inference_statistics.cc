// SPDX-License-Identifier: Apache-2.0
#include "server/models/inference_statistics.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "engine/engine.h"

namespace octet {
namespace {

void Add(const RunTimes& times, uint64_t count, BatchTotals* totals) {
  totals->gather.Add(times.gather, count);
  totals->compute.Add(times.compute, count);
  totals->scatter.Add(times.scatter, count);
}

}  // namespace

void InferenceStatistics::CountRequest(bool ok, absl::Duration total,
                                       const RequestTimes& times,
                                       absl::Time now) {
  // The clock of the machine may be set back.
  total = std::max(total, absl::ZeroDuration());
  absl::MutexLock lock(&mutex_);
  totals_.last_answer = std::max(totals_.last_answer, now);
  if (!ok) {
    totals_.fail.Add(total);
    return;
  }
  totals_.success.Add(total);
  totals_.queue.Add(std::max(times.queue, absl::ZeroDuration()));
  Add(times.run, 1, &totals_.phases);
}

void InferenceStatistics::CountBatch(int64_t rows, const RunTimes& times) {
  absl::MutexLock lock(&mutex_);
  const auto most = static_cast<int64_t>(by_rows_.size()) - 1;
  const int64_t batches = (rows + most - 1) / most;
  totals_.rows += rows;
  totals_.batches += batches;
  Add(times, batches, &by_rows_[std::min(rows, most)]);
}

InferenceTotals InferenceStatistics::Read() const {
  absl::MutexLock lock(&mutex_);
  InferenceTotals totals = totals_;
  for (size_t rows = 0; rows < by_rows_.size(); ++rows) {
    if (by_rows_[rows].compute.count > 0) totals.by_rows[rows] = by_rows_[rows];
  }
  return totals;
}

}  // namespace octet
