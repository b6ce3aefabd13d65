// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/wire_tensor.h"
#include "engine/base/shape.h"
#include "engine/base/status_macros.h"
#include "proto/inference.grpc.pb.h"
#include "proto/octet/v1/quantization.grpc.pb.h"

namespace octet::client {
namespace {

// Well below the 4 MiB that gRPC servers take unless told otherwise.
constexpr int64_t kCalibrationMessageBytes = int64_t{2} << 20;

bool IsLoopback(const std::string& address) {
  return absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "[::1]:");
}

std::shared_ptr<grpc::Channel> CreateChannel(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // A proxy of the environment cannot reach this machine's loopback.
  if (IsLoopback(address)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   arguments);
}

inference::ModelInferRequest MakeRequest(const ModelId& model,
                                         absl::Span<const NamedTensor> inputs) {
  inference::ModelInferRequest request;
  request.set_model_name(model.name);
  request.set_model_version(model.version);
  for (const NamedTensor& input : inputs) AddInput(input, &request);
  return request;
}

// The number of samples that all tensors agree on.
absl::StatusOr<int64_t> CountSamples(absl::Span<const NamedTensor> tensors) {
  if (tensors.empty()) {
    return absl::InvalidArgumentError("no calibration tensors were given");
  }
  std::optional<int64_t> samples;
  for (const NamedTensor& named : tensors) {
    const Shape& shape = named.tensor.shape();
    if (shape.empty() || shape[0] < 1 ||
        shape[0] != samples.value_or(shape[0])) {
      return absl::InvalidArgumentError(absl::StrCat(
          "calibration tensor '", named.name, "': expected shape [",
          samples ? absl::StrCat(*samples) : "samples", ", ...], got ",
          ShapeToString(shape)));
    }
    samples = shape[0];
  }
  return *samples;
}

v1::QuantizeRequest MakeChunk(absl::Span<const NamedTensor> calibration,
                              int64_t begin, int64_t end) {
  v1::QuantizeRequest request;
  for (const NamedTensor& named : calibration) {
    const Tensor rows = named.tensor.Rows(begin, end);
    v1::CalibrationTensor* tensor = request.mutable_calibration()->add_inputs();
    tensor->set_name(named.name);
    tensor->set_datatype(std::string(Datatype(rows.dtype())));
    for (const int64_t size : rows.shape()) tensor->add_shape(size);
    tensor->set_raw_contents(rows.bytes(), rows.byte_size());
  }
  return request;
}

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(const ClientOptions& options)
      : options_(options),
        channel_(CreateChannel(options.address)),
        inference_(inference::GRPCInferenceService::NewStub(channel_)),
        quantization_(v1::QuantizationService::NewStub(channel_)) {}

  absl::StatusOr<bool> ServerLive() override {
    OCTET_ASSIGN_OR_RETURN(const auto response,
                           Call<inference::ServerLiveResponse>(
                               "ServerLive", &Inference::ServerLive,
                               inference::ServerLiveRequest()));
    return response.live();
  }

  absl::StatusOr<bool> ServerReady() override {
    OCTET_ASSIGN_OR_RETURN(const auto response,
                           Call<inference::ServerReadyResponse>(
                               "ServerReady", &Inference::ServerReady,
                               inference::ServerReadyRequest()));
    return response.ready();
  }

  absl::StatusOr<inference::ServerMetadataResponse> ServerMetadata() override {
    return Call<inference::ServerMetadataResponse>(
        "ServerMetadata", &Inference::ServerMetadata,
        inference::ServerMetadataRequest());
  }

  absl::StatusOr<inference::ModelMetadataResponse> ModelMetadata(
      const ModelId& model) override {
    inference::ModelMetadataRequest request;
    request.set_name(model.name);
    request.set_version(model.version);
    return Call<inference::ModelMetadataResponse>(
        "ModelMetadata", &Inference::ModelMetadata, request);
  }

  absl::StatusOr<inference::RepositoryIndexResponse> RepositoryIndex()
      override {
    return Call<inference::RepositoryIndexResponse>(
        "RepositoryIndex", &Inference::RepositoryIndex,
        inference::RepositoryIndexRequest());
  }

  absl::Status LoadModel(absl::string_view name) override {
    inference::RepositoryModelLoadRequest request;
    request.set_model_name(std::string(name));
    return Call<inference::RepositoryModelLoadResponse>(
               "RepositoryModelLoad", &Inference::RepositoryModelLoad, request)
        .status();
  }

  absl::Status UnloadModel(absl::string_view name) override {
    inference::RepositoryModelUnloadRequest request;
    request.set_model_name(std::string(name));
    return Call<inference::RepositoryModelUnloadResponse>(
               "RepositoryModelUnload", &Inference::RepositoryModelUnload,
               request)
        .status();
  }

  absl::StatusOr<InferResult> Infer(
      const ModelId& model, absl::Span<const NamedTensor> inputs) override {
    OCTET_ASSIGN_OR_RETURN(
        const auto response,
        Call<inference::ModelInferResponse>(
            "ModelInfer", &Inference::ModelInfer, MakeRequest(model, inputs)));
    OCTET_ASSIGN_OR_RETURN(std::vector<NamedTensor> outputs,
                           ReadOutputs(response));
    return InferResult{{response.model_name(), response.model_version()},
                       std::move(outputs)};
  }

  absl::StatusOr<v1::QuantizeResult> Quantize(
      const v1::QuantizeSettings& settings,
      absl::Span<const NamedTensor> calibration,
      const QuantizeObserver& observer) override;

 private:
  using Inference = inference::GRPCInferenceService::Stub;
  using QuantizeStream =
      grpc::ClientReaderWriter<v1::QuantizeRequest, v1::QuantizeResponse>;

  // Makes one call of the inference service.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(
      absl::string_view name,
      grpc::Status (Inference::*method)(grpc::ClientContext*, const Request&,
                                        Response*),
      const Request& request) {
    grpc::ClientContext context;
    SetDeadline(&context);
    Response response;
    const grpc::Status status =
        ((*inference_).*method)(&context, request, &response);
    if (!status.ok()) return Explain(name, status);
    return response;
  }

  void SetDeadline(grpc::ClientContext* context) const {
    context->set_deadline(std::chrono::system_clock::now() +
                          absl::ToChronoNanoseconds(options_.timeout));
  }

  // gRPC's status as ours, with the call and the address that it comes from.
  absl::Status Explain(absl::string_view call, const grpc::Status& status) {
    const auto code = static_cast<absl::StatusCode>(status.error_code());
    // A server that refuses work says so over a connection that stands.
    const bool no_connection =
        code == absl::StatusCode::kUnavailable &&
        channel_->GetState(false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
    absl::Status error(
        code, absl::StrCat(no_connection ? "cannot connect to "
                                         : absl::StrCat(call, " at "),
                           options_.address, ": ", status.error_message()));
    error.SetPayload(kCallPayload, absl::Cord(call));
    return error;
  }

  // False when the server has ended the call early.
  static bool Send(const v1::QuantizeSettings& settings,
                   absl::Span<const NamedTensor> calibration, int64_t samples,
                   const QuantizeObserver& observer, QuantizeStream* stream);

  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<Inference> inference_;
  const std::unique_ptr<v1::QuantizationService::Stub> quantization_;
};

bool GrpcClient::Send(const v1::QuantizeSettings& settings,
                      absl::Span<const NamedTensor> calibration,
                      int64_t samples, const QuantizeObserver& observer,
                      QuantizeStream* stream) {
  v1::QuantizeRequest first;
  *first.mutable_settings() = settings;
  if (!stream->Write(first)) return false;
  int64_t sample_bytes = 1;
  for (const NamedTensor& named : calibration) {
    sample_bytes += static_cast<int64_t>(named.tensor.byte_size()) / samples;
  }
  const int64_t step =
      std::max<int64_t>(1, kCalibrationMessageBytes / sample_bytes);
  for (int64_t begin = 0; begin < samples; begin += step) {
    const int64_t end = std::min(samples, begin + step);
    if (!stream->Write(MakeChunk(calibration, begin, end))) return false;
    if (observer) {
      v1::QuantizeProgress progress;
      progress.set_phase("send");
      progress.set_done(end);
      progress.set_total(samples);
      observer(progress);
    }
  }
  return stream->WritesDone();
}

absl::StatusOr<v1::QuantizeResult> GrpcClient::Quantize(
    const v1::QuantizeSettings& settings,
    absl::Span<const NamedTensor> calibration,
    const QuantizeObserver& observer) {
  OCTET_ASSIGN_OR_RETURN(const int64_t samples, CountSamples(calibration));
  grpc::ClientContext context;
  SetDeadline(&context);
  const auto stream = quantization_->Quantize(&context);
  // Where a write fails the call is over, and its status says why.
  Send(settings, calibration, samples, observer, stream.get());
  std::optional<v1::QuantizeResult> result;
  v1::QuantizeResponse response;
  while (stream->Read(&response)) {
    if (response.has_result()) {
      result = response.result();
    } else if (response.has_progress() && observer) {
      observer(response.progress());
    }
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return Explain("Quantize", status);
  if (!result) {
    return absl::InternalError(absl::StrCat(
        "Quantize at ", options_.address, ": the call ended without a result"));
  }
  return *std::move(result);
}

}  // namespace

absl::Status CheckAddress(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("server address: expected HOST:PORT with a port from 1 to "
                     "65535, got '",
                     address, "'"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Client>> Client::Create(
    const ClientOptions& options) {
  OCTET_RETURN_IF_ERROR(CheckAddress(options.address));
  if (options.timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("timeout: expected a positive duration, got ",
                     absl::FormatDuration(options.timeout)));
  }
  return std::make_unique<GrpcClient>(options);
}

}  // namespace octet::client
