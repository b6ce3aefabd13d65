// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_ROW_REQUESTS_H_
#define OCTET_CLIENT_CLI_ROW_REQUESTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "proto/inference.pb.h"

// Files of many rows as requests of a few.
namespace octet::cli {

// What to send, in order.
struct RowRequests {
  // Rows in all; 1 for a model that does not batch.
  int64_t rows = 0;
  // One entry a request: the model's inputs.
  std::vector<std::vector<NamedTensor>> requests;
};

// Cuts `inputs`, each [rows, ...], into requests of at most `batch` rows.
// A model with an input whose first axis is not free takes one request with
// the inputs as they are.
// INVALID_ARGUMENT when inputs disagree in their rows, or there are none.
absl::StatusOr<RowRequests> CutIntoRequests(
    const inference::ModelMetadataResponse& model,
    const std::vector<NamedTensor>& inputs, int64_t batch);

// The outputs of consecutive requests, put together along the first axis. One
// request's outputs stay as they are.
// INTERNAL when the answers do not fit together.
absl::StatusOr<std::vector<NamedTensor>> JoinRows(
    absl::Span<const std::vector<NamedTensor>> answers);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_ROW_REQUESTS_H_
