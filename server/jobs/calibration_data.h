// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_CALIBRATION_DATA_H_
#define OCTET_SERVER_JOBS_CALIBRATION_DATA_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/tensor.h"
#include "server/jobs/byte_chunks.h"

namespace octet {

// Some rows of one input of a model, as they arrived.
struct CalibrationRows {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;              // [rows, row shape...]
  absl::string_view bytes;  // row-major; the caller's
};

// Calibration samples, gathered chunk by chunk under a limit of memory.
//
// Thread-compatible.
class CalibrationData {
 public:
  explicit CalibrationData(int64_t max_bytes) : max_bytes_(max_bytes) {}

  // Appends the next rows of every input. Every chunk holds the same inputs,
  // and each of them the same number of rows. Takes all of it or nothing.
  //   INVALID_ARGUMENT    the chunk does not fit itself or the ones before
  //   RESOURCE_EXHAUSTED  more than `max_bytes` in all
  absl::Status Append(absl::Span<const CalibrationRows> chunk);

  // Rows so far.
  int64_t samples() const { return samples_; }

  // The samples as one tensor an input, [samples, row shape...]; nothing is
  // left behind. INVALID_ARGUMENT where there are no samples.
  absl::StatusOr<std::vector<NamedTensor>> TakeTensors();

 private:
  struct Input {
    std::string name;
    DType dtype;
    Shape row_shape;
    ByteChunks bytes;
  };

  absl::Status CheckChunk(absl::Span<const CalibrationRows> chunk) const;
  absl::Status CheckAgainstFirst(const CalibrationRows& rows) const;
  const Input* Find(absl::string_view name) const;

  int64_t max_bytes_;
  int64_t bytes_ = 0;
  int64_t samples_ = 0;
  std::vector<Input> inputs_;  // empty before the first chunk
};

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_CALIBRATION_DATA_H_
