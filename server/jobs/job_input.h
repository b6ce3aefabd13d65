// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_JOB_INPUT_H_
#define OCTET_SERVER_JOBS_JOB_INPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/jobs/byte_chunks.h"
#include "server/jobs/calibration_data.h"

namespace octet {

// What was uploaded for a job. Thread-compatible.
class JobInput {
 public:
  explicit JobInput(int64_t max_bytes)
      : samples_(max_bytes), evaluation_(max_bytes) {}

  // The next bytes of the model's file.
  void AppendModel(absl::string_view bytes) { model_.Append(bytes); }

  bool has_model() const { return model_.size() > 0; }

  // The model's file; nothing is left behind.
  std::string TakeModel() {
    std::string whole(model_.size(), '\0');
    model_.MoveTo(whole.data());
    return whole;
  }

  CalibrationData* samples() { return &samples_; }

  // Samples that calibrate nothing, and the right class of each, in the same
  // order; no labels for none of them, or one for each.
  CalibrationData* evaluation() { return &evaluation_; }
  std::vector<int64_t>* labels() { return &labels_; }

 private:
  ByteChunks model_;
  CalibrationData samples_;
  CalibrationData evaluation_;
  std::vector<int64_t> labels_;
};

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_JOB_INPUT_H_
