// SPDX-License-Identifier: Apache-2.0
#include "client/cli/job_report.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/cli/table.h"

namespace octet::cli {
namespace {

nlohmann::json Seconds(bool there, const google::protobuf::Timestamp& time) {
  if (!there) return nullptr;
  return static_cast<double>(time.seconds()) + time.nanos() * 1e-9;
}

std::string Kilobytes(int64_t bytes) {
  return absl::StrFormat("%.1f kB", static_cast<double>(bytes) / 1000);
}

std::string Progress(const v1::QuantizeProgress& progress) {
  if (progress.phase().empty()) return "-";
  return absl::StrCat(
      progress.phase(), " ", progress.done(),
      progress.total() > 0 ? absl::StrCat(" of ", progress.total()) : "");
}

}  // namespace

std::string StateName(v1::JobState state) {
  switch (state) {
    case v1::JOB_STATE_PENDING:
      return "pending";
    case v1::JOB_STATE_RUNNING:
      return "running";
    case v1::JOB_STATE_SUCCEEDED:
      return "succeeded";
    case v1::JOB_STATE_FAILED:
      return "failed";
    case v1::JOB_STATE_CANCELLED:
      return "cancelled";
    default:
      return "unknown";
  }
}

std::string DescribeWork(const v1::QuantizeSettings& settings) {
  const std::string& to = settings.output_model_name();
  if (settings.model_name().empty()) return absl::StrCat("file -> ", to);
  std::string text = settings.model_name();
  if (!settings.model_version().empty()) {
    absl::StrAppend(&text, " ", settings.model_version());
  }
  if (!to.empty()) absl::StrAppend(&text, " -> ", to);
  return text;
}

nlohmann::json ResultAsJson(const v1::QuantizeResult& result) {
  nlohmann::json json = {{"model", result.model_name()},
                         {"version", result.model_version()},
                         {"float_bytes", result.float_bytes()},
                         {"quantized_bytes", result.quantized_bytes()},
                         {"integer_steps", result.integer_steps()},
                         {"float_steps", result.float_steps()},
                         {"samples", result.samples()},
                         {"sqnr_db", nullptr}};
  if (result.has_sqnr_db()) json["sqnr_db"] = result.sqnr_db();
  if (!result.verdict().empty()) json["verdict"] = result.verdict();
  if (!result.float_model_version().empty()) {
    json["float_version"] = result.float_model_version();
  }
  return json;
}

std::string ResultAsText(const v1::QuantizeResult& result) {
  std::vector<std::vector<std::string>> rows = {
      {"new version",
       absl::StrCat(result.model_name(), " ", result.model_version())},
      {"file size", absl::StrCat(Kilobytes(result.float_bytes()), " -> ",
                                 Kilobytes(result.quantized_bytes()))},
      {"steps", absl::StrCat(result.integer_steps(), " integer, ",
                             result.float_steps(), " float")},
      {"samples", absl::StrCat(result.samples())},
      {"signal to noise",
       result.has_sqnr_db()
           ? absl::StrFormat("%.1f dB against float, on these samples",
                             result.sqnr_db())
           : "no difference to float on these samples"}};
  if (!result.float_model_version().empty()) {
    rows.push_back(
        {"float version",
         absl::StrCat(result.model_name(), " ", result.float_model_version())});
  }
  std::string text = FormatTable(rows);
  if (!result.summary().empty()) absl::StrAppend(&text, "\n", result.summary());
  return text;
}

nlohmann::json JobAsJson(const v1::Job& job) {
  nlohmann::json json = {
      {"job", job.id()},
      {"state", StateName(job.state())},
      {"model", job.settings().model_name()},
      {"output_model", job.settings().output_model_name()},
      {"phase", job.progress().phase()},
      {"done", job.progress().done()},
      {"total", job.progress().total()},
      {"jobs_ahead", job.jobs_ahead()},
      {"created", Seconds(job.has_create_time(), job.create_time())},
      {"started", Seconds(job.has_start_time(), job.start_time())},
      {"ended", Seconds(job.has_end_time(), job.end_time())}};
  if (job.has_result()) json["result"] = ResultAsJson(job.result());
  if (!job.error_message().empty()) json["error"] = job.error_message();
  return json;
}

std::string JobAsText(const v1::Job& job) {
  std::vector<std::vector<std::string>> rows = {
      {"job", job.id()},
      {"state", StateName(job.state())},
      {"work", DescribeWork(job.settings())},
      {"phase", Progress(job.progress())}};
  if (job.state() == v1::JOB_STATE_PENDING) {
    rows.push_back({"jobs ahead", absl::StrCat(job.jobs_ahead())});
  }
  if (!job.error_message().empty()) {
    rows.push_back({"error", job.error_message()});
  }
  std::string text = FormatTable(rows);
  if (job.has_result()) absl::StrAppend(&text, ResultAsText(job.result()));
  return text;
}

}  // namespace octet::cli
