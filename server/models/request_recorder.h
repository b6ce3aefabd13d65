// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_REQUEST_RECORDER_H_
#define OCTET_SERVER_MODELS_REQUEST_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/engine.h"

namespace octet {

// Some of the rows that a version of a model was asked for, each as likely as
// any other, for a later quantization to be calibrated on. They are kept in
// memory and nowhere else.
//
// Thread-safe. Most rows of a server that has run for a while are only counted:
// how many to pass over is drawn when one is taken (Li, "Reservoir-Sampling
// Algorithms of Time Complexity O(n(1 + log(N/n)))", 1994, algorithm L).
class RequestRecorder {
 public:
  // Bytes that one recorder holds at most, whatever the number of rows.
  static constexpr int64_t kMaxBytes = int64_t{64} << 20;

  // Keeps up to `rows` (1 or more) rows of `inputs`, whose shapes are closed;
  // fewer where these would be more than kMaxBytes, but at least one.
  RequestRecorder(std::vector<TensorSpec> inputs, int64_t rows);

  // The next rows that were computed; their memory is not kept. Rows with an
  // element that is not finite are passed over, for nothing can be calibrated
  // on them.
  void Add(absl::Span<const RowBlock> blocks);

  // How many rows are kept.
  int64_t rows() const;

  // The rows that are kept, one tensor an input, [rows, row shape...].
  std::vector<NamedTensor> Tensors() const;

 private:
  void Take(const RowBlock& block, int64_t row)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DrawNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  double Uniform() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::vector<TensorSpec> inputs_;
  const int64_t capacity_;  // rows

  mutable absl::Mutex mutex_;
  std::vector<std::vector<std::byte>> kept_
      ABSL_GUARDED_BY(mutex_);  // an input
  int64_t kept_rows_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t seen_ ABSL_GUARDED_BY(mutex_) = 0;  // rows
  int64_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // index of the next to take
  double largest_key_ ABSL_GUARDED_BY(mutex_) = 1;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_REQUEST_RECORDER_H_
