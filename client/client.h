// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLIENT_H_
#define OCTET_CLIENT_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "proto/inference.pb.h"
#include "proto/octet/v1/quantization.pb.h"

namespace octet::client {

// The payload of errors that come out of a call: the call's name.
inline constexpr char kCallPayload[] = "octet.client/call";

struct ClientOptions {
  // HOST:PORT of the server's gRPC port.
  std::string address = "127.0.0.1:8001";
  // How long one call may take, connecting included. Models that take long to
  // load or to quantize need more.
  absl::Duration timeout = absl::Seconds(60);
};

// A model of the server; an empty version means the latest one.
struct ModelId {
  std::string name;
  std::string version;
};

// What one inference gave.
struct InferResult {
  ModelId model;                     // who answered, with its version
  std::vector<NamedTensor> outputs;  // in the order of the answer
};

// OK for HOST:PORT with a port from 1 to 65535, else INVALID_ARGUMENT.
absl::Status CheckAddress(absl::string_view address);

// A connection to an octet server, or to any other server of the Open
// Inference Protocol with Triton's repository calls.
//
//   OCTET_ASSIGN_OR_RETURN(auto client, Client::Create({}));
//   OCTET_ASSIGN_OR_RETURN(
//       auto result, client->Infer({"resnet20"}, {{"input", pixels}}));
//
// One connection serves all calls, is made by the first one and made again
// when it is lost. Every call blocks and is bounded by `timeout`. The bytes
// travel unencrypted.
//
// Thread-safe. Errors of a call carry the server's code and words, say which
// call to which address they come from, and have the payload kCallPayload;
// besides the server's own:
//   UNAVAILABLE        "cannot connect to ...": nobody answers there.
//   DEADLINE_EXCEEDED  `timeout` has passed.
class Client {
 public:
  // Does not connect yet. INVALID_ARGUMENT when `address` is not HOST:PORT or
  // `timeout` is not positive.
  static absl::StatusOr<std::unique_ptr<Client>> Create(
      const ClientOptions& options);

  virtual ~Client() = default;

  virtual absl::StatusOr<bool> ServerLive() = 0;
  virtual absl::StatusOr<bool> ServerReady() = 0;
  virtual absl::StatusOr<inference::ServerMetadataResponse>
  ServerMetadata() = 0;

  // NOT_FOUND for an unknown model or version.
  virtual absl::StatusOr<inference::ModelMetadataResponse> ModelMetadata(
      const ModelId& model) = 0;

  // Every version of every model in the repository, loaded or not.
  virtual absl::StatusOr<inference::RepositoryIndexResponse>
  RepositoryIndex() = 0;

  // Returns when the model's latest version is ready.
  virtual absl::Status LoadModel(absl::string_view name) = 0;

  // Takes the model out of service; its files stay.
  virtual absl::Status UnloadModel(absl::string_view name) = 0;

  // Runs the model once. `inputs` are the model's, each with its batch axis
  // first, in any order.
  virtual absl::StatusOr<InferResult> Infer(
      const ModelId& model, absl::Span<const NamedTensor> inputs) = 0;

  // Told of each step of Quantize() on the calling thread. The phase "send"
  // counts the samples on their way; all others come from the server.
  using QuantizeObserver =
      std::function<void(const v1::QuantizeProgress& progress)>;

  // Makes an int8 version of a float model of the server's repository.
  //
  // `calibration` has one tensor a model input, of shape [samples, ...] with
  // the same number of samples, at least one. It is sent in messages of about
  // 2 MiB, or of one sample where that is larger. `observer` may be null.
  // INVALID_ARGUMENT when the tensors disagree in their number of samples.
  virtual absl::StatusOr<v1::QuantizeResult> Quantize(
      const v1::QuantizeSettings& settings,
      absl::Span<const NamedTensor> calibration,
      const QuantizeObserver& observer) = 0;
};

}  // namespace octet::client

#endif  // OCTET_CLIENT_CLIENT_H_
