// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_TEXT_REPORT_H_
#define OCTET_ENGINE_REPORT_TEXT_REPORT_H_

#include <string>

#include "engine/report/report.h"
#include "engine/report/verdict.h"

namespace octet::report {

// The verdict and the figures of the whole model: what a command prints at its
// end.
std::string TextSummary(const ReportFacts& facts, const Verdict& verdict);

// The summary, what each remedy gave, and a table of the layers.
std::string TextReport(const ReportFacts& facts, const Verdict& verdict);

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_TEXT_REPORT_H_
