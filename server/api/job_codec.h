// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_JOB_CODEC_H_
#define OCTET_SERVER_API_JOB_CODEC_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/octet/v1/quantization.pb.h"
#include "server/jobs/calibration_data.h"
#include "server/jobs/job.h"

// Quantization jobs as messages, and back.
namespace octet {

// INVALID_ARGUMENT names the setting, what it is and what was expected.
absl::StatusOr<QuantizationRequest> DecodeSettings(
    const v1::QuantizeSettings& settings);

// The rows point into `tensors`. INVALID_ARGUMENT for a type that has no size.
absl::StatusOr<std::vector<CalibrationRows>> DecodeTensors(
    const google::protobuf::RepeatedPtrField<v1::CalibrationTensor>& tensors);

void EncodeProgress(const QuantizationProgress& progress,
                    v1::QuantizeProgress* message);
void EncodeOutcome(const QuantizationOutcome& outcome,
                   v1::QuantizeResult* message);

enum class ReportChoice { kWithReport, kWithoutReport };

void EncodeJob(const JobStatus& job, ReportChoice choice, v1::Job* message);

// The file of history.h that a report of `format` is in. INVALID_ARGUMENT for
// a number that is no format.
absl::StatusOr<const char*> DecodeReportFormat(int format);

// INVALID_ARGUMENT for a number that is no state.
absl::StatusOr<JobState> DecodeState(int state);

// `text` with every byte that is not UTF-8 replaced, as messages want it:
// names inside of models and of files are whatever somebody wrote.
std::string ToUtf8(const std::string& text);

}  // namespace octet

#endif  // OCTET_SERVER_API_JOB_CODEC_H_
