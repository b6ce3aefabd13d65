// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_QUANTIZATION_SERVICE_H_
#define OCTET_SERVER_API_QUANTIZATION_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/time/time.h"
#include "proto/octet/v1/quantization.grpc.pb.h"
#include "server/api/api_context.h"
#include "server/jobs/quantization_jobs.h"

namespace octet {

// octet.v1.QuantizationService: jobs from their settings to the new version.
//
// Thread-safe.
class QuantizationServiceImpl
    : public octet::v1::QuantizationService::CallbackService {
 public:
  // How long a caller who has not sent all of its job may say nothing.
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  // Both must outlive the service.
  QuantizationServiceImpl(const ApiContext* api, QuantizationJobs* jobs,
                          absl::Duration patience = kPatience)
      : api_(*api), jobs_(jobs), patience_(patience) {}

  grpc::ServerBidiReactor<v1::QuantizeRequest, v1::QuantizeResponse>* Quantize(
      grpc::CallbackServerContext* context) override;
  grpc::ServerReadReactor<v1::QuantizeRequest>* SubmitJob(
      grpc::CallbackServerContext* context, v1::Job* response) override;
  grpc::ServerWriteReactor<v1::Job>* WatchJob(
      grpc::CallbackServerContext* context,
      const v1::WatchJobRequest* request) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request,
                                   v1::Job* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* GetHistory(
      grpc::CallbackServerContext* context,
      const v1::GetHistoryRequest* request,
      v1::GetHistoryResponse* response) override;
  grpc::ServerUnaryReactor* GetReport(grpc::CallbackServerContext* context,
                                      const v1::GetReportRequest* request,
                                      v1::GetReportResponse* response) override;

 private:
  const ApiContext& api_;
  QuantizationJobs* const jobs_;
  const absl::Duration patience_;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_QUANTIZATION_SERVICE_H_
