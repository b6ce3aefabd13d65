// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_GRPC_CLIENT_H_
#define OCTET_CLIENT_GRPC_CLIENT_H_

#include <memory>
#include <utility>

#include "client/client.h"
#include "client/connection.h"

namespace octet::client {

// The client that Client::Create() makes.
class GrpcClient final : public Client {
 public:
  GrpcClient(std::shared_ptr<Connection> connection, absl::Duration timeout)
      : connection_(std::move(connection)), timeout_(timeout) {}

  std::unique_ptr<Client> WithTimeout(absl::Duration timeout) override {
    return std::make_unique<GrpcClient>(connection_, timeout);
  }

  absl::StatusOr<bool> ServerLive() override;
  absl::StatusOr<bool> ServerReady() override;
  absl::StatusOr<inference::ServerMetadataResponse> ServerMetadata() override;
  absl::StatusOr<v1::ConfigurationResponse> Configuration() override;
  absl::StatusOr<inference::ModelMetadataResponse> ModelMetadata(
      const ModelId& model) override;
  absl::StatusOr<inference::ModelConfigResponse> ModelConfig(
      const ModelId& model) override;
  absl::StatusOr<inference::ModelStatisticsResponse> ModelStatistics(
      const ModelId& model) override;
  absl::StatusOr<inference::RepositoryIndexResponse> RepositoryIndex() override;
  absl::Status LoadModel(const LoadRequest& request) override;
  absl::Status UnloadModel(absl::string_view name) override;
  using Client::Infer;
  absl::StatusOr<InferResult> Infer(const InferRequest& request) override;
  using Client::InferAsync;
  void InferAsync(const InferRequest& request, InferCallback done) override;
  absl::StatusOr<std::unique_ptr<InferStream>> StartInferStream() override;

  absl::StatusOr<v1::QuantizeResult> Quantize(
      const QuantizationWork& work, const QuantizeObserver& observer) override;
  absl::StatusOr<v1::Job> SubmitJob(const QuantizationWork& work,
                                    const QuantizeObserver& observer) override;
  absl::StatusOr<v1::Job> WatchJob(absl::string_view id,
                                   const JobObserver& observer) override;
  absl::StatusOr<v1::Job> GetJob(absl::string_view id) override;
  absl::StatusOr<v1::Job> CancelJob(absl::string_view id) override;
  absl::StatusOr<v1::ListJobsResponse> ListJobs(
      const v1::ListJobsRequest& request) override;
  absl::StatusOr<v1::GetHistoryResponse> GetHistory(
      const ModelId& model) override;
  absl::StatusOr<v1::GetReportResponse> GetReport(
      const v1::GetReportRequest& request) override;

 private:
  // Makes one call of the service that `stub` stands for.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      absl::string_view name, Stub& stub,
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request);

  // Watches until the job has ended or the call has; `job` gets the last news.
  absl::Status WatchOnce(absl::string_view id, absl::Time deadline,
                         const JobObserver& observer, v1::Job* job,
                         bool* any_news);

  absl::Duration RequestTimeout(const InferRequest& request) const {
    return request.timeout > absl::ZeroDuration() ? request.timeout : timeout_;
  }

  const std::shared_ptr<Connection> connection_;
  const absl::Duration timeout_;
  PendingCalls pending_;  // last: waits while the others are there
};

}  // namespace octet::client

#endif  // OCTET_CLIENT_GRPC_CLIENT_H_
