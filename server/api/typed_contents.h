// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_TYPED_CONTENTS_H_
#define OCTET_SERVER_API_TYPED_CONTENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/inference.pb.h"
#include "server/models/loaded_model.h"

namespace octet {

// Whether `input` carries elements in its `contents`.
bool HasContents(const inference::ModelInferRequest::InferInputTensor& input);

// The elements of `input`, whose datatype is that of `spec`, from its typed
// contents: in place where their field has the type's own width, else converted
// into memory that is added to `converted`. Null for a tensor without elements.
// INVALID_ARGUMENT for another field than the type's, another number of
// elements than `rows` rows have, values that do not fit the type, and half
// types, which travel raw only.
absl::StatusOr<const void*> DecodeTyped(
    const inference::ModelInferRequest::InferInputTensor& input,
    const TensorSpec& spec, int64_t rows, std::vector<std::string>* converted);

}  // namespace octet

#endif  // OCTET_SERVER_API_TYPED_CONTENTS_H_
