// SPDX-License-Identifier: Apache-2.0
#include "engine/report/html_escape.h"

#include "absl/strings/str_replace.h"
#include "engine/report/wording.h"

namespace octet::report {

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(Printable(text), {{"&", "&amp;"},
                                               {"<", "&lt;"},
                                               {">", "&gt;"},
                                               {"\"", "&quot;"},
                                               {"'", "&#39;"}});
}

}  // namespace octet::report
