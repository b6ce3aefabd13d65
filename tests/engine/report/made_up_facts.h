// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_ENGINE_REPORT_MADE_UP_FACTS_H_
#define OCTET_TESTS_ENGINE_REPORT_MADE_UP_FACTS_H_

#include <string>

#include "engine/report/report.h"

namespace octet::report {

// A name that would run as a script in a page that does not escape it.
inline constexpr char kHostileName[] =
    "</title></style><script>window.injected = 1</script>"
    "<img src=x onerror=\"window.injected = 2\">'\"&\xff\x01";

// A report about a model of `layers` layers that never was: int8 a little
// worse and faster than float. Names are plain.
ReportFacts MadeUpFacts(int layers);

// The same where every string is hostile, and figures are NaN, infinite, empty
// and huge.
ReportFacts HostileFacts();

}  // namespace octet::report

#endif  // OCTET_TESTS_ENGINE_REPORT_MADE_UP_FACTS_H_
