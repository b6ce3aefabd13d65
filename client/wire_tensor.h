// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_WIRE_TENSOR_H_
#define OCTET_CLIENT_WIRE_TENSOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/inference.h"
#include "engine/base/dtype.h"
#include "engine/base/tensor.h"
#include "proto/inference.pb.h"

// Tensors as the inference protocol carries them: a name, a datatype, a shape,
// and raw bytes, row-major and little-endian.
namespace octet::client {

// The protocol's name of an element type: "FP32" for kFloat32.
absl::string_view Datatype(DType dtype);

// The element type of a name. UNIMPLEMENTED for "BYTES" and unknown names.
absl::StatusOr<DType> ParseDatatype(absl::string_view datatype);

// The message of a request; elements go into raw_input_contents.
// INVALID_ARGUMENT    an input's bytes do not fit its shape.
// RESOURCE_EXHAUSTED  inputs of more than `max_bytes`.
absl::StatusOr<inference::ModelInferRequest> MakeMessage(
    const InferRequest& request, int64_t max_bytes);

// What an answer says. Errors as ReadOutputs().
absl::StatusOr<InferResult> ReadResult(
    const inference::ModelInferResponse& response);

// The outputs of `response`, in its order.
// INTERNAL when shapes and bytes do not fit together; UNIMPLEMENTED for
// outputs that came as typed contents or have a datatype that octet has not.
absl::StatusOr<std::vector<NamedTensor>> ReadOutputs(
    const inference::ModelInferResponse& response);

}  // namespace octet::client

#endif  // OCTET_CLIENT_WIRE_TENSOR_H_
