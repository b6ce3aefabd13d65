// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_RANDOM_INPUT_H_
#define OCTET_ENGINE_TOOLS_RANDOM_INPUT_H_

#include <cstdint>

#include "engine/base/tensor.h"
#include "engine/engine.h"

namespace octet::tools {

// [rows, row_shape...] of an input, the same for the same seed on every
// machine: floats in [-1, 1), 8 and 16-bit integers of any value, wider
// integers and bools 0 or 1, since those are often indices or lengths.
Tensor RandomRows(const TensorSpec& spec, int64_t rows, uint64_t seed);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_RANDOM_INPUT_H_
