// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_HTML_ESCAPE_H_
#define OCTET_ENGINE_REPORT_HTML_ESCAPE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace octet::report {

// `text` as it may stand in an element and in a quoted attribute of a page:
// Printable(), then what HTML reads as its own is written as entities.
std::string Escaped(absl::string_view text);

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_HTML_ESCAPE_H_
