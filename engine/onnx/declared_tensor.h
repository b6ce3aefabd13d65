// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_DECLARED_TENSOR_H_
#define OCTET_ENGINE_ONNX_DECLARED_TENSOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/dtype.h"

namespace octet::onnx {

// An input or output as the file declares it.
struct DeclaredTensor {
  std::string name;
  DType dtype = DType::kFloat32;
  // nullopt: a symbol.
  std::vector<std::optional<int64_t>> dims;
  // Whether one of the symbols is written as 0, which may be meant.
  bool writes_zero = false;
};

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_DECLARED_TENSOR_H_
