// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_HTML_REPORT_H_
#define OCTET_ENGINE_REPORT_HTML_REPORT_H_

#include <string>

#include "engine/report/report.h"
#include "engine/report/verdict.h"

namespace octet::report {

// The report for people: one page, the verdict first. It loads nothing, fits
// any width from 320 pixels on, and follows the reader's color scheme.
std::string HtmlReport(const ReportFacts& facts, const Verdict& verdict);

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_HTML_REPORT_H_
