// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_INFERENCE_SERVICE_H_
#define OCTET_SERVER_API_INFERENCE_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string>
#include <utility>

#include "proto/inference.grpc.pb.h"
#include "server/api/api_context.h"
#include "server/api/infer_stream.h"
#include "server/api/unsupported_rpcs.h"

namespace octet {

// inference.GRPCInferenceService: decodes, checks, hands on and encodes; what
// is served, and when, is decided below.
//
// Thread-safe.
class InferenceService : public UnsupportedRpcs {
 public:
  // `api` must outlive the service. `server_version` is what ServerMetadata
  // tells.
  InferenceService(const ApiContext* api, std::string server_version)
      : api_(*api), server_version_(std::move(server_version)), streams_(api) {}

  // Ends every stream, and those to come, once what is under way is answered.
  void EndStreams() { streams_.EndAll(); }

  Unary* ServerLive(Context* context, const inference::ServerLiveRequest*,
                    inference::ServerLiveResponse* response) override;
  Unary* ServerReady(Context* context, const inference::ServerReadyRequest*,
                     inference::ServerReadyResponse* response) override;
  Unary* ModelReady(Context* context,
                    const inference::ModelReadyRequest* request,
                    inference::ModelReadyResponse* response) override;
  Unary* ServerMetadata(Context* context,
                        const inference::ServerMetadataRequest*,
                        inference::ServerMetadataResponse* response) override;
  Unary* ModelMetadata(Context* context,
                       const inference::ModelMetadataRequest* request,
                       inference::ModelMetadataResponse* response) override;
  Unary* ModelInfer(Context* context,
                    const inference::ModelInferRequest* request,
                    inference::ModelInferResponse* response) override;
  InferStreams::Reactor* ModelStreamInfer(Context* context) override;
  Unary* ModelConfig(Context* context,
                     const inference::ModelConfigRequest* request,
                     inference::ModelConfigResponse* response) override;
  Unary* ModelStatistics(Context* context,
                         const inference::ModelStatisticsRequest* request,
                         inference::ModelStatisticsResponse* response) override;
  Unary* SystemSharedMemoryStatus(
      Context* context,
      const inference::SystemSharedMemoryStatusRequest* request,
      inference::SystemSharedMemoryStatusResponse* response) override;
  Unary* SystemSharedMemoryRegister(
      Context* context,
      const inference::SystemSharedMemoryRegisterRequest* request,
      inference::SystemSharedMemoryRegisterResponse*) override;
  Unary* SystemSharedMemoryUnregister(
      Context* context,
      const inference::SystemSharedMemoryUnregisterRequest* request,
      inference::SystemSharedMemoryUnregisterResponse*) override;
  Unary* RepositoryIndex(Context* context,
                         const inference::RepositoryIndexRequest* request,
                         inference::RepositoryIndexResponse* response) override;
  // Both answer when the work is done, not when it is begun.
  Unary* RepositoryModelLoad(
      Context* context, const inference::RepositoryModelLoadRequest* request,
      inference::RepositoryModelLoadResponse*) override;
  Unary* RepositoryModelUnload(
      Context* context, const inference::RepositoryModelUnloadRequest* request,
      inference::RepositoryModelUnloadResponse*) override;

 private:
  const ApiContext& api_;
  const std::string server_version_;
  InferStreams streams_;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_INFERENCE_SERVICE_H_
