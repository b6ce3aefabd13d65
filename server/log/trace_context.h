// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_LOG_TRACE_CONTEXT_H_
#define OCTET_SERVER_LOG_TRACE_CONTEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace octet {

// Whose work a request is part of.
struct TraceContext {
  std::string trace_id;   // 32 hexadecimal digits
  std::string parent_id;  // 16 of them: the caller's span
};

// The header "traceparent" of W3C Trace Context, or nothing where it is not
// exactly as the recommendation has it; what a later version of it may add
// behind is passed over.
std::optional<TraceContext> ParseTraceParent(absl::string_view header);

}  // namespace octet

#endif  // OCTET_SERVER_LOG_TRACE_CONTEXT_H_
