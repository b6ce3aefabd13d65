// SPDX-License-Identifier: Apache-2.0
#include "server/api/request_parameters.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "engine/base/status_macros.h"
#include "proto/inference.pb.h"
#include "server/api/shared_memory.h"

namespace octet {
namespace {

constexpr char kRegion[] = "shared_memory_region";
constexpr char kByteSize[] = "shared_memory_byte_size";
constexpr char kOffset[] = "shared_memory_offset";
constexpr char kClassification[] = "classification";

absl::Status WrongValue(absl::string_view name,
                        const inference::InferParameter& value,
                        absl::string_view expected) {
  // A hostile text may be as long as a message.
  return absl::InvalidArgumentError(absl::StrCat(
      "parameter '", name, "': got {", value.ShortDebugString().substr(0, 128),
      "}, expected ", expected));
}

// A whole number of at least 0.
absl::StatusOr<uint64_t> WholeNumber(absl::string_view name,
                                     const inference::InferParameter& value) {
  if (value.has_int64_param() && value.int64_param() >= 0) {
    return static_cast<uint64_t>(value.int64_param());
  }
  if (value.has_uint64_param() &&
      value.uint64_param() <=
          static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    return value.uint64_param();
  }
  return WrongValue(name, value, "int64_param or uint64_param, at least 0");
}

// The value of `name`; `otherwise` where it is not there.
absl::StatusOr<uint64_t> NumberOr(const InferParameters& parameters,
                                  const char* name, uint64_t otherwise) {
  const auto value = parameters.find(name);
  if (value == parameters.end()) return otherwise;
  return WholeNumber(name, value->second);
}

absl::Status ReadRange(const InferParameters& parameters,
                       const SharedMemoryRegions& regions,
                       TensorParameters* tensor) {
  if (!parameters.contains(kRegion)) {
    return absl::InvalidArgumentError(
        absl::StrCat("parameter '", kRegion, "' is missing beside '", kByteSize,
                     "' and '", kOffset, "'"));
  }
  const inference::InferParameter& name = parameters.at(kRegion);
  if (!name.has_string_param()) {
    return WrongValue(kRegion, name, "string_param, a registered region");
  }
  if (!parameters.contains(kByteSize)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "parameter '", kByteSize, "' is missing beside '", kRegion, "'"));
  }
  OCTET_ASSIGN_OR_RETURN(tensor->range.size,
                         NumberOr(parameters, kByteSize, 0));
  OCTET_ASSIGN_OR_RETURN(tensor->range.offset,
                         NumberOr(parameters, kOffset, 0));
  OCTET_ASSIGN_OR_RETURN(tensor->region, regions.Find(name.string_param()));
  return tensor->region->CheckRange(tensor->range.offset, tensor->range.size);
}

}  // namespace

absl::StatusOr<RequestParameters> ReadRequestParameters(
    const InferParameters& parameters) {
  RequestParameters request;
  if (parameters.empty()) return request;
  OCTET_ASSIGN_OR_RETURN(request.priority, NumberOr(parameters, "priority", 0));
  OCTET_ASSIGN_OR_RETURN(const uint64_t microseconds,
                         NumberOr(parameters, "timeout", 0));
  // The protocol's 0 stands for no timeout.
  if (microseconds > 0) {
    request.timeout = absl::Microseconds(static_cast<int64_t>(microseconds));
  }
  for (const auto& [name, value] : parameters) {
    if (absl::StartsWith(name, "sequence_")) {
      return absl::UnimplementedError(
          absl::StrCat("parameter '", name.substr(0, 128),
                       "': sequences are not supported"));
    }
  }
  return request;
}

bool IsInSharedMemory(const InferParameters& parameters) {
  return !parameters.empty() &&
         (parameters.contains(kRegion) || parameters.contains(kByteSize) ||
          parameters.contains(kOffset));
}

absl::StatusOr<TensorParameters> ReadTensorParameters(
    const InferParameters& parameters, const SharedMemoryRegions& regions) {
  TensorParameters tensor;
  if (parameters.empty()) return tensor;
  if (IsInSharedMemory(parameters)) {
    OCTET_RETURN_IF_ERROR(ReadRange(parameters, regions, &tensor));
  }
  OCTET_ASSIGN_OR_RETURN(const uint64_t classes,
                         NumberOr(parameters, kClassification, 0));
  tensor.classes = static_cast<int64_t>(classes);
  return tensor;
}

}  // namespace octet
