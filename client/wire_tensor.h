// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_WIRE_TENSOR_H_
#define OCTET_CLIENT_WIRE_TENSOR_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
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

// Adds `input` to `request` with its elements in raw_input_contents.
void AddInput(const NamedTensor& input, inference::ModelInferRequest* request);

// The outputs of `response`, in its order.
// INTERNAL when shapes and bytes do not fit together; UNIMPLEMENTED for
// outputs that came as typed contents or have a datatype that octet has not.
absl::StatusOr<std::vector<NamedTensor>> ReadOutputs(
    const inference::ModelInferResponse& response);

}  // namespace octet::client

#endif  // OCTET_CLIENT_WIRE_TENSOR_H_
