// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_UNSUPPORTED_RPCS_H_
#define OCTET_SERVER_API_UNSUPPORTED_RPCS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "proto/inference.grpc.pb.h"

namespace octet {

// The RPCs of the inference service that octet does not have, each answered
// UNIMPLEMENTED with its name.
//
// Thread-safe.
class UnsupportedRpcs
    : public inference::GRPCInferenceService::CallbackService {
 public:
  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* CudaSharedMemoryStatus(
      Context* context, const inference::CudaSharedMemoryStatusRequest*,
      inference::CudaSharedMemoryStatusResponse*) override;
  Unary* CudaSharedMemoryRegister(
      Context* context, const inference::CudaSharedMemoryRegisterRequest*,
      inference::CudaSharedMemoryRegisterResponse*) override;
  Unary* CudaSharedMemoryUnregister(
      Context* context, const inference::CudaSharedMemoryUnregisterRequest*,
      inference::CudaSharedMemoryUnregisterResponse*) override;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_UNSUPPORTED_RPCS_H_
