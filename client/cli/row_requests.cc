// SPDX-License-Identifier: Apache-2.0
#include "client/cli/row_requests.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"

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

// Puts `pieces[i][output]` together along the first axis.
absl::StatusOr<Tensor> Join(absl::Span<const std::vector<NamedTensor>> answers,
                            size_t output) {
  const Tensor& first = answers[0][output].tensor;
  Shape shape = first.shape();
  if (shape.empty()) {
    return absl::InternalError(absl::StrCat("output '", answers[0][output].name,
                                            "' has no axis for the rows"));
  }
  shape[0] = 0;
  for (const auto& answer : answers) {
    const Tensor& piece = answer[output].tensor;
    if (piece.dtype() != first.dtype() ||
        piece.shape().size() != shape.size() ||
        !std::equal(shape.begin() + 1, shape.end(),
                    piece.shape().begin() + 1)) {
      return absl::InternalError(absl::StrCat(
          "output '", answer[output].name, "': ", Name(piece.dtype()), " ",
          ShapeToString(piece.shape()), " in one answer, ", Name(first.dtype()),
          " ", ShapeToString(first.shape()), " in another"));
    }
    shape[0] += piece.shape()[0];
  }
  Tensor joined(first.dtype(), std::move(shape));
  std::byte* to = joined.mutable_bytes();
  for (const auto& answer : answers) {
    const Tensor& piece = answer[output].tensor;
    if (piece.byte_size() > 0) {
      std::memcpy(to, piece.bytes(), piece.byte_size());
    }
    to += piece.byte_size();
  }
  return joined;
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
    OCTET_ASSIGN_OR_RETURN(Tensor tensor, Join(answers, output));
    joined.push_back({answers[0][output].name, std::move(tensor)});
  }
  return joined;
}

}  // namespace octet::cli
