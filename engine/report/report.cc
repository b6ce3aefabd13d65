// SPDX-License-Identifier: Apache-2.0
#include "engine/report/report.h"

#include "engine/report/html_report.h"
#include "engine/report/json_report.h"
#include "engine/report/text_report.h"
#include "engine/report/verdict.h"

namespace octet::report {

RenderedReport Render(const ReportFacts& facts) {
  const Verdict verdict = Judge(facts);
  return {JsonReport(facts, verdict), TextReport(facts, verdict),
          HtmlReport(facts, verdict)};
}

}  // namespace octet::report
