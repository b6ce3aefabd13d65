// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_INTEGER_LIST_H_
#define OCTET_ENGINE_ONNX_INTEGER_LIST_H_

#include <optional>

#include "engine/base/dtype.h"
#include "engine/base/tensor.h"
#include "engine/ir/tensor_type.h"

namespace octet::onnx {

// Integers that shapes are made of, known but for the number of rows: a tensor
// of at most one axis whose elements are numbers, or numbers times the rows.
struct IntegerList {
  ir::Dims values;
  bool scalar = false;
  DType dtype = DType::kInt64;  // or kInt32
};

// A tensor as a list; nullopt where it is none, or longer than shapes are.
std::optional<IntegerList> AsIntegerList(const Tensor& tensor);

// The list as a tensor; nullopt where it holds rows or a value is out of the
// type's range.
std::optional<Tensor> AsTensor(const IntegerList& list);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_INTEGER_LIST_H_
