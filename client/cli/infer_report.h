// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_INFER_REPORT_H_
#define OCTET_CLIENT_CLI_INFER_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/class_scores.h"
#include "client/client.h"
#include "engine/base/tensor.h"
#include "nlohmann/json.hpp"

namespace octet::cli {

// What `octet infer` has to say of its requests.
struct InferReport {
  client::ModelId model;              // who answered
  std::vector<NamedTensor> outputs;   // of all rows
  int64_t rows = 0;                   // of the files
  int64_t rows_per_request = 0;       // of the largest request
  std::vector<absl::Duration> times;  // round trips, in order
  absl::Duration total_time;          // of all requests, one after another
  int64_t rows_sent = 0;              // in all, repetitions counted

  // Rows to speak of one by one, from the first; the best classes of each, one
  // at least.
  std::vector<std::vector<ClassScore>> best;
  int64_t top_k = 0;  // classes to list for each of them; 0 lists no rows
  std::vector<std::string> class_names;
  std::vector<int64_t> expected;  // right classes of all rows, where known
  std::optional<int64_t> right;   // rows whose best class is the right one
};

// The classes part of a report: sets `top_k`, fills `best` with the first
// `shown` rows of the first output, and counts `right` where
// `expected` is there. INVALID_ARGUMENT when `expected` has not one class for
// each row.
absl::Status RankClasses(int64_t top_k, int64_t shown, InferReport* report);

nlohmann::json ReportAsJson(const InferReport& report);
std::string ReportAsText(const InferReport& report);

// "A 9.31, 4 2.05": the best classes of row `row`.
std::string DescribeRow(const InferReport& report, int64_t row);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_INFER_REPORT_H_
