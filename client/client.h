// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLIENT_H_
#define OCTET_CLIENT_CLIENT_H_

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/client_options.h"
#include "client/inference.h"
#include "client/quantization.h"
#include "engine/base/tensor.h"
#include "proto/inference.pb.h"
#include "proto/octet/v1/quantization.pb.h"
#include "proto/octet/v1/server.pb.h"

namespace octet::client {

// The payload of errors that come out of a call: the call's name.
inline constexpr char kCallPayload[] = "octet.client/call";

// A model to load, and files to send along.
struct LoadRequest {
  std::string model;

  // The model's configuration as JSON (inference.ModelConfig), instead of the
  // repository's config.pbtxt until the next load; empty means that one.
  std::string config = {};

  // Whole versions that the server adds to its repository first, or replaces:
  // files by their paths below the model's folder, "1/model.onnx". They need
  // `config`.
  std::vector<std::pair<std::string, std::string>> files = {};
};

// Connections to an octet server, or to several replicas of one, or to any
// other server of the Open Inference Protocol with Triton's extensions.
//
//   OCTET_ASSIGN_OR_RETURN(auto client, Client::Create({{"host:8001"}}));
//   OCTET_ASSIGN_OR_RETURN(
//       auto result, client->Infer({"resnet20", ""}, {{"input", pixels}}));
//
// Each replica has one connection for all calls, made when it is first needed
// and made again when it is lost. Calls block, but for InferAsync(). With
// several replicas a call goes to any one of them: load and quantize with a
// client of each.
//
// Thread-safe. Errors of a call carry the server's code and words, say which
// call to which addresses they come from, and have the payload kCallPayload;
// besides the server's own:
//   UNAVAILABLE         "cannot connect to ...": nobody answers there, or no
//                       replica is healthy.
//   DEADLINE_EXCEEDED   `timeout` has passed.
//   RESOURCE_EXHAUSTED  a message is larger than one side takes; the words
//                       name the option or the server's flag.
class Client {
 public:
  // Reads the files of `options.tls`; does not connect yet. Errors as
  // CheckOptions() and CreateChannel().
  static absl::StatusOr<std::unique_ptr<Client>> Create(
      const ClientOptions& options);

  // Ends calls of InferAsync() that are under way with CANCELLED, and waits
  // until their callbacks have returned.
  virtual ~Client() = default;

  // A client on the same connections whose calls may take `timeout`.
  // REQUIRES: timeout > 0; absl::InfiniteDuration() is allowed.
  virtual std::unique_ptr<Client> WithTimeout(absl::Duration timeout) = 0;

  virtual absl::StatusOr<bool> ServerLive() = 0;
  virtual absl::StatusOr<bool> ServerReady() = 0;
  virtual absl::StatusOr<inference::ServerMetadataResponse>
  ServerMetadata() = 0;

  // The settings in force. UNIMPLEMENTED where it is not an octet-server.
  virtual absl::StatusOr<v1::ConfigurationResponse> Configuration() = 0;

  // NOT_FOUND for an unknown model or version.
  virtual absl::StatusOr<inference::ModelMetadataResponse> ModelMetadata(
      const ModelId& model) = 0;
  virtual absl::StatusOr<inference::ModelConfigResponse> ModelConfig(
      const ModelId& model) = 0;

  // Counts and times since the start; an empty name means all models.
  virtual absl::StatusOr<inference::ModelStatisticsResponse> ModelStatistics(
      const ModelId& model) = 0;

  // Every version of every model in the repository, loaded or not.
  virtual absl::StatusOr<inference::RepositoryIndexResponse>
  RepositoryIndex() = 0;

  // Returns when the model is ready.
  virtual absl::Status LoadModel(const LoadRequest& request) = 0;

  // Takes the model out of service; its files stay.
  virtual absl::Status UnloadModel(absl::string_view name) = 0;

  // Runs a model once. INVALID_ARGUMENT for inputs whose bytes do not fit
  // their shape; RESOURCE_EXHAUSTED for more than max_send_bytes.
  virtual absl::StatusOr<InferResult> Infer(const InferRequest& request) = 0;
  absl::StatusOr<InferResult> Infer(const ModelId& model,
                                    absl::Span<const NamedTensor> inputs);

  // Told of the end of one call of InferAsync(), on a thread of the client's.
  // It must not block for long, nor destroy the client.
  using InferCallback = std::function<void(absl::StatusOr<InferResult>)>;

  // Infer() without waiting. `done` is called exactly once, maybe before this
  // returns; the request may go as soon as it has.
  virtual void InferAsync(const InferRequest& request, InferCallback done) = 0;
  std::future<absl::StatusOr<InferResult>> InferAsync(
      const InferRequest& request);

  // A stream without a deadline, which may outlive the client.
  virtual absl::StatusOr<std::unique_ptr<InferStream>> StartInferStream() = 0;

  // Makes an int8 version of a float model, and waits for it. A connection
  // that is lost cancels the work unless `work.settings` detaches it.
  // `observer` may be null. INVALID_ARGUMENT when `work` contradicts itself.
  virtual absl::StatusOr<v1::QuantizeResult> Quantize(
      const QuantizationWork& work, const QuantizeObserver& observer) = 0;

  // The same as a job that needs no connection: returns once it is handed in.
  // `observer` hears of the sending alone.
  virtual absl::StatusOr<v1::Job> SubmitJob(
      const QuantizationWork& work, const QuantizeObserver& observer) = 0;

  // Follows a job to its end and returns it as it then is, whether it
  // succeeded or not. A connection that is lost is made again for up to a
  // minute without news. `observer` may be null.
  // NOT_FOUND for an unknown job, or one that ended too long ago.
  virtual absl::StatusOr<v1::Job> WatchJob(absl::string_view id,
                                           const JobObserver& observer) = 0;

  // A job as it is now. NOT_FOUND as WatchJob().
  virtual absl::StatusOr<v1::Job> GetJob(absl::string_view id) = 0;

  // Cancels a job that has not ended; the job as it then is.
  virtual absl::StatusOr<v1::Job> CancelJob(absl::string_view id) = 0;

  // The jobs that the server knows, newest first.
  virtual absl::StatusOr<v1::ListJobsResponse> ListJobs(
      const v1::ListJobsRequest& request) = 0;

  // How a version of the repository was made. NOT_FOUND where no job made it.
  virtual absl::StatusOr<v1::GetHistoryResponse> GetHistory(
      const ModelId& model) = 0;

  // The report of a version, or of the one that a job has published. NOT_FOUND
  // where there is none.
  virtual absl::StatusOr<v1::GetReportResponse> GetReport(
      const v1::GetReportRequest& request) = 0;
};

}  // namespace octet::client

#endif  // OCTET_CLIENT_CLIENT_H_
