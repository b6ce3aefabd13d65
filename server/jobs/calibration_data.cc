// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/calibration_data.h"

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"
#include "engine/base/tensor.h"

namespace octet {
namespace {

absl::Status Error(const CalibrationRows& rows, absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat(
      "calibration of input '", rows.name.substr(0, 128), "': ", fault));
}

Shape RowShape(const Shape& shape) {
  return Shape(shape.begin() + 1, shape.end());
}

// Whether the rows are as many bytes as they say.
absl::Status CheckSize(const CalibrationRows& rows, int64_t max_bytes) {
  if (rows.shape.empty()) {
    return Error(rows, "got a shape without dimensions, expected [rows, ...]");
  }
  const absl::StatusOr<int64_t> elements =
      CheckedElementCount(rows.shape, max_bytes);
  if (!elements.ok()) return Error(rows, elements.status().message());
  const uint64_t expected = *elements * SizeOf(rows.dtype);
  if (rows.bytes.size() != expected) {
    return Error(
        rows,
        absl::StrCat("got ", rows.bytes.size(), " bytes, expected ", expected,
                     " of ", Name(rows.dtype), " ", ShapeToString(rows.shape)));
  }
  return absl::OkStatus();
}

}  // namespace

const CalibrationData::Input* CalibrationData::Find(
    absl::string_view name) const {
  for (const Input& input : inputs_) {
    if (input.name == name) return &input;
  }
  return nullptr;
}

absl::Status CalibrationData::CheckAgainstFirst(
    const CalibrationRows& rows) const {
  const Input* const first = Find(rows.name);
  if (first == nullptr) {
    return Error(rows, "the chunks before have no such input");
  }
  if (first->dtype != rows.dtype || first->row_shape != RowShape(rows.shape)) {
    return Error(rows, absl::StrCat("got rows of ", Name(rows.dtype), " ",
                                    ShapeToString(RowShape(rows.shape)),
                                    ", expected ", Name(first->dtype), " ",
                                    ShapeToString(first->row_shape),
                                    " as in the chunks before"));
  }
  return absl::OkStatus();
}

absl::Status CalibrationData::CheckChunk(
    absl::Span<const CalibrationRows> chunk) const {
  if (chunk.empty()) {
    return absl::InvalidArgumentError("a calibration chunk has no inputs");
  }
  std::set<absl::string_view> names;
  for (const CalibrationRows& rows : chunk) {
    if (!names.insert(rows.name).second) {
      return Error(rows, "it is twice in one chunk");
    }
    OCTET_RETURN_IF_ERROR(CheckSize(rows, max_bytes_));
    if (rows.shape[0] != chunk[0].shape[0]) {
      return Error(rows,
                   absl::StrCat("got ", rows.shape[0], " rows, expected ",
                                chunk[0].shape[0], " as the first input has"));
    }
    if (!inputs_.empty()) OCTET_RETURN_IF_ERROR(CheckAgainstFirst(rows));
  }
  if (!inputs_.empty() && chunk.size() != inputs_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a calibration chunk has ", chunk.size(), " inputs, expected ",
        inputs_.size(), " as in the chunks before"));
  }
  return absl::OkStatus();
}

absl::Status CalibrationData::Append(absl::Span<const CalibrationRows> chunk) {
  OCTET_RETURN_IF_ERROR(CheckChunk(chunk));
  int64_t more = 0;
  for (const CalibrationRows& rows : chunk) {
    more += static_cast<int64_t>(rows.bytes.size());
  }
  if (bytes_ + more > max_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the calibration samples take more than ", max_bytes_,
                     " bytes (the server's --job-bytes); send fewer samples"));
  }
  if (inputs_.empty()) {
    for (const CalibrationRows& rows : chunk) {
      inputs_.push_back({rows.name, rows.dtype, RowShape(rows.shape), {}});
    }
  }
  for (Input& input : inputs_) {
    for (const CalibrationRows& rows : chunk) {
      if (rows.name == input.name) {
        input.bytes.Append(rows.bytes);
      }
    }
  }
  bytes_ += more;
  samples_ += chunk[0].shape[0];
  return absl::OkStatus();
}

absl::StatusOr<std::vector<NamedTensor>> CalibrationData::TakeTensors() {
  if (samples_ == 0) {
    return absl::InvalidArgumentError(
        "there are no calibration samples: send at least one row");
  }
  std::vector<NamedTensor> tensors;
  for (Input& input : inputs_) {
    Shape shape = {samples_};
    shape.insert(shape.end(), input.row_shape.begin(), input.row_shape.end());
    Tensor tensor(input.dtype, std::move(shape));
    // One input at a time is there twice, not all of them.
    input.bytes.MoveTo(tensor.mutable_bytes());
    tensors.push_back({std::move(input.name), std::move(tensor)});
  }
  inputs_.clear();
  samples_ = 0;
  bytes_ = 0;
  return tensors;
}

}  // namespace octet
