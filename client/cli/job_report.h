// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_JOB_REPORT_H_
#define OCTET_CLIENT_CLI_JOB_REPORT_H_

#include <string>

#include "nlohmann/json.hpp"
#include "proto/octet/v1/quantization.pb.h"

// Quantizations and their jobs in words and as JSON.
namespace octet::cli {

// "pending", "running", "succeeded", "failed" or "cancelled".
std::string StateName(v1::JobState state);

// The model that a job quantizes, and what it becomes: "a -> b".
std::string DescribeWork(const v1::QuantizeSettings& settings);

nlohmann::json ResultAsJson(const v1::QuantizeResult& result);
std::string ResultAsText(const v1::QuantizeResult& result);

// Times are seconds since 1970-01-01 UTC, null where they have not come.
nlohmann::json JobAsJson(const v1::Job& job);

// What there is to say of one job, in lines.
std::string JobAsText(const v1::Job& job);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_JOB_REPORT_H_
