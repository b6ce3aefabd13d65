// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REPORT_JSON_REPORT_H_
#define OCTET_ENGINE_REPORT_JSON_REPORT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/report/report.h"
#include "engine/report/verdict.h"

namespace octet::report {

// The report for programs: one JSON object; README.md has its keys.
std::string JsonReport(const ReportFacts& facts, const Verdict& verdict);

// "empirical", "analytic": how biases were corrected; null where they were not.
nlohmann::ordered_json BiasCorrectionKind(BiasCorrection correction);

}  // namespace octet::report

#endif  // OCTET_ENGINE_REPORT_JSON_REPORT_H_
