// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_QUANTIZATION_H_
#define OCTET_CLIENT_QUANTIZATION_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "proto/octet/v1/quantization.pb.h"

namespace octet::client {

// What to quantize and with which samples.
struct QuantizationWork {
  v1::QuantizeSettings settings = {};

  // The float model's ONNX file, where settings.model_name is empty. Must
  // stay until the call has returned.
  absl::string_view model = {};

  // One tensor a model input, of shape [samples, ...] with the same number of
  // samples; none where settings.calibration_path, recorded_samples or
  // synthetic_samples is set.
  std::vector<NamedTensor> calibration = {};

  // For the report: samples that calibrate nothing, in the same form, and the
  // right class of each; both may be empty.
  std::vector<NamedTensor> evaluation = {};
  std::vector<int64_t> labels = {};
};

// Told of each step on the calling thread, with the job's id as soon as it is
// known. The phase "send" counts the samples, or the model's bytes, on their
// way; all others come from the server.
using QuantizeObserver = std::function<void(
    const std::string& job_id, const v1::QuantizeProgress& progress)>;

// Told of a job whenever it has changed, on the calling thread.
using JobObserver = std::function<void(const v1::Job& job)>;

// Whether a job has ended.
bool HasEnded(const v1::Job& job);

// A job's error as a status: OK unless it FAILED or was CANCELLED.
absl::Status JobStatus(const v1::Job& job);

// The samples that all tensors agree on; 0 for none where the settings name a
// calibration path or want recorded or synthetic samples. INVALID_ARGUMENT
// where `work` contradicts itself.
absl::StatusOr<int64_t> CountSamples(const QuantizationWork& work);

// Sends `work` in messages of about 2 MiB, or of one sample where that is
// larger. `write` returns false when the call has ended early; so does this.
// REQUIRES: `samples` is CountSamples(work).
bool SendWork(const QuantizationWork& work, int64_t samples,
              const QuantizeObserver& observer,
              const std::function<bool(const v1::QuantizeRequest&)>& write);

}  // namespace octet::client

#endif  // OCTET_CLIENT_QUANTIZATION_H_
