// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_INPUT_FILES_H_
#define OCTET_ENGINE_IO_INPUT_FILES_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/io/model_rows.h"

// Files that users have, as a model's inputs.
namespace octet::io {

// Asks for the model's inputs; called at most once, and only where the files
// do not say everything.
using AskInputs = std::function<absl::StatusOr<std::vector<RowInput>>()>;

// Reads `arguments`, each NAME=FILE or, where the model has one input, FILE:
//   .npy                 rows of the input
//   .npz                 rows of the input, or of all inputs where no NAME is
//                        given: its arrays are called as the inputs are
//   .png .jpg .jpeg      one row
//   .wav                 one row
//   a folder             its pictures and sounds, a row each, by name
// An input named several times gets all rows, in order.
// INVALID_ARGUMENT for files of another kind, and rows that do not fit
// together; otherwise as the readers of this folder.
absl::StatusOr<std::vector<NamedTensor>> ReadInputFiles(
    absl::Span<const std::string> arguments, const RowForm& form,
    const AskInputs& ask);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_INPUT_FILES_H_
