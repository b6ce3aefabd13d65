// SPDX-License-Identifier: Apache-2.0
#include "server/log/trace_context.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace octet {
namespace {

// version "-" trace-id "-" parent-id "-" flags
constexpr size_t kVersionDigits = 2;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagDigits = 2;
constexpr size_t kSize =
    kVersionDigits + 1 + kTraceDigits + 1 + kParentDigits + 1 + kFlagDigits;

// Capitals are not allowed.
bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceParent(absl::string_view header) {
  if (header.size() < kSize) return std::nullopt;
  const absl::string_view version = header.substr(0, kVersionDigits);
  size_t position = kVersionDigits + 1;
  const absl::string_view trace = header.substr(position, kTraceDigits);
  position += kTraceDigits + 1;
  const absl::string_view parent = header.substr(position, kParentDigits);
  position += kParentDigits + 1;
  const absl::string_view flags = header.substr(position, kFlagDigits);
  for (const size_t dash :
       {kVersionDigits, kVersionDigits + 1 + kTraceDigits, position - 1}) {
    if (header[dash] != '-') return std::nullopt;
  }
  if (!IsHex(version) || !IsHex(trace) || !IsHex(parent) || !IsHex(flags) ||
      IsZero(trace) || IsZero(parent) || version == "ff") {
    return std::nullopt;
  }
  // Only a later version may be longer.
  if (header.size() > kSize && (version == "00" || header[kSize] != '-')) {
    return std::nullopt;
  }
  return TraceContext{std::string(trace), std::string(parent)};
}

}  // namespace octet
