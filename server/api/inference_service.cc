// SPDX-License-Identifier: Apache-2.0
#include "server/api/inference_service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "proto/inference.grpc.pb.h"
#include "server/api/grpc_status.h"
#include "server/api/infer_call.h"
#include "server/api/infer_stream.h"
#include "server/api/model_statistics.h"
#include "server/api/shared_memory.h"
#include "server/api/wire_type.h"
#include "server/models/load_request.h"
#include "server/models/loaded_model.h"
#include "server/models/model_registry.h"
#include "server/models/upload.h"

namespace octet {
namespace {

using grpc::ServerUnaryReactor;
using TensorMetadata = inference::ModelMetadataResponse::TensorMetadata;
using Parameters =
    google::protobuf::Map<std::string, inference::ModelRepositoryParameter>;

// What works, as Triton names it; shared memory may be off.
constexpr const char* kExtensions[] = {"classification",
                                       "model_repository",
                                       "schedule_policy",
                                       "model_repository(unload_dependents)",
                                       "model_configuration",
                                       "binary_tensor_data",
                                       "parameters",
                                       "statistics",
                                       "trace",
                                       "logging"};

void Describe(const TensorSpec& spec, bool batches, TensorMetadata* tensor) {
  tensor->set_name(spec.name);
  tensor->set_datatype(std::string(WireName(spec.dtype)));
  if (batches) tensor->add_shape(-1);
  for (const int64_t dim : spec.row_shape) tensor->add_shape(dim);
}

absl::Status CheckRepositoryName(absl::string_view name) {
  if (name.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("repository_name: got '", name.substr(0, 128),
                   "', expected it empty: there is one repository"));
}

// What a load asks for; views into `request`.
absl::StatusOr<LoadRequest> ReadLoadRequest(
    const inference::RepositoryModelLoadRequest& request) {
  LoadRequest load;
  load.model = request.model_name();
  OCTET_RETURN_IF_ERROR(CheckModelName(load.model));
  for (const auto& [name, value] : request.parameters()) {
    if (name == "config" && value.has_string_param()) {
      load.configuration = value.string_param();
    } else if (absl::StartsWith(name, "file:") && value.has_bytes_param()) {
      OCTET_ASSIGN_OR_RETURN(UploadedFile file, ParseUploadName(name));
      file.bytes = value.bytes_param();
      load.files.push_back(std::move(file));
    } else {
      return absl::InvalidArgumentError(absl::StrCat(
          "load parameter '", absl::CHexEscape(name.substr(0, 255)),
          "': expected config, a string_param, or "
          "file:<version>/<filename>, a bytes_param"));
    }
  }
  return load;
}

absl::Status CheckUnloadParameters(const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    // No model depends on another, so either value means the same.
    if (name == "unload_dependents" && value.has_bool_param()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("unload parameter '", name,
                     "': expected none but unload_dependents, a bool_param"));
  }
  return absl::OkStatus();
}

absl::Status CheckTakesWork(const ServingState& state) {
  if (state.takes_work()) return absl::OkStatus();
  return absl::UnavailableError(state.reason());
}

}  // namespace

ServerUnaryReactor* InferenceService::ServerLive(
    Context* context, const inference::ServerLiveRequest*,
    inference::ServerLiveResponse* response) {
  response->set_live(true);
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* InferenceService::ServerReady(
    Context* context, const inference::ServerReadyRequest*,
    inference::ServerReadyResponse* response) {
  response->set_ready(api_.state->ready());
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* InferenceService::ModelReady(
    Context* context, const inference::ModelReadyRequest* request,
    inference::ModelReadyResponse* response) {
  const absl::Status status =
      api_.registry->Find(request->name(), request->version()).status();
  response->set_ready(status.ok());
  // A model that is not there is not ready; only nonsense is an error.
  return Answer(context,
                absl::IsInvalidArgument(status) ? status : absl::OkStatus());
}

ServerUnaryReactor* InferenceService::ServerMetadata(
    Context* context, const inference::ServerMetadataRequest*,
    inference::ServerMetadataResponse* response) {
  response->set_name("octet");
  response->set_version(server_version_);
  for (const char* const extension : kExtensions) {
    response->add_extensions(extension);
  }
  if (api_.regions->enabled()) {
    response->add_extensions("system_shared_memory");
  }
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* InferenceService::ModelMetadata(
    Context* context, const inference::ModelMetadataRequest* request,
    inference::ModelMetadataResponse* response) {
  const absl::StatusOr<std::shared_ptr<LoadedModel>> found =
      api_.registry->Find(request->name(), request->version());
  if (!found.ok()) return Answer(context, found.status());
  const LoadedModel& loaded = **found;
  const Model& model = loaded.model();
  response->set_name(loaded.name());
  // All that serve, unless one is asked for.
  if (!request->version().empty()) {
    response->add_versions(loaded.version_text());
  } else {
    for (const auto& version : api_.registry->Serving(request->name())) {
      response->add_versions(version->version_text());
    }
  }
  response->set_platform(loaded.configuration().platform());
  for (const TensorSpec& spec : model.inputs()) {
    Describe(spec, model.batches(), response->add_inputs());
  }
  for (const TensorSpec& spec : model.outputs()) {
    Describe(spec, model.batches(), response->add_outputs());
  }
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* InferenceService::ModelInfer(
    Context* context, const inference::ModelInferRequest* request,
    inference::ModelInferResponse* response) {
  // Deletes itself.
  auto* const call = new InferCall(api_, context, request, response);
  call->Start();
  return call;
}

InferStreams::Reactor* InferenceService::ModelStreamInfer(Context* context) {
  return streams_.Open(context);
}

ServerUnaryReactor* InferenceService::ModelConfig(
    Context* context, const inference::ModelConfigRequest* request,
    inference::ModelConfigResponse* response) {
  const absl::StatusOr<std::shared_ptr<LoadedModel>> found =
      api_.registry->Find(request->name(), request->version());
  if (!found.ok()) return Answer(context, found.status());
  *response->mutable_config() = (*found)->configuration();
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* InferenceService::ModelStatistics(
    Context* context, const inference::ModelStatisticsRequest* request,
    inference::ModelStatisticsResponse* response) {
  return Answer(context, ReportStatistics(*api_.registry, *request, response));
}

ServerUnaryReactor* InferenceService::SystemSharedMemoryStatus(
    Context* context, const inference::SystemSharedMemoryStatusRequest* request,
    inference::SystemSharedMemoryStatusResponse* response) {
  std::vector<std::shared_ptr<const SharedMemoryRegion>> regions;
  if (request->name().empty()) {
    regions = api_.regions->List();
  } else {
    auto found = api_.regions->Find(request->name());
    if (!found.ok()) return Answer(context, found.status());
    regions.push_back(*std::move(found));
  }
  for (const auto& region : regions) {
    const SharedMemoryRegion::Place& place = region->place();
    auto& status = (*response->mutable_regions())[place.name];
    status.set_name(place.name);
    status.set_key(place.key);
    status.set_offset(place.offset);
    status.set_byte_size(place.byte_size);
  }
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* InferenceService::SystemSharedMemoryRegister(
    Context* context,
    const inference::SystemSharedMemoryRegisterRequest* request,
    inference::SystemSharedMemoryRegisterResponse*) {
  return Answer(context, api_.regions->Register(
                             {request->name(), request->key(),
                              request->offset(), request->byte_size()}));
}

ServerUnaryReactor* InferenceService::SystemSharedMemoryUnregister(
    Context* context,
    const inference::SystemSharedMemoryUnregisterRequest* request,
    inference::SystemSharedMemoryUnregisterResponse*) {
  api_.regions->Unregister(request->name());
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* InferenceService::RepositoryIndex(
    Context* context, const inference::RepositoryIndexRequest* request,
    inference::RepositoryIndexResponse* response) {
  absl::Status status = CheckRepositoryName(request->repository_name());
  if (!status.ok()) return Answer(context, status);
  const absl::StatusOr<std::vector<VersionStatus>> index =
      api_.registry->Index();
  if (!index.ok()) return Answer(context, index.status());
  for (const VersionStatus& version : *index) {
    if (request->ready() && version.state != ModelState::kReady) continue;
    auto* const model = response->add_models();
    model->set_name(version.name);
    model->set_version(version.version);
    model->set_state(std::string(StateName(version.state)));
    model->set_reason(version.reason);
  }
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* InferenceService::RepositoryModelLoad(
    Context* context, const inference::RepositoryModelLoadRequest* request,
    inference::RepositoryModelLoadResponse*) {
  absl::Status status = CheckTakesWork(*api_.state);
  status.Update(CheckRepositoryName(request->repository_name()));
  if (!status.ok()) return Answer(context, status);
  const absl::StatusOr<LoadRequest> load = ReadLoadRequest(*request);
  if (!load.ok()) return Answer(context, load.status());
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  // The request lives until the reactor has finished.
  api_.registry->Load(*load, [reactor](absl::Status loaded) {
    reactor->Finish(ToGrpcStatus(loaded));
  });
  return reactor;
}

ServerUnaryReactor* InferenceService::RepositoryModelUnload(
    Context* context, const inference::RepositoryModelUnloadRequest* request,
    inference::RepositoryModelUnloadResponse*) {
  absl::Status status = CheckTakesWork(*api_.state);
  status.Update(CheckRepositoryName(request->repository_name()));
  status.Update(CheckUnloadParameters(request->parameters()));
  status.Update(CheckModelName(request->model_name()));
  if (!status.ok()) return Answer(context, status);
  ServerUnaryReactor* const reactor = context->DefaultReactor();
  api_.registry->Unload(request->model_name(),
                        [reactor](absl::Status unloaded) {
                          reactor->Finish(ToGrpcStatus(unloaded));
                        });
  return reactor;
}

}  // namespace octet
