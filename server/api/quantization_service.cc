// SPDX-License-Identifier: Apache-2.0
#include "server/api/quantization_service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "server/api/grpc_status.h"
#include "server/api/job_codec.h"
#include "server/api/quantize_call.h"
#include "server/jobs/job.h"

namespace octet {
namespace {

absl::Status EncodeFound(const absl::StatusOr<JobStatus>& job,
                         v1::Job* message) {
  if (job.ok()) EncodeJob(*job, ReportChoice::kWithReport, message);
  return job.status();
}

absl::Status ListFound(const QuantizationJobs& jobs,
                       const v1::ListJobsRequest& request,
                       v1::ListJobsResponse* response) {
  std::set<JobState> states;
  for (const int number : request.states()) {
    OCTET_ASSIGN_OR_RETURN(const JobState state, DecodeState(number));
    states.insert(state);
  }
  if (request.max_jobs() < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_jobs: got ", request.max_jobs(), ", expected 0 or more"));
  }
  for (const JobStatus& job : jobs.List()) {
    if (!states.empty() && states.count(job.state) == 0) continue;
    EncodeJob(job, ReportChoice::kWithoutReport, response->add_jobs());
    if (response->jobs_size() == request.max_jobs()) break;
  }
  return absl::OkStatus();
}

absl::Status EncodeReport(const QuantizationJobs& jobs,
                          const v1::GetReportRequest& request,
                          v1::GetReportResponse* response) {
  OCTET_ASSIGN_OR_RETURN(const char* file,
                         DecodeReportFormat(request.format()));
  if (!request.job_id().empty() && !request.model_name().empty()) {
    return absl::InvalidArgumentError(
        "got both a job_id and a model_name, expected one of them");
  }
  OCTET_ASSIGN_OR_RETURN(VersionReport report,
                         jobs.Report(request.job_id(), request.model_name(),
                                     request.model_version(), file));
  response->set_model_name(report.model);
  response->set_model_version(absl::StrCat(report.version));
  response->set_contents(std::move(report.contents));
  return absl::OkStatus();
}

}  // namespace

grpc::ServerBidiReactor<v1::QuantizeRequest, v1::QuantizeResponse>*
QuantizationServiceImpl::Quantize(grpc::CallbackServerContext* context) {
  return BeginQuantizeCall(api_, jobs_, patience_, context);
}

grpc::ServerReadReactor<v1::QuantizeRequest>*
QuantizationServiceImpl::SubmitJob(grpc::CallbackServerContext* context,
                                   v1::Job* response) {
  return BeginSubmitCall(api_, jobs_, patience_, context, response);
}

grpc::ServerWriteReactor<v1::Job>* QuantizationServiceImpl::WatchJob(
    grpc::CallbackServerContext*, const v1::WatchJobRequest* request) {
  return BeginWatchCall(jobs_, *request);
}

grpc::ServerUnaryReactor* QuantizationServiceImpl::GetJob(
    grpc::CallbackServerContext* context, const v1::GetJobRequest* request,
    v1::Job* response) {
  return Answer(context, EncodeFound(jobs_->Get(request->id()), response));
}

grpc::ServerUnaryReactor* QuantizationServiceImpl::ListJobs(
    grpc::CallbackServerContext* context, const v1::ListJobsRequest* request,
    v1::ListJobsResponse* response) {
  return Answer(context, ListFound(*jobs_, *request, response));
}

grpc::ServerUnaryReactor* QuantizationServiceImpl::CancelJob(
    grpc::CallbackServerContext* context, const v1::CancelJobRequest* request,
    v1::Job* response) {
  return Answer(context, EncodeFound(jobs_->Cancel(request->id()), response));
}

grpc::ServerUnaryReactor* QuantizationServiceImpl::GetHistory(
    grpc::CallbackServerContext* context, const v1::GetHistoryRequest* request,
    v1::GetHistoryResponse* response) {
  const absl::StatusOr<VersionHistory> history =
      jobs_->History(request->model_name(), request->model_version());
  if (history.ok()) {
    response->set_model_version(absl::StrCat(history->version));
    response->set_history_json(ToUtf8(history->json));
  }
  return Answer(context, history.status());
}

grpc::ServerUnaryReactor* QuantizationServiceImpl::GetReport(
    grpc::CallbackServerContext* context, const v1::GetReportRequest* request,
    v1::GetReportResponse* response) {
  return Answer(context, EncodeReport(*jobs_, *request, response));
}

}  // namespace octet
