// SPDX-License-Identifier: Apache-2.0
// octet watch, jobs, cancel and report: quantization jobs of the server.
#include <unistd.h>

#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/job_report.h"
#include "client/cli/table.h"
#include "engine/base/status_macros.h"
#include "engine/io/progress_line.h"
#include "nlohmann/json.hpp"

namespace octet::cli {
namespace {

// A job may take hours, and may wait for others.
constexpr absl::Duration kWatchTimeout = absl::Hours(24);

void PrintJob(const v1::Job& job, const GlobalFlags& flags) {
  if (flags.json) {
    std::cout << JobAsJson(job).dump() << "\n";
  } else {
    std::cout << JobAsText(job);
  }
}

absl::Status RunWatch(const std::string& id, const GlobalFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags, kWatchTimeout));
  v1::Job job;
  {
    io::ProgressLine line(&std::cerr, isatty(STDERR_FILENO) != 0);
    OCTET_ASSIGN_OR_RETURN(
        job, client->WatchJob(id, [&line](const v1::Job& news) {
          line.Update(news.progress().phase(), news.progress().done(),
                      news.progress().total());
        }));
  }
  PrintJob(job, flags);
  return client::JobStatus(job);
}

absl::Status RunCancel(const std::string& id, const GlobalFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags, absl::Seconds(10)));
  OCTET_ASSIGN_OR_RETURN(const v1::Job job, client->CancelJob(id));
  PrintJob(job, flags);
  return absl::OkStatus();
}

struct ReportFlags {
  std::string of;       // a job or a model
  std::string version;  // of the model; empty: the highest
  std::string format;   // empty: what is known of the job
};

const std::map<std::string, v1::ReportFormat>& Formats() {
  static const auto* const kFormats =
      new std::map<std::string, v1::ReportFormat>{
          {"json", v1::REPORT_FORMAT_JSON},
          {"text", v1::REPORT_FORMAT_TEXT},
          {"html", v1::REPORT_FORMAT_HTML}};
  return *kFormats;
}

// Whether `text` looks like the id of a job. A model may be called so too:
// then --model-version tells that it is meant.
bool IsJobId(const std::string& text) {
  return text.size() == 16 &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status ShowJob(client::Client* client, const std::string& id,
                     const GlobalFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const v1::Job job, client->GetJob(id));
  if (!flags.json) {
    std::cout << JobAsText(job);
  } else if (!job.report_json().empty()) {
    std::cout << job.report_json() << "\n";
  } else {
    std::cout << JobAsJson(job).dump() << "\n";
  }
  return absl::OkStatus();
}

absl::Status RunReport(const ReportFlags& report, const GlobalFlags& flags) {
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags, absl::Seconds(30)));
  const bool is_job = IsJobId(report.of) && report.version.empty();
  if (is_job && report.format.empty()) {
    return ShowJob(client.get(), report.of, flags);
  }
  v1::GetReportRequest request;
  if (is_job) {
    request.set_job_id(report.of);
  } else {
    request.set_model_name(report.of);
    request.set_model_version(report.version);
  }
  request.set_format(!report.format.empty() ? Formats().at(report.format)
                     : flags.json           ? v1::REPORT_FORMAT_JSON
                                            : v1::REPORT_FORMAT_TEXT);
  OCTET_ASSIGN_OR_RETURN(const v1::GetReportResponse response,
                         client->GetReport(request));
  std::cout << response.contents();
  return absl::OkStatus();
}

void AddReportCommand(CLI::App* app, const GlobalFlags& flags, Action* action) {
  CLI::App* command = app->add_subcommand(
      "report",
      "Show what a quantization job made, or what the quantization of a model "
      "cost and won, layer by layer");
  auto report = std::make_shared<ReportFlags>();
  command
      ->add_option("JOB|MODEL", report->of,
                   "A job's id, as octet jobs lists them, or a model's name")
      ->required();
  command->add_option("--model-version", report->version,
                      "The model's version [latest]");
  command
      ->add_option("--format", report->format,
                   "The report in this form: json, text, or html for a "
                   "browser, as octet report MODEL --format html > report.html "
                   "[of a job what it made, of a model text]")
      ->check(CLI::IsMember(&Formats()));
  command->callback([report, &flags, action] {
    RequireOneServer(flags);
    *action = [report, &flags] { return RunReport(*report, flags); };
  });
}

const std::map<std::string, v1::JobState>& States() {
  static const auto* const kStates = new std::map<std::string, v1::JobState>{
      {"pending", v1::JOB_STATE_PENDING},
      {"running", v1::JOB_STATE_RUNNING},
      {"succeeded", v1::JOB_STATE_SUCCEEDED},
      {"failed", v1::JOB_STATE_FAILED},
      {"cancelled", v1::JOB_STATE_CANCELLED}};
  return *kStates;
}

absl::Status RunJobs(const std::vector<std::string>& states,
                     const GlobalFlags& flags) {
  v1::ListJobsRequest request;
  for (const std::string& state : states) {
    request.add_states(States().at(state));
  }
  OCTET_ASSIGN_OR_RETURN(const auto client, Connect(flags, absl::Seconds(10)));
  OCTET_ASSIGN_OR_RETURN(const auto response, client->ListJobs(request));
  if (flags.json) {
    nlohmann::json jobs = nlohmann::json::array();
    for (const v1::Job& job : response.jobs()) jobs.push_back(JobAsJson(job));
    std::cout << nlohmann::json{{"jobs", jobs}}.dump() << "\n";
    return absl::OkStatus();
  }
  if (response.jobs().empty()) {
    std::cout << "the server knows no such jobs\n";
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows = {
      {"JOB", "STATE", "MODEL", "PHASE, RESULT OR ERROR"}};
  for (const v1::Job& job : response.jobs()) {
    std::string last = job.progress().phase();
    if (job.has_result()) {
      last = absl::StrCat(job.result().model_name(), " ",
                          job.result().model_version());
    }
    if (!job.error_message().empty()) last = job.error_message();
    rows.push_back(
        {job.id(), StateName(job.state()), DescribeWork(job.settings()), last});
  }
  std::cout << FormatTable(rows);
  return absl::OkStatus();
}

void AddJobCommand(CLI::App* app, const std::string& name,
                   const std::string& description,
                   absl::Status (*run)(const std::string&, const GlobalFlags&),
                   const GlobalFlags& flags, Action* action) {
  CLI::App* command = app->add_subcommand(name, description);
  auto id = std::make_shared<std::string>();
  command->add_option("JOB", *id, "The job's id; octet jobs lists them")
      ->required();
  command->callback([id, run, &flags, action] {
    RequireOneServer(flags);
    *action = [id, run, &flags] { return run(*id, flags); };
  });
}

}  // namespace

void AddJobCommands(CLI::App* app, const GlobalFlags& flags, Action* action) {
  AddJobCommand(app, "watch",
                "Follow a quantization job to its end; exit code 1 when it "
                "fails. It may be left and taken up again",
                RunWatch, flags, action);
  CLI::App* jobs = app->add_subcommand(
      "jobs", "List the quantization jobs that the server knows, newest first");
  auto states = std::make_shared<std::vector<std::string>>();
  jobs->add_option("--state", *states, "Jobs in these states [all]")
      ->check(CLI::IsMember(&States()))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->take_all();
  jobs->callback([states, &flags, action] {
    RequireOneServer(flags);
    *action = [states, &flags] { return RunJobs(*states, flags); };
  });
  AddJobCommand(app, "cancel", "Cancel a quantization job that has not ended",
                RunCancel, flags, action);
  AddReportCommand(app, flags, action);
}

}  // namespace octet::cli
