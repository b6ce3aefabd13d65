// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_ELEMENTS_H_
#define OCTET_ENGINE_TOOLS_ELEMENTS_H_

#include <vector>

#include "engine/base/tensor.h"

namespace octet::tools {

// The elements in row-major order, whatever their type. 64-bit integers beyond
// 2^53 are rounded.
std::vector<double> ToDoubles(const Tensor& tensor);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_ELEMENTS_H_
