// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_HTML_STYLE_H_
#define OCTET_ENGINE_REPORT_HTML_STYLE_H_

#include "absl/strings/string_view.h"

namespace octet::report {

// The page's style sheet, for both color schemes and any width from 320 pixels
// on, and the script that sorts its table. Both are constants: nothing of a
// model gets into them.
absl::string_view StyleSheet();
absl::string_view SortingScript();

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_HTML_STYLE_H_
