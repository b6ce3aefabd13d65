// SPDX-License-Identifier: Apache-2.0
#include "tests/client/recording_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <chrono>
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

grpc::Status RecordingServer::Record::NextStatus(grpc::ServerContext* context) {
  if (failures_left == 0) return status;
  --failures_left;
  if (!pushback.empty()) {
    context->AddTrailingMetadata("grpc-retry-pushback-ms", pushback);
  }
  return failure;
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
      grpc::ServerContext* context,
      const inference::RepositoryModelLoadRequest* request,
      inference::RepositoryModelLoadResponse*) override {
    absl::MutexLock lock(&record_.mutex);
    record_.loads.push_back(request->model_name());
    record_.load_requests.push_back(*request);
    return record_.NextStatus(context);
  }

  grpc::Status RepositoryModelUnload(
      grpc::ServerContext*,
      const inference::RepositoryModelUnloadRequest* request,
      inference::RepositoryModelUnloadResponse*) override {
    absl::MutexLock lock(&record_.mutex);
    record_.unloads.push_back(request->model_name());
    return record_.status;
  }

  grpc::Status ModelStreamInfer(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<inference::ModelStreamInferResponse,
                               inference::ModelInferRequest>* stream) override {
    inference::ModelInferRequest request;
    while (stream->Read(&request)) {
      inference::ModelStreamInferResponse answer;
      answer.mutable_infer_response()->set_id(request.id());
      if (request.model_name() == "doubler") {
        Answer(request, answer.mutable_infer_response());
      } else {
        answer.set_error_message("no such model");
      }
      stream->Write(answer);
    }
    return record_.CurrentStatus();
  }

  grpc::Status ModelStatistics(
      grpc::ServerContext*, const inference::ModelStatisticsRequest*,
      inference::ModelStatisticsResponse* response) override {
    auto* model = response->add_model_stats();
    model->set_name("doubler");
    model->set_version("3");
    model->set_inference_count(12);
    model->set_execution_count(5);
    auto* success = model->mutable_inference_stats()->mutable_success();
    success->set_count(4);
    success->set_ns(10000);
    auto* batch = model->add_batch_stats();
    batch->set_batch_size(8);
    batch->mutable_compute_infer()->set_count(1);
    batch->mutable_compute_infer()->set_ns(7000);
    return record_.CurrentStatus();
  }

  grpc::Status ModelInfer(grpc::ServerContext* context,
                          const inference::ModelInferRequest* request,
                          inference::ModelInferResponse* response) override {
    absl::MutexLock lock(&record_.mutex);
    record_.infer.push_back(*request);
    const auto& metadata = context->client_metadata();
    const auto authorization = metadata.find("authorization");
    if (authorization != metadata.end()) {
      record_.authorization.assign(authorization->second.data(),
                                   authorization->second.size());
    }
    const auto released = [this]() ABSL_SHARED_LOCKS_REQUIRED(record_.mutex) {
      return !record_.stalled;
    };
    record_.mutex.Await(absl::Condition(&released));
    const grpc::Status status = record_.NextStatus(context);
    if (status.ok()) Answer(*request, response, record_.cut_outputs);
    return status;
  }

 private:
  static void Answer(const inference::ModelInferRequest& request,
                     inference::ModelInferResponse* response,
                     bool cut_outputs = false) {
    response->set_id(request.id());
    response->set_model_name(request.model_name());
    response->set_model_version("3");
    auto* output = response->add_outputs();
    output->set_name("y");
    output->set_datatype("FP32");
    *output->mutable_shape() = request.inputs(0).shape();
    std::string raw = Doubled(request.raw_input_contents(0));
    if (cut_outputs) raw.pop_back();
    response->add_raw_output_contents(std::move(raw));
  }

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
    response.set_job_id(kJob);
    response.mutable_progress()->set_phase("calibrate");
    response.mutable_progress()->set_done(samples);
    response.mutable_progress()->set_total(samples);
    stream->Write(response);
    {
      absl::MutexLock lock(&record_.mutex);
      if (record_.broken_quantizations > 0) {
        --record_.broken_quantizations;
        return {grpc::StatusCode::UNAVAILABLE, "going away"};
      }
    }
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

  grpc::Status SubmitJob(grpc::ServerContext*,
                         grpc::ServerReader<v1::QuantizeRequest>* reader,
                         v1::Job* job) override {
    v1::QuantizeRequest request;
    while (reader->Read(&request)) {
      absl::MutexLock lock(&record_.mutex);
      record_.quantize.push_back(request);
      if (request.has_settings()) *job->mutable_settings() = request.settings();
    }
    job->set_id(kJob);
    job->set_state(v1::JOB_STATE_PENDING);
    return record_.CurrentStatus();
  }

  grpc::Status WatchJob(grpc::ServerContext*,
                        const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::Job>* writer) override {
    v1::Job job;
    if (!Find(request->id(), &job)) return NoJob(request->id());
    job.set_state(v1::JOB_STATE_RUNNING);
    job.clear_result();
    writer->Write(job);
    {
      absl::MutexLock lock(&record_.mutex);
      if (record_.broken_watches > 0) {
        --record_.broken_watches;
        return {grpc::StatusCode::UNAVAILABLE, "going away"};
      }
    }
    Find(request->id(), &job);
    writer->Write(job);
    return grpc::Status::OK;
  }

  grpc::Status GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                      v1::Job* job) override {
    return Find(request->id(), job) ? grpc::Status::OK : NoJob(request->id());
  }

  grpc::Status CancelJob(grpc::ServerContext*,
                         const v1::CancelJobRequest* request,
                         v1::Job* job) override {
    return Find(request->id(), job) ? grpc::Status::OK : NoJob(request->id());
  }

  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                        v1::ListJobsResponse* response) override {
    Find(kJob, response->add_jobs());
    Find(kFailedJob, response->add_jobs());
    return record_.CurrentStatus();
  }

  grpc::Status GetReport(grpc::ServerContext*,
                         const v1::GetReportRequest* request,
                         v1::GetReportResponse* response) override {
    response->set_model_name("doubler_int8");
    response->set_model_version("7");
    response->set_contents(absl::StrCat(
        "report of job '", request->job_id(), "', model '",
        request->model_name(), "' version '", request->model_version(), "' as ",
        v1::ReportFormat_Name(request->format()), "\n"));
    return record_.CurrentStatus();
  }

 private:
  static constexpr char kJob[] = "00000000000000aa";
  static constexpr char kFailedJob[] = "00000000000000ff";

  static grpc::Status NoJob(const std::string& id) {
    return {grpc::StatusCode::NOT_FOUND, absl::StrCat("no job '", id, "'")};
  }

  // One job that succeeded and one that failed.
  static bool Find(const std::string& id, v1::Job* job) {
    job->set_id(id);
    job->mutable_settings()->set_model_name("doubler");
    job->mutable_progress()->set_phase("calibrate");
    job->mutable_progress()->set_done(3);
    job->mutable_progress()->set_total(3);
    if (id == kJob) {
      job->set_state(v1::JOB_STATE_SUCCEEDED);
      job->mutable_result()->set_model_name("doubler_int8");
      job->mutable_result()->set_model_version("7");
      job->set_report_json("{\"method\":\"linear\"}");
    } else if (id == kFailedJob) {
      job->set_state(v1::JOB_STATE_FAILED);
      job->set_error_code(grpc::StatusCode::UNIMPLEMENTED);
      job->set_error_message("no operator 'Foo'");
    }
    return id == kJob || id == kFailedJob;
  }

  Record& record_;
};

RecordingServer::RecordingServer(int port, int max_receive_bytes)
    : inference_(std::make_unique<Inference>(&record_)),
      quantization_(std::make_unique<Quantization>(&record_)) {
  grpc::ServerBuilder builder;
  grpc::EnableDefaultHealthCheckService(true);
  builder.SetMaxReceiveMessageSize(max_receive_bytes);
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", port),
                           grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(inference_.get());
  builder.RegisterService(quantization_.get());
  server_ = builder.BuildAndStart();
}

RecordingServer::~RecordingServer() {
  {
    absl::MutexLock lock(&record_.mutex);
    record_.stalled = false;
  }
  if (server_ != nullptr) {
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
  }
}

std::string RecordingServer::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void RecordingServer::FailWith(grpc::Status status) {
  absl::MutexLock lock(&record_.mutex);
  record_.status = std::move(status);
}

void RecordingServer::SetHealthy(bool healthy) {
  server_->GetHealthCheckService()->SetServingStatus(healthy);
}

void RecordingServer::FailNext(int count, grpc::Status status,
                               const std::string& pushback) {
  absl::MutexLock lock(&record_.mutex);
  record_.failures_left = count;
  record_.failure = std::move(status);
  record_.pushback = pushback;
}

void RecordingServer::StallInference() {
  absl::MutexLock lock(&record_.mutex);
  record_.stalled = true;
}

void RecordingServer::AwaitInferRequests(size_t count) {
  absl::MutexLock lock(&record_.mutex);
  const auto arrived = [&]() ABSL_SHARED_LOCKS_REQUIRED(record_.mutex) {
    return record_.infer.size() >= count;
  };
  record_.mutex.Await(absl::Condition(&arrived));
}

void RecordingServer::BreakQuantizations(int count) {
  absl::MutexLock lock(&record_.mutex);
  record_.broken_quantizations = count;
}

void RecordingServer::BreakWatches(int count) {
  absl::MutexLock lock(&record_.mutex);
  record_.broken_watches = count;
}

std::string RecordingServer::authorization() const {
  absl::MutexLock lock(&record_.mutex);
  return record_.authorization;
}

std::vector<inference::RepositoryModelLoadRequest>
RecordingServer::load_requests() const {
  absl::MutexLock lock(&record_.mutex);
  return record_.load_requests;
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
