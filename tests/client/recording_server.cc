// SPDX-License-Identifier: Apache-2.0
#include "tests/client/recording_server.h"

#include <grpcpp/grpcpp.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace octet::client {
namespace {

void AddModel(const std::string& name, const std::string& version,
              const std::string& state, const std::string& reason,
              inference::RepositoryIndexResponse* response) {
  auto* model = response->add_models();
  model->set_name(name);
  model->set_version(version);
  model->set_state(state);
  model->set_reason(reason);
}

void AddTensor(const std::string& name, int64_t rows,
               inference::ModelMetadataResponse::TensorMetadata* tensor) {
  tensor->set_name(name);
  tensor->set_datatype("FP32");
  tensor->add_shape(rows);
  tensor->add_shape(2);
}

// The elements of `raw`, doubled.
std::string Doubled(const std::string& raw) {
  std::string doubled(raw.size(), '\0');
  for (size_t i = 0; i + sizeof(float) <= raw.size(); i += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, &raw[i], sizeof(value));
    value *= 2;
    std::memcpy(&doubled[i], &value, sizeof(value));
  }
  return doubled;
}

}  // namespace

grpc::Status RecordingServer::Record::CurrentStatus() const {
  absl::MutexLock lock(&mutex);
  return status;
}

class RecordingServer::Inference final
    : public inference::GRPCInferenceService::Service {
 public:
  explicit Inference(Record* record) : record_(*record) {}

  grpc::Status ServerLive(grpc::ServerContext*,
                          const inference::ServerLiveRequest*,
                          inference::ServerLiveResponse* response) override {
    response->set_live(true);
    return record_.CurrentStatus();
  }

  grpc::Status ServerReady(grpc::ServerContext*,
                           const inference::ServerReadyRequest*,
                           inference::ServerReadyResponse* response) override {
    response->set_ready(true);
    return record_.CurrentStatus();
  }

  grpc::Status ServerMetadata(
      grpc::ServerContext*, const inference::ServerMetadataRequest*,
      inference::ServerMetadataResponse* response) override {
    response->set_name("recording");
    response->set_version("1.2.3");
    response->add_extensions("model_repository");
    return record_.CurrentStatus();
  }

  grpc::Status ModelMetadata(
      grpc::ServerContext*, const inference::ModelMetadataRequest* request,
      inference::ModelMetadataResponse* response) override {
    if (request->name() != "doubler" && request->name() != "whole") {
      return {grpc::StatusCode::NOT_FOUND,
              absl::StrCat("no model '", request->name(), "'")};
    }
    const int64_t rows = request->name() == "doubler" ? -1 : 2;
    response->set_name(request->name());
    AddTensor("x", rows, response->add_inputs());
    AddTensor("y", rows, response->add_outputs());
    return record_.CurrentStatus();
  }

  grpc::Status RepositoryIndex(
      grpc::ServerContext*, const inference::RepositoryIndexRequest*,
      inference::RepositoryIndexResponse* response) override {
    AddModel("broken", "1", "UNAVAILABLE", "no such operator", response);
    AddModel("doubler", "3", "READY", "", response);
    AddModel("whole", "1", "READY", "", response);
    return record_.CurrentStatus();
  }

  grpc::Status RepositoryModelLoad(
      grpc::ServerContext*,
      const inference::RepositoryModelLoadRequest* request,
      inference::RepositoryModelLoadResponse*) override {
    absl::MutexLock lock(&record_.mutex);
    record_.loads.push_back(request->model_name());
    return record_.status;
  }

  grpc::Status RepositoryModelUnload(
      grpc::ServerContext*,
      const inference::RepositoryModelUnloadRequest* request,
      inference::RepositoryModelUnloadResponse*) override {
    absl::MutexLock lock(&record_.mutex);
    record_.unloads.push_back(request->model_name());
    return record_.status;
  }

  grpc::Status ModelInfer(grpc::ServerContext*,
                          const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    absl::MutexLock lock(&record_.mutex);
    record_.infer.push_back(*request);
    response->set_model_name(request->model_name());
    response->set_model_version("3");
    auto* output = response->add_outputs();
    output->set_name("y");
    output->set_datatype("FP32");
    *output->mutable_shape() = request->inputs(0).shape();
    std::string raw = Doubled(request->raw_input_contents(0));
    if (record_.cut_outputs) raw.pop_back();
    response->add_raw_output_contents(std::move(raw));
    return record_.status;
  }

 private:
  Record& record_;
};

class RecordingServer::Quantization final
    : public v1::QuantizationService::Service {
 public:
  explicit Quantization(Record* record) : record_(*record) {}

  grpc::Status Quantize(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::QuantizeResponse, v1::QuantizeRequest>*
          stream) override {
    const grpc::Status status = record_.CurrentStatus();
    if (!status.ok()) return status;
    int64_t samples = 0;
    v1::QuantizeRequest request;
    while (stream->Read(&request)) {
      if (request.has_calibration()) {
        samples += request.calibration().inputs(0).shape(0);
      }
      absl::MutexLock lock(&record_.mutex);
      record_.quantize.push_back(request);
    }
    v1::QuantizeResponse response;
    response.mutable_progress()->set_phase("calibrate");
    response.mutable_progress()->set_done(samples);
    response.mutable_progress()->set_total(samples);
    stream->Write(response);
    v1::QuantizeResult* result = response.mutable_result();
    result->set_model_name("doubler_int8");
    result->set_model_version("1");
    result->set_float_bytes(4000);
    result->set_quantized_bytes(1000);
    result->set_integer_steps(5);
    result->set_samples(samples);
    result->set_sqnr_db(31.5);
    stream->Write(response);
    return grpc::Status::OK;
  }

 private:
  Record& record_;
};

RecordingServer::RecordingServer()
    : inference_(std::make_unique<Inference>(&record_)),
      quantization_(std::make_unique<Quantization>(&record_)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port_);
  builder.RegisterService(inference_.get());
  builder.RegisterService(quantization_.get());
  server_ = builder.BuildAndStart();
}

RecordingServer::~RecordingServer() {
  if (server_ != nullptr) server_->Shutdown();
}

std::string RecordingServer::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void RecordingServer::FailWith(grpc::Status status) {
  absl::MutexLock lock(&record_.mutex);
  record_.status = std::move(status);
}

void RecordingServer::CutOutputs() {
  absl::MutexLock lock(&record_.mutex);
  record_.cut_outputs = true;
}

std::vector<inference::ModelInferRequest> RecordingServer::infer_requests()
    const {
  absl::MutexLock lock(&record_.mutex);
  return record_.infer;
}

std::vector<v1::QuantizeRequest> RecordingServer::quantize_requests() const {
  absl::MutexLock lock(&record_.mutex);
  return record_.quantize;
}

std::vector<std::string> RecordingServer::loads() const {
  absl::MutexLock lock(&record_.mutex);
  return record_.loads;
}

std::vector<std::string> RecordingServer::unloads() const {
  absl::MutexLock lock(&record_.mutex);
  return record_.unloads;
}

}  // namespace octet::client
