// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_CLIENT_RECORDING_SERVER_H_
#define OCTET_TESTS_CLIENT_RECORDING_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "proto/inference.grpc.pb.h"
#include "proto/octet/v1/quantization.grpc.pb.h"

namespace octet::client {

// A small server of octet's protocol on a free port of 127.0.0.1, for tests of
// the client. It keeps what it was sent. Its models:
//   doubler  version 3, input x FP32 [-1, 2], output y = 2 x: batches
//   whole    version 1, the same with input [2, 2]: does not batch
//   broken   UNAVAILABLE, "no such operator"
// Thread-safe.
class RecordingServer {
 public:
  // `port` 0 takes a free one; `max_receive_bytes` bounds a message.
  explicit RecordingServer(int port = 0, int max_receive_bytes = 4 << 20);
  ~RecordingServer();

  std::string address() const;
  int port() const { return port_; }

  // What grpc.health.v1 says; true at the start.
  void SetHealthy(bool healthy);

  // The next `count` calls are answered with `status`, with this
  // grpc-retry-pushback-ms where it is not empty.
  void FailNext(int count, grpc::Status status, const std::string& pushback);

  // Later calls of ModelInfer are not answered before this is destroyed.
  void StallInference();

  // Waits until so many calls of ModelInfer have arrived.
  void AwaitInferRequests(size_t count);

  // The next `count` calls of WatchJob break off after their first news.
  void BreakWatches(int count);

  // The same of Quantize.
  void BreakQuantizations(int count);

  // The authorization of the last ModelInfer.
  std::string authorization() const;

  std::vector<inference::RepositoryModelLoadRequest> load_requests() const;

  // Every later call is answered with this, until it is OK again.
  void FailWith(grpc::Status status);

  // Later answers to ModelInfer lack the last byte of their output.
  void CutOutputs();

  // All inference requests and calibration messages so far.
  std::vector<inference::ModelInferRequest> infer_requests() const;
  std::vector<v1::QuantizeRequest> quantize_requests() const;
  std::vector<std::string> loads() const;
  std::vector<std::string> unloads() const;

 private:
  class Inference;
  class Quantization;

  struct Record {
    mutable absl::Mutex mutex;
    grpc::Status status ABSL_GUARDED_BY(mutex);
    bool cut_outputs ABSL_GUARDED_BY(mutex) = false;
    std::vector<inference::ModelInferRequest> infer ABSL_GUARDED_BY(mutex);
    std::vector<v1::QuantizeRequest> quantize ABSL_GUARDED_BY(mutex);
    std::vector<std::string> loads ABSL_GUARDED_BY(mutex);
    std::vector<std::string> unloads ABSL_GUARDED_BY(mutex);

    int failures_left ABSL_GUARDED_BY(mutex) = 0;
    grpc::Status failure ABSL_GUARDED_BY(mutex);
    std::string pushback ABSL_GUARDED_BY(mutex);
    bool stalled ABSL_GUARDED_BY(mutex) = false;
    int broken_watches ABSL_GUARDED_BY(mutex) = 0;
    int broken_quantizations ABSL_GUARDED_BY(mutex) = 0;
    std::string authorization ABSL_GUARDED_BY(mutex);
    std::vector<inference::RepositoryModelLoadRequest> load_requests
        ABSL_GUARDED_BY(mutex);

    grpc::Status CurrentStatus() const;

    // The status of a call that is failed as FailNext() asked for.
    grpc::Status NextStatus(grpc::ServerContext* context)
        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  };

  Record record_;
  std::unique_ptr<Inference> inference_;
  std::unique_ptr<Quantization> quantization_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace octet::client

#endif  // OCTET_TESTS_CLIENT_RECORDING_SERVER_H_
