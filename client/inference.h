// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_INFERENCE_H_
#define OCTET_CLIENT_INFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/tensor.h"

// What goes into an inference and what comes out of it.
namespace octet::client {

// A model of the server; an empty version means the latest one that serves.
struct ModelId {
  std::string name;
  std::string version;
};

// One input of a request: elements that lie somewhere else, row-major and
// little-endian. They must stay there until the call that takes the request
// has returned, and are copied once, into the message.
struct InputView {
  InputView() = default;

  // The bytes of `tensor`, which must outlive this.
  InputView(const NamedTensor& tensor)  // NOLINT(google-explicit-constructor)
      : name(tensor.name),
        dtype(tensor.tensor.dtype()),
        shape(tensor.tensor.shape()),
        bytes(tensor.tensor.bytes(), tensor.tensor.byte_size()) {}

  // The elements of a caller's array. T is the C++ type of a DType.
  template <typename T>
  static InputView Of(std::string name, Shape shape,
                      absl::Span<const T> elements) {
    InputView view;
    view.name = std::move(name);
    view.dtype = DTypeOf<T>();
    view.shape = std::move(shape);
    view.bytes = {reinterpret_cast<const std::byte*>(elements.data()),
                  elements.size() * sizeof(T)};
    return view;
  }

  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;
  absl::Span<const std::byte> bytes;
};

struct InferRequest {
  ModelId model;

  // The model's inputs, each with its batch axis first, in any order.
  std::vector<InputView> inputs;

  // Names of the outputs to send back; empty means all.
  std::vector<std::string> outputs;

  // Comes back with the answer.
  std::string id;

  // 1 is the highest; 0 means the model's default.
  uint64_t priority = 0;

  // Longest time to wait in the server's queue, microseconds resolution; zero
  // means the call's own deadline.
  absl::Duration queue_timeout;

  // Deadline of this call; zero means the client's timeout. Not for requests
  // of a stream.
  absl::Duration timeout;
};

// What one inference gave.
struct InferResult {
  ModelId model;                     // who answered, with its version
  std::string id;                    // the request's
  std::vector<NamedTensor> outputs;  // in the order of the answer
};

// One answer of a stream.
struct StreamAnswer {
  std::string id;  // the request's
  // Its result, or UNKNOWN with the server's words about this request alone.
  absl::StatusOr<InferResult> result = absl::UnknownError("no answer yet");
};

// Many inferences over one call, answered in the order in which they end;
// `id` tells which is which.
//
//   OCTET_ASSIGN_OR_RETURN(auto stream, client->StartInferStream());
//   OCTET_RETURN_IF_ERROR(stream->Write(request));   // any number of times
//   stream->WritesDone();
//   StreamAnswer answer;
//   while (stream->Read(&answer)) Use(answer);
//   return stream->Finish();
//
// One thread may write while another one reads; otherwise thread-compatible.
// Whoever writes much reads meanwhile: a server stops taking requests of a
// caller that leaves its answers lying.
class InferStream {
 public:
  // Cancels what has not been answered.
  virtual ~InferStream() = default;

  // Sends a request; blocks while the connection takes no more.
  // INVALID_ARGUMENT for inputs whose bytes do not fit their shape;
  // RESOURCE_EXHAUSTED for more than ClientOptions::max_send_bytes; both leave
  // the stream as it was. UNAVAILABLE: the stream has ended, Finish() says why.
  virtual absl::Status Write(const InferRequest& request) = 0;

  // No more requests will come.
  virtual void WritesDone() = 0;

  // Waits for the next answer; false when there will be none.
  virtual bool Read(StreamAnswer* answer) = 0;

  // How the call ended. Call it once, after Read() returned false.
  virtual absl::Status Finish() = 0;

  // Ends the call as soon as possible. Any thread may call it.
  virtual void Cancel() = 0;
};

}  // namespace octet::client

#endif  // OCTET_CLIENT_INFERENCE_H_
