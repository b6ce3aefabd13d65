// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_JOB_H_
#define OCTET_SERVER_JOBS_JOB_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/engine.h"

namespace octet {

// What to quantize and what to do with the result.
struct QuantizationRequest {
  std::string model{};         // in the repository; empty: it is uploaded
  std::string version{};       // empty: the highest
  std::string output_model{};  // empty: the same as `model`
  QuantizationOptions options{};
  // Of the evaluation: class 0 is "background", and labels count from class 1.
  bool drop_first_class = false;
  bool load_when_done = false;
  // Below the calibration folder; empty: samples are uploaded, recorded or
  // synthetic.
  std::string calibration_path{};
  // Whether they are the rows that its newest serving version has recorded.
  bool recorded_samples = false;
  // Whether samples are made up, of inputs that span these ranges.
  bool synthetic_samples = false;
  std::vector<InputRange> input_ranges{};
  // Whether the uploaded float model becomes a version too.
  bool publish_float = false;
  // Whether it outlives the call that uploads it; the caller sees to that.
  bool detach = false;
  // -10 to 10; the highest goes first.
  int priority = 0;
};

// What came of it.
struct QuantizationOutcome {
  std::string model;
  int64_t version = 0;
  std::optional<int64_t> float_version;  // where it was published as well
  QuantizationResult result;  // without the model's bytes and the tensors
  std::string report_json;    // history.json of the version
  // The report's verdict on it: "keep", "look" or "drop", and with its figures
  // as lines of text.
  std::string verdict;
  std::string summary;
};

enum class JobState { kPending, kRunning, kSucceeded, kFailed, kCancelled };

inline bool HasEnded(JobState state) {
  return state != JobState::kPending && state != JobState::kRunning;
}

// A job at one moment.
struct JobStatus {
  std::string id;  // 16 hexadecimal digits
  JobState state = JobState::kPending;
  QuantizationRequest request;
  QuantizationProgress progress;
  // PENDING: jobs that are done before this one.
  int jobs_ahead = 0;
  // Set where a version was published; shared, never changed.
  std::shared_ptr<const QuantizationOutcome> outcome;
  absl::Status error;  // FAILED and CANCELLED
  absl::Time created;
  std::optional<absl::Time> started;
  std::optional<absl::Time> ended;
};

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_JOB_H_
