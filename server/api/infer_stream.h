// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_INFER_STREAM_H_
#define OCTET_SERVER_API_INFER_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "proto/inference.pb.h"
#include "server/api/api_context.h"

namespace octet {

// The ModelStreamInfer calls of a server.
//
// Each request of a stream is one request as ModelInfer takes it, answered by
// one message as soon as it is computed: answers carry the request's id, and
// overtake each other. An answer's parameter "triton_final_response" is true.
// A request that fails is answered with error_message, "CODE_NAME: what is
// wrong", and its id; the stream goes on.
//
// A stream has kMaxInFlight requests, or RequestLimits::max_bytes, under way at
// most, answers that the client has not taken included; no further message is
// read until one is taken, and the client's Write() waits. When the client
// closes its side, what is under way is finished, and the stream ends with OK.
// When it leaves, what waits is dropped.
//
// Thread-safe.
class InferStreams {
 public:
  using Reactor = grpc::ServerBidiReactor<inference::ModelInferRequest,
                                          inference::ModelStreamInferResponse>;

  static constexpr int kMaxInFlight = 64;

  // `api` must outlive the streams.
  explicit InferStreams(const ApiContext* api) : api_(*api) {}
  ~InferStreams();

  // A new stream, owned here until gRPC is done with it.
  Reactor* Open(grpc::CallbackServerContext* context);

  // Reads nothing more, now and of streams to come: each ends with UNAVAILABLE
  // once what it has under way is answered.
  void EndAll();

 private:
  class Stream;
  class Exchange;

  void Forget(const Stream* stream);

  const ApiContext& api_;

  absl::Mutex mutex_;
  absl::flat_hash_map<const Stream*, std::shared_ptr<Stream>> streams_
      ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace octet

#endif  // OCTET_SERVER_API_INFER_STREAM_H_
