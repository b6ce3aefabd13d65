// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_GUARDED_SERVICES_H_
#define OCTET_SERVER_API_GUARDED_SERVICES_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <utility>

#include "proto/inference.grpc.pb.h"
#include "proto/octet/v1/quantization.grpc.pb.h"
#include "server/api/control_access.h"
#include "server/api/inference_service.h"
#include "server/api/quantization_service.h"

namespace octet {

// The services with their control RPCs behind ControlAccess: a caller who may
// not is answered before the service sees the request. What is logged and
// traced is settled here as well.

class GuardedInferenceService final : public InferenceService {
 public:
  // `access` and `api` must outlive the service; for the rest see
  // InferenceService.
  template <typename... Arguments>
  explicit GuardedInferenceService(const ControlAccess* access,
                                   const ApiContext* api,
                                   Arguments&&... arguments)
      : InferenceService(api, std::forward<Arguments>(arguments)...),
        access_(*access),
        api_(*api) {}

  Unary* RepositoryModelLoad(
      Context* context, const inference::RepositoryModelLoadRequest* request,
      inference::RepositoryModelLoadResponse* response) override;
  Unary* RepositoryModelUnload(
      Context* context, const inference::RepositoryModelUnloadRequest* request,
      inference::RepositoryModelUnloadResponse* response) override;
  Unary* SystemSharedMemoryRegister(
      Context* context,
      const inference::SystemSharedMemoryRegisterRequest* request,
      inference::SystemSharedMemoryRegisterResponse* response) override;
  Unary* SystemSharedMemoryUnregister(
      Context* context,
      const inference::SystemSharedMemoryUnregisterRequest* request,
      inference::SystemSharedMemoryUnregisterResponse* response) override;
  Unary* CudaSharedMemoryRegister(
      Context* context,
      const inference::CudaSharedMemoryRegisterRequest* request,
      inference::CudaSharedMemoryRegisterResponse* response) override;
  Unary* CudaSharedMemoryUnregister(
      Context* context,
      const inference::CudaSharedMemoryUnregisterRequest* request,
      inference::CudaSharedMemoryUnregisterResponse* response) override;
  // These two are open to everyone who only asks.
  Unary* TraceSetting(Context* context,
                      const inference::TraceSettingRequest* request,
                      inference::TraceSettingResponse* response) override;
  Unary* LogSettings(Context* context,
                     const inference::LogSettingsRequest* request,
                     inference::LogSettingsResponse* response) override;

 private:
  const ControlAccess& access_;
  const ApiContext& api_;
};

class GuardedQuantizationService final : public QuantizationServiceImpl {
 public:
  using Context = grpc::CallbackServerContext;

  // `access` must outlive the service; for the rest see
  // QuantizationServiceImpl.
  template <typename... Arguments>
  explicit GuardedQuantizationService(const ControlAccess* access,
                                      Arguments&&... arguments)
      : QuantizationServiceImpl(std::forward<Arguments>(arguments)...),
        access_(*access) {}

  grpc::ServerBidiReactor<octet::v1::QuantizeRequest,
                          octet::v1::QuantizeResponse>*
  Quantize(Context* context) override;
  grpc::ServerReadReactor<octet::v1::QuantizeRequest>* SubmitJob(
      Context* context, octet::v1::Job* response) override;
  grpc::ServerWriteReactor<octet::v1::Job>* WatchJob(
      Context* context, const octet::v1::WatchJobRequest* request) override;
  grpc::ServerUnaryReactor* GetJob(Context* context,
                                   const octet::v1::GetJobRequest* request,
                                   octet::v1::Job* response) override;
  grpc::ServerUnaryReactor* ListJobs(
      Context* context, const octet::v1::ListJobsRequest* request,
      octet::v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(
      Context* context, const octet::v1::CancelJobRequest* request,
      octet::v1::Job* response) override;
  grpc::ServerUnaryReactor* GetHistory(
      Context* context, const octet::v1::GetHistoryRequest* request,
      octet::v1::GetHistoryResponse* response) override;
  grpc::ServerUnaryReactor* GetReport(
      Context* context, const octet::v1::GetReportRequest* request,
      octet::v1::GetReportResponse* response) override;

 private:
  const ControlAccess& access_;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_GUARDED_SERVICES_H_
