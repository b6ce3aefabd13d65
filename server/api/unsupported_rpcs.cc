// SPDX-License-Identifier: Apache-2.0
#include "server/api/unsupported_rpcs.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include <string>

#include "proto/inference.grpc.pb.h"

namespace octet {
namespace {

grpc::Status Unsupported(const std::string& rpc) {
  return grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                      "octet-server has no " + rpc);
}

grpc::ServerUnaryReactor* Refuse(grpc::CallbackServerContext* context,
                                 const std::string& rpc) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(Unsupported(rpc));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* UnsupportedRpcs::CudaSharedMemoryStatus(
    Context* context, const inference::CudaSharedMemoryStatusRequest*,
    inference::CudaSharedMemoryStatusResponse*) {
  return Refuse(context, "CudaSharedMemoryStatus");
}

grpc::ServerUnaryReactor* UnsupportedRpcs::CudaSharedMemoryRegister(
    Context* context, const inference::CudaSharedMemoryRegisterRequest*,
    inference::CudaSharedMemoryRegisterResponse*) {
  return Refuse(context, "CudaSharedMemoryRegister");
}

grpc::ServerUnaryReactor* UnsupportedRpcs::CudaSharedMemoryUnregister(
    Context* context, const inference::CudaSharedMemoryUnregisterRequest*,
    inference::CudaSharedMemoryUnregisterResponse*) {
  return Refuse(context, "CudaSharedMemoryUnregister");
}

}  // namespace octet
