// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_TENSOR_CODEC_H_
#define OCTET_SERVER_API_TENSOR_CODEC_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/base/tensor.h"
#include "proto/inference.pb.h"
#include "server/api/request_parameters.h"
#include "server/api/shared_memory.h"
#include "server/models/loaded_model.h"

namespace octet {

// How much one request may hold.
struct RequestLimits {
  int64_t max_rows = 1024;
  int64_t max_bytes = int64_t{256} << 20;  // inputs and outputs together
  int64_t label_bytes = 0;  // that the label of a class adds to its text
};

// A request that fits its model, as pointers into the request where its bytes
// are usable as they are.
struct DecodedRequest {
  int64_t rows = 0;
  int64_t bytes = 0;  // of the inputs and the outputs
  // One an input of the model, in its order, each with
  // rows x inputs()[i].row_bytes() bytes.
  absl::InlinedVector<const void*, 4> inputs;
  // The wanted outputs as indices into outputs(), in the order of the answer.
  absl::InlinedVector<int, 4> outputs;
  // What is said of each of `outputs`; those behind the end: nothing.
  std::vector<TensorParameters> output_parameters;
  // With dynamic shapes: the inputs as whole tensors, instead of `inputs`.
  std::vector<Tensor> whole_inputs;
  // Memory of inputs that came in a wider type than the model's, and of those
  // that came in shared memory.
  std::vector<std::string> converted;
  std::vector<std::unique_ptr<char[]>> copies;
};

// Checks every tensor of `request` against the signature of `model`. The
// result points into `request`, which must outlive it.
//   INVALID_ARGUMENT  what is wrong: which tensor, what came, what is expected
//   others            as SharedMemoryRegions::Find() and
//                     SharedMemoryRegion::Read()
absl::StatusOr<DecodedRequest> DecodeRequest(
    const inference::ModelInferRequest& request, const Model& model,
    const RequestLimits& limits, const SharedMemoryRegions& regions);

}  // namespace octet

#endif  // OCTET_SERVER_API_TENSOR_CODEC_H_
