// SPDX-License-Identifier: Apache-2.0
#include "client/grpc_client.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/grpc_infer_stream.h"
#include "client/wire_tensor.h"
#include "engine/base/status_macros.h"

namespace octet::client {
namespace {

using InferenceStub = inference::GRPCInferenceService::Stub;
using QuantizationStub = v1::QuantizationService::Stub;

// WatchJob() gives up after so long without news, and asks so often.
constexpr absl::Duration kWatchPatience = absl::Minutes(1);
constexpr absl::Duration kFirstWatchPause = absl::Milliseconds(100);
constexpr absl::Duration kLastWatchPause = absl::Seconds(5);

// A request without fields, or with the two that name a model.
template <typename Request>
Request ForModel(const ModelId& model) {
  Request request;
  request.set_name(model.name);
  request.set_version(model.version);
  return request;
}

template <typename Request>
Request ForJob(absl::string_view id) {
  Request request;
  request.set_id(std::string(id));
  return request;
}

// A call of InferAsync() from its start to its end.
struct AsyncInfer {
  grpc::ClientContext context;
  inference::ModelInferRequest request;
  inference::ModelInferResponse response;
  Client::InferCallback done;
};

}  // namespace

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> GrpcClient::Call(
    absl::string_view name, Stub& stub,
    grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                 Response*),
    const Request& request) {
  grpc::ClientContext context;
  connection_->Prepare(timeout_, &context);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return connection_->Explain(name, status);
  return response;
}

absl::StatusOr<bool> GrpcClient::ServerLive() {
  OCTET_ASSIGN_OR_RETURN(
      const auto response,
      Call("ServerLive", connection_->inference(), &InferenceStub::ServerLive,
           inference::ServerLiveRequest()));
  return response.live();
}

absl::StatusOr<bool> GrpcClient::ServerReady() {
  OCTET_ASSIGN_OR_RETURN(
      const auto response,
      Call("ServerReady", connection_->inference(), &InferenceStub::ServerReady,
           inference::ServerReadyRequest()));
  return response.ready();
}

absl::StatusOr<inference::ServerMetadataResponse> GrpcClient::ServerMetadata() {
  return Call("ServerMetadata", connection_->inference(),
              &InferenceStub::ServerMetadata,
              inference::ServerMetadataRequest());
}

absl::StatusOr<v1::ConfigurationResponse> GrpcClient::Configuration() {
  return Call("Configuration", connection_->server(),
              &v1::ServerService::Stub::Configuration,
              v1::ConfigurationRequest());
}

absl::StatusOr<inference::ModelMetadataResponse> GrpcClient::ModelMetadata(
    const ModelId& model) {
  return Call("ModelMetadata", connection_->inference(),
              &InferenceStub::ModelMetadata,
              ForModel<inference::ModelMetadataRequest>(model));
}

absl::StatusOr<inference::ModelConfigResponse> GrpcClient::ModelConfig(
    const ModelId& model) {
  return Call("ModelConfig", connection_->inference(),
              &InferenceStub::ModelConfig,
              ForModel<inference::ModelConfigRequest>(model));
}

absl::StatusOr<inference::ModelStatisticsResponse> GrpcClient::ModelStatistics(
    const ModelId& model) {
  return Call("ModelStatistics", connection_->inference(),
              &InferenceStub::ModelStatistics,
              ForModel<inference::ModelStatisticsRequest>(model));
}

absl::StatusOr<inference::RepositoryIndexResponse>
GrpcClient::RepositoryIndex() {
  return Call("RepositoryIndex", connection_->inference(),
              &InferenceStub::RepositoryIndex,
              inference::RepositoryIndexRequest());
}

absl::Status GrpcClient::LoadModel(const LoadRequest& load) {
  inference::RepositoryModelLoadRequest request;
  request.set_model_name(load.model);
  auto& parameters = *request.mutable_parameters();
  if (!load.config.empty()) {
    parameters["config"].set_string_param(load.config);
  }
  for (const auto& [path, bytes] : load.files) {
    parameters[absl::StrCat("file:", path)].set_bytes_param(bytes);
  }
  return Call("RepositoryModelLoad", connection_->inference(),
              &InferenceStub::RepositoryModelLoad, request)
      .status();
}

absl::Status GrpcClient::UnloadModel(absl::string_view name) {
  inference::RepositoryModelUnloadRequest request;
  request.set_model_name(std::string(name));
  return Call("RepositoryModelUnload", connection_->inference(),
              &InferenceStub::RepositoryModelUnload, request)
      .status();
}

absl::StatusOr<InferResult> GrpcClient::Infer(const InferRequest& request) {
  OCTET_ASSIGN_OR_RETURN(
      const auto message,
      MakeMessage(request, connection_->options().max_send_bytes));
  grpc::ClientContext context;
  connection_->Prepare(RequestTimeout(request), &context);
  inference::ModelInferResponse response;
  const grpc::Status status =
      connection_->inference().ModelInfer(&context, message, &response);
  if (!status.ok()) return connection_->Explain("ModelInfer", status);
  return ReadResult(response);
}

void GrpcClient::InferAsync(const InferRequest& request, InferCallback done) {
  auto message = MakeMessage(request, connection_->options().max_send_bytes);
  if (!message.ok()) {
    done(message.status());
    return;
  }
  auto owned = std::make_unique<AsyncInfer>();
  AsyncInfer* const call = owned.release();  // deletes itself at its end
  call->request = *std::move(message);
  call->done = std::move(done);
  connection_->Prepare(RequestTimeout(request), &call->context);
  pending_.Add(&call->context);
  connection_->inference().async()->ModelInfer(
      &call->context, &call->request, &call->response,
      [this, call](const grpc::Status& status) {
        call->done(status.ok() ? ReadResult(call->response)
                               : connection_->Explain("ModelInfer", status));
        grpc::ClientContext* const context = &call->context;
        // The set must not hold a context that is gone.
        pending_.Remove(context);
        delete call;
      });
}

absl::StatusOr<std::unique_ptr<InferStream>> GrpcClient::StartInferStream() {
  return std::make_unique<GrpcInferStream>(connection_);
}

absl::StatusOr<v1::QuantizeResult> GrpcClient::Quantize(
    const QuantizationWork& work, const QuantizeObserver& observer) {
  OCTET_ASSIGN_OR_RETURN(const int64_t samples, CountSamples(work));
  grpc::ClientContext context;
  connection_->Prepare(timeout_, &context);
  const auto stream = connection_->quantization().Quantize(&context);
  // Where a write fails the call is over, and its status says why.
  if (SendWork(work, samples, observer,
               [&](const auto& chunk) { return stream->Write(chunk); })) {
    stream->WritesDone();
  }
  std::optional<v1::QuantizeResult> result;
  v1::QuantizeResponse response;
  while (stream->Read(&response)) {
    if (response.has_result()) {
      result = response.result();
    } else if (response.has_progress() && observer) {
      observer(response.job_id(), response.progress());
    }
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return connection_->Explain("Quantize", status);
  if (!result) {
    return absl::InternalError("Quantize: the call ended without a result");
  }
  return *std::move(result);
}

absl::StatusOr<v1::Job> GrpcClient::SubmitJob(
    const QuantizationWork& work, const QuantizeObserver& observer) {
  OCTET_ASSIGN_OR_RETURN(const int64_t samples, CountSamples(work));
  grpc::ClientContext context;
  connection_->Prepare(timeout_, &context);
  v1::Job job;
  const auto writer = connection_->quantization().SubmitJob(&context, &job);
  if (SendWork(work, samples, observer,
               [&](const auto& chunk) { return writer->Write(chunk); })) {
    writer->WritesDone();
  }
  const grpc::Status status = writer->Finish();
  if (!status.ok()) return connection_->Explain("SubmitJob", status);
  return job;
}

absl::Status GrpcClient::WatchOnce(absl::string_view id, absl::Time deadline,
                                   const JobObserver& observer, v1::Job* job,
                                   bool* any_news) {
  grpc::ClientContext context;
  connection_->Prepare(deadline - absl::Now(), &context);
  const auto reader = connection_->quantization().WatchJob(
      &context, ForJob<v1::WatchJobRequest>(id));
  v1::Job news;
  while (reader->Read(&news)) {
    *any_news = true;
    *job = news;
    if (observer) observer(*job);
  }
  const grpc::Status status = reader->Finish();
  if (HasEnded(*job)) return absl::OkStatus();
  if (!status.ok()) return connection_->Explain("WatchJob", status);
  return absl::UnavailableError("WatchJob: the call ended before the job");
}

absl::StatusOr<v1::Job> GrpcClient::WatchJob(absl::string_view id,
                                             const JobObserver& observer) {
  const absl::Time deadline = absl::Now() + timeout_;
  absl::Time last_news = absl::Now();
  absl::Duration pause = kFirstWatchPause;
  v1::Job job;
  while (true) {
    bool any_news = false;
    const absl::Status status =
        WatchOnce(id, deadline, observer, &job, &any_news);
    if (status.ok()) return job;
    const absl::Time now = absl::Now();
    if (any_news) {
      last_news = now;
      pause = kFirstWatchPause;
    }
    // Only a lost connection is worth another one.
    if (!absl::IsUnavailable(status) || now - last_news > kWatchPatience ||
        now + pause >= deadline) {
      return status;
    }
    absl::SleepFor(pause);
    pause = std::min(2 * pause, kLastWatchPause);
  }
}

absl::StatusOr<v1::Job> GrpcClient::GetJob(absl::string_view id) {
  return Call("GetJob", connection_->quantization(), &QuantizationStub::GetJob,
              ForJob<v1::GetJobRequest>(id));
}

absl::StatusOr<v1::Job> GrpcClient::CancelJob(absl::string_view id) {
  return Call("CancelJob", connection_->quantization(),
              &QuantizationStub::CancelJob, ForJob<v1::CancelJobRequest>(id));
}

absl::StatusOr<v1::ListJobsResponse> GrpcClient::ListJobs(
    const v1::ListJobsRequest& request) {
  return Call("ListJobs", connection_->quantization(),
              &QuantizationStub::ListJobs, request);
}

absl::StatusOr<v1::GetHistoryResponse> GrpcClient::GetHistory(
    const ModelId& model) {
  v1::GetHistoryRequest request;
  request.set_model_name(model.name);
  request.set_model_version(model.version);
  return Call("GetHistory", connection_->quantization(),
              &QuantizationStub::GetHistory, request);
}

absl::StatusOr<v1::GetReportResponse> GrpcClient::GetReport(
    const v1::GetReportRequest& request) {
  return Call("GetReport", connection_->quantization(),
              &QuantizationStub::GetReport, request);
}

}  // namespace octet::client
