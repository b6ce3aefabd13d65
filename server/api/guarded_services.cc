// SPDX-License-Identifier: Apache-2.0
#include "server/api/guarded_services.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/api/control_access.h"
#include "server/api/grpc_status.h"
#include "server/api/log_settings.h"
#include "server/api/trace_settings.h"

namespace octet {
namespace {

using Context = grpc::CallbackServerContext;

constexpr char kInference[] = "/inference.GRPCInferenceService/";
constexpr char kQuantization[] = "/octet.v1.QuantizationService/";

// A call that ends before it begins. Reactor is one of gRPC's for streams.
template <typename Reactor>
class RefusedStream final : public Reactor {
 public:
  explicit RefusedStream(const absl::Status& status) {
    this->Finish(ToGrpcStatus(status));
  }
  void OnDone() override { delete this; }
};

// Whether the caller may. `changes` says whether the request asks for more
// than to be told.
absl::Status Check(const ControlAccess& access, const char* service,
                   absl::string_view rpc, const Context& context,
                   bool changes = true) {
  const std::string method = absl::StrCat(service, rpc);
  switch (RpcKindOf(method)) {
    case RpcKind::kRead:
    case RpcKind::kInfer:
      return absl::OkStatus();
    case RpcKind::kControlIfChange:
      if (!changes) return absl::OkStatus();
      break;
    case RpcKind::kControl:
      break;
  }
  return access.Check(rpc, context);
}

}  // namespace

grpc::ServerUnaryReactor* GuardedInferenceService::RepositoryModelLoad(
    Context* context, const inference::RepositoryModelLoadRequest* request,
    inference::RepositoryModelLoadResponse* response) {
  const absl::Status status =
      Check(access_, kInference, "RepositoryModelLoad", *context);
  if (!status.ok()) return Answer(context, status);
  return InferenceService::RepositoryModelLoad(context, request, response);
}

grpc::ServerUnaryReactor* GuardedInferenceService::RepositoryModelUnload(
    Context* context, const inference::RepositoryModelUnloadRequest* request,
    inference::RepositoryModelUnloadResponse* response) {
  const absl::Status status =
      Check(access_, kInference, "RepositoryModelUnload", *context);
  if (!status.ok()) return Answer(context, status);
  return InferenceService::RepositoryModelUnload(context, request, response);
}

grpc::ServerUnaryReactor* GuardedInferenceService::SystemSharedMemoryRegister(
    Context* context,
    const inference::SystemSharedMemoryRegisterRequest* request,
    inference::SystemSharedMemoryRegisterResponse* response) {
  const absl::Status status =
      Check(access_, kInference, "SystemSharedMemoryRegister", *context);
  if (!status.ok()) return Answer(context, status);
  return InferenceService::SystemSharedMemoryRegister(context, request,
                                                      response);
}

grpc::ServerUnaryReactor* GuardedInferenceService::SystemSharedMemoryUnregister(
    Context* context,
    const inference::SystemSharedMemoryUnregisterRequest* request,
    inference::SystemSharedMemoryUnregisterResponse* response) {
  const absl::Status status =
      Check(access_, kInference, "SystemSharedMemoryUnregister", *context);
  if (!status.ok()) return Answer(context, status);
  return InferenceService::SystemSharedMemoryUnregister(context, request,
                                                        response);
}

grpc::ServerUnaryReactor* GuardedInferenceService::CudaSharedMemoryRegister(
    Context* context, const inference::CudaSharedMemoryRegisterRequest* request,
    inference::CudaSharedMemoryRegisterResponse* response) {
  const absl::Status status =
      Check(access_, kInference, "CudaSharedMemoryRegister", *context);
  if (!status.ok()) return Answer(context, status);
  return InferenceService::CudaSharedMemoryRegister(context, request, response);
}

grpc::ServerUnaryReactor* GuardedInferenceService::CudaSharedMemoryUnregister(
    Context* context,
    const inference::CudaSharedMemoryUnregisterRequest* request,
    inference::CudaSharedMemoryUnregisterResponse* response) {
  const absl::Status status =
      Check(access_, kInference, "CudaSharedMemoryUnregister", *context);
  if (!status.ok()) return Answer(context, status);
  return InferenceService::CudaSharedMemoryUnregister(context, request,
                                                      response);
}

grpc::ServerUnaryReactor* GuardedInferenceService::TraceSetting(
    Context* context, const inference::TraceSettingRequest* request,
    inference::TraceSettingResponse* response) {
  const absl::Status status = Check(access_, kInference, "TraceSetting",
                                    *context, !request->settings().empty());
  if (!status.ok()) return Answer(context, status);
  return Answer(context, AnswerTraceSetting(*request, *api_.registry,
                                            api_.request_log, response));
}

grpc::ServerUnaryReactor* GuardedInferenceService::LogSettings(
    Context* context, const inference::LogSettingsRequest* request,
    inference::LogSettingsResponse* response) {
  const absl::Status status = Check(access_, kInference, "LogSettings",
                                    *context, !request->settings().empty());
  if (!status.ok()) return Answer(context, status);
  return Answer(context, AnswerLogSettings(*request, response));
}

grpc::ServerBidiReactor<v1::QuantizeRequest, v1::QuantizeResponse>*
GuardedQuantizationService::Quantize(Context* context) {
  const absl::Status status =
      Check(access_, kQuantization, "Quantize", *context);
  if (!status.ok()) {
    return new RefusedStream<
        grpc::ServerBidiReactor<v1::QuantizeRequest, v1::QuantizeResponse>>(
        status);
  }
  return QuantizationServiceImpl::Quantize(context);
}

grpc::ServerReadReactor<v1::QuantizeRequest>*
GuardedQuantizationService::SubmitJob(Context* context, v1::Job* response) {
  const absl::Status status =
      Check(access_, kQuantization, "SubmitJob", *context);
  if (!status.ok()) {
    return new RefusedStream<grpc::ServerReadReactor<v1::QuantizeRequest>>(
        status);
  }
  return QuantizationServiceImpl::SubmitJob(context, response);
}

grpc::ServerWriteReactor<v1::Job>* GuardedQuantizationService::WatchJob(
    Context* context, const v1::WatchJobRequest* request) {
  const absl::Status status =
      Check(access_, kQuantization, "WatchJob", *context);
  if (!status.ok()) {
    return new RefusedStream<grpc::ServerWriteReactor<v1::Job>>(status);
  }
  return QuantizationServiceImpl::WatchJob(context, request);
}

grpc::ServerUnaryReactor* GuardedQuantizationService::GetJob(
    Context* context, const v1::GetJobRequest* request, v1::Job* response) {
  const absl::Status status = Check(access_, kQuantization, "GetJob", *context);
  if (!status.ok()) return Answer(context, status);
  return QuantizationServiceImpl::GetJob(context, request, response);
}

grpc::ServerUnaryReactor* GuardedQuantizationService::ListJobs(
    Context* context, const v1::ListJobsRequest* request,
    v1::ListJobsResponse* response) {
  const absl::Status status =
      Check(access_, kQuantization, "ListJobs", *context);
  if (!status.ok()) return Answer(context, status);
  return QuantizationServiceImpl::ListJobs(context, request, response);
}

grpc::ServerUnaryReactor* GuardedQuantizationService::CancelJob(
    Context* context, const v1::CancelJobRequest* request, v1::Job* response) {
  const absl::Status status =
      Check(access_, kQuantization, "CancelJob", *context);
  if (!status.ok()) return Answer(context, status);
  return QuantizationServiceImpl::CancelJob(context, request, response);
}

grpc::ServerUnaryReactor* GuardedQuantizationService::GetHistory(
    Context* context, const v1::GetHistoryRequest* request,
    v1::GetHistoryResponse* response) {
  const absl::Status status =
      Check(access_, kQuantization, "GetHistory", *context);
  if (!status.ok()) return Answer(context, status);
  return QuantizationServiceImpl::GetHistory(context, request, response);
}

grpc::ServerUnaryReactor* GuardedQuantizationService::GetReport(
    Context* context, const v1::GetReportRequest* request,
    v1::GetReportResponse* response) {
  const absl::Status status =
      Check(access_, kQuantization, "GetReport", *context);
  if (!status.ok()) return Answer(context, status);
  return QuantizationServiceImpl::GetReport(context, request, response);
}

}  // namespace octet
