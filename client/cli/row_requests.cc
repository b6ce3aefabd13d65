// SPDX-License-Identifier: Apache-2.0
#include "client/cli/row_requests.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"
#include "engine/io/join_rows.h"

namespace octet::cli {
namespace {

bool Batches(const inference::ModelMetadataResponse& model) {
  return std::all_of(model.inputs().begin(), model.inputs().end(),
                     [](const auto& input) {
                       return input.shape_size() > 0 && input.shape(0) == -1;
                     });
}

absl::StatusOr<int64_t> CountRows(const std::vector<NamedTensor>& inputs) {
  if (inputs.empty()) return absl::InvalidArgumentError("no inputs were given");
  const Shape& first = inputs[0].tensor.shape();
  for (const NamedTensor& input : inputs) {
    const Shape& shape = input.tensor.shape();
    if (shape.empty() || shape[0] < 1 || first.empty() ||
        shape[0] != first[0]) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input '", input.name, "': expected shape [",
          first.empty() || first[0] < 1 ? "rows" : absl::StrCat(first[0]),
          ", ...], got ", ShapeToString(shape)));
    }
  }
  return first[0];
}

}  // namespace

absl::StatusOr<RowRequests> CutIntoRequests(
    const inference::ModelMetadataResponse& model,
    const std::vector<NamedTensor>& inputs, int64_t batch) {
  RowRequests result;
  if (!Batches(model)) {
    result.rows = 1;
    result.requests = {inputs};
    return result;
  }
  OCTET_ASSIGN_OR_RETURN(result.rows, CountRows(inputs));
  for (int64_t begin = 0; begin < result.rows; begin += batch) {
    const int64_t end = std::min(result.rows, begin + batch);
    std::vector<NamedTensor> request;
    for (const NamedTensor& input : inputs) {
      request.push_back({input.name, input.tensor.Rows(begin, end)});
    }
    result.requests.push_back(std::move(request));
  }
  return result;
}

absl::StatusOr<std::vector<NamedTensor>> JoinRows(
    absl::Span<const std::vector<NamedTensor>> answers) {
  if (answers.empty()) return std::vector<NamedTensor>();
  if (answers.size() == 1) return answers[0];
  std::vector<NamedTensor> joined;
  for (size_t output = 0; output < answers[0].size(); ++output) {
    for (const auto& answer : answers) {
      if (answer.size() != answers[0].size() ||
          answer[output].name != answers[0][output].name) {
        return absl::InternalError(
            "the answers to two requests have different outputs");
      }
    }
    std::vector<Tensor> pieces;
    for (const auto& answer : answers) pieces.push_back(answer[output].tensor);
    absl::StatusOr<Tensor> tensor = io::JoinRows(pieces);
    if (!tensor.ok()) {
      return absl::InternalError(
          absl::StrCat("output '", answers[0][output].name,
                       "': ", tensor.status().message()));
    }
    joined.push_back({answers[0][output].name, *std::move(tensor)});
  }
  return joined;
}

}  // namespace octet::cli
