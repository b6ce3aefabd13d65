// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_INPUT_RANGES_H_
#define OCTET_ENGINE_IO_INPUT_RANGES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/input_range.h"
#include "engine/io/model_rows.h"

namespace octet::io {

// What a model's inputs span, as the command line says it: `arguments` are
// NAME=MIN,MAX each; where `form` has a mean or a scale, pictures that none of
// them names span what these make of pixels from 0 to 255.
// INVALID_ARGUMENT names the flag, what it got and what it expected.
absl::StatusOr<std::vector<InputRange>> ReadInputRanges(
    absl::Span<const std::string> arguments, const RowForm& form);

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_INPUT_RANGES_H_
