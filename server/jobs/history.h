// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_HISTORY_H_
#define OCTET_SERVER_JOBS_HISTORY_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/engine.h"
#include "server/jobs/job.h"

// history.json beside a version: how it was made. README.md has its keys.
namespace octet {

inline constexpr char kHistoryFile[] = "history.json";
// What the report of the quantization is called beside it, in its three forms.
inline constexpr char kReportJsonFile[] = "report.json";
inline constexpr char kReportTextFile[] = "report.txt";
inline constexpr char kReportHtmlFile[] = "report.html";

// Who made a version, of what, and when.
struct HistoryFacts {
  std::string job_id;
  std::string octet_version;
  std::string isa;
  QuantizationRequest request;
  int64_t source_version = 0;  // where the source is of the repository
  std::string source_sha256;   // of the float model's file
  int64_t source_bytes = 0;
  absl::Time created;
  absl::Time started;
  absl::Time published;
};

// Of the quantized version; `model_sha256` is its file's.
std::string QuantizedHistory(const HistoryFacts& facts,
                             const QuantizationResult& result,
                             absl::string_view model_sha256);

// Of a float model that was uploaded and published beside it.
std::string UploadedHistory(const HistoryFacts& facts);

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_HISTORY_H_
