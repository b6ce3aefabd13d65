// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/external_data.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status_macros.h"

namespace octet::onnx {
namespace {

// As often as a byte of a file may be read by several tensors: some share.
constexpr int64_t kReadsPerByte = 4;

// Opening more is a file that wants something else than to be read.
constexpr size_t kMaxFiles = 100'000;

// The entry `key` of external_data, whose values are text; "" if absent.
std::string Entry(const pb::TensorProto& tensor, absl::string_view key) {
  for (const auto& entry : tensor.external_data()) {
    if (entry.key() == key) return entry.value();
  }
  return "";
}

// A number from 0 up; `absent` where there is none.
absl::StatusOr<int64_t> Number(const pb::TensorProto& tensor,
                               absl::string_view key, int64_t absent) {
  const std::string text = Entry(tensor, key);
  if (text.empty()) return absent;
  int64_t number = 0;
  if (absl::SimpleAtoi(text, &number) && number >= 0) return number;
  return absl::InvalidArgumentError(absl::StrCat(
      "external_data has the ", key, " '", absl::CHexEscape(text.substr(0, 64)),
      "'; expected a number of bytes"));
}

// Files beside the model's or in folders there; what links do is seen when a
// file is opened.
absl::Status CheckLocation(const std::string& location) {
  bool good = !location.empty() && location[0] != '/' &&
              location.size() <= kMaxNameBytes &&
              location.find('\0') == std::string::npos;
  for (absl::string_view part : absl::StrSplit(location, '/')) {
    good = good && part != "..";
  }
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("external_data has the location '",
                   absl::CHexEscape(location.substr(0, 255)),
                   "'; expected a file in the model's folder"));
}

}  // namespace

absl::Status ExternalData::Open(const std::string& location) {
  if (open_ != nullptr && location == open_location_) return absl::OkStatus();
  OCTET_ASSIGN_OR_RETURN(open_, files_->OpenFile(location));
  open_location_ = location;
  if (!seen_.insert(location).second) return absl::OkStatus();
  if (seen_.size() > kMaxFiles) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the model's tensors are in more than ", kMaxFiles,
                     " files, which is the limit"));
  }
  file_bytes_ += open_->size();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ExternalData::Find(const pb::TensorProto& tensor,
                                           int64_t bytes) {
  const std::string location = Entry(tensor, "location");
  if (files_ == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the elements are external data, in the file '",
        absl::CHexEscape(location.substr(0, 255)),
        "', and a model that comes as bytes has none beside it: load it from "
        "its folder, or store them in the model file"));
  }
  OCTET_RETURN_IF_ERROR(CheckLocation(location));
  OCTET_ASSIGN_OR_RETURN(const int64_t offset, Number(tensor, "offset", 0));
  OCTET_ASSIGN_OR_RETURN(const int64_t length, Number(tensor, "length", bytes));
  if (length != bytes) {
    return absl::DataLossError(
        absl::StrCat("external_data has the length ", length,
                     "; the shape and type ask for ", bytes));
  }
  OCTET_RETURN_IF_ERROR(Open(location));
  if (offset > open_->size() || bytes > open_->size() - offset) {
    return absl::DataLossError(absl::StrCat(
        open_->path(), ": has ", open_->size(), " bytes; a tensor wants ",
        bytes, " from byte ", offset, " on"));
  }
  return offset;
}

absl::Status ExternalData::Check(const pb::TensorProto& tensor, int64_t bytes) {
  OCTET_RETURN_IF_ERROR(Find(tensor, bytes).status());
  if (read_bytes_ + bytes <= kReadsPerByte * file_bytes_) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat("its tensors read more than ", kReadsPerByte * file_bytes_,
                   " bytes of files that have ", file_bytes_));
}

absl::Status ExternalData::Read(const pb::TensorProto& tensor,
                                absl::Span<std::byte> bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  OCTET_ASSIGN_OR_RETURN(const int64_t offset, Find(tensor, size));
  read_bytes_ += size;
  return open_->ReadAt(offset, bytes);
}

}  // namespace octet::onnx
