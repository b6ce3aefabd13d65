// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_INPUT_FILES_H_
#define OCTET_ENGINE_IO_INPUT_FILES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/io/input_arguments.h"
#include "engine/io/model_rows.h"

// Files that users have, as a model's inputs.
namespace octet::io {

// Reads `arguments` (input_arguments.h says what they may be) into memory;
// sample_files.h leaves them on disk.
// INVALID_ARGUMENT also for rows that do not fit together.
absl::StatusOr<std::vector<NamedTensor>> ReadInputFiles(
    absl::Span<const std::string> arguments, const RowForm& form,
    const AskInputs& ask);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_INPUT_FILES_H_
