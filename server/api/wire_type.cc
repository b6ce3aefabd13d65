// SPDX-License-Identifier: Apache-2.0
#include "server/api/wire_type.h"

#include <optional>

#include "absl/strings/string_view.h"
#include "engine/base/dtype.h"

namespace octet {
namespace {

constexpr DType kTypes[] = {DType::kFloat32,  DType::kFloat64, DType::kFloat16,
                            DType::kBFloat16, DType::kInt8,    DType::kUInt8,
                            DType::kInt16,    DType::kUInt16,  DType::kInt32,
                            DType::kUInt32,   DType::kInt64,   DType::kUInt64,
                            DType::kBool};

}  // namespace

absl::string_view WireName(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return "FP32";
    case DType::kFloat64:
      return "FP64";
    case DType::kFloat16:
      return "FP16";
    case DType::kBFloat16:
      return "BF16";
    case DType::kInt8:
      return "INT8";
    case DType::kUInt8:
      return "UINT8";
    case DType::kInt16:
      return "INT16";
    case DType::kUInt16:
      return "UINT16";
    case DType::kInt32:
      return "INT32";
    case DType::kUInt32:
      return "UINT32";
    case DType::kInt64:
      return "INT64";
    case DType::kUInt64:
      return "UINT64";
    case DType::kBool:
      return "BOOL";
  }
  return "";
}

std::optional<DType> ParseWireName(absl::string_view name) {
  for (const DType dtype : kTypes) {
    if (WireName(dtype) == name) return dtype;
  }
  return std::nullopt;
}

}  // namespace octet
