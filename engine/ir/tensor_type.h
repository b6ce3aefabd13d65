// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_TENSOR_TYPE_H_
#define OCTET_ENGINE_IR_TENSOR_TYPE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace octet::ir {

// One dimension: `value`, or `value` times the number of rows that a run
// computes together (the batch), which is not known while the graph is built.
struct Dim {
  int64_t value = 0;
  bool per_row = false;

  static Dim Fixed(int64_t value) { return {value, false}; }
  static Dim Rows(int64_t multiple = 1) { return {multiple, true}; }
  bool is_rows() const { return per_row && value == 1; }

  bool operator==(const Dim&) const = default;
};

using Dims = std::vector<Dim>;

Dims FixedDims(const Shape& shape);
bool HasRows(const Dims& dims);
// The shape for `rows` rows.
Shape ConcreteShape(const Dims& dims, int64_t rows);
// REQUIRES: !HasRows(dims).
Shape ConcreteShape(const Dims& dims);
// "[rows, 3, 224, 224]", "[2*rows, 8]".
std::string DimsToString(const Dims& dims);

// How integers stand for reals: real = scale * (q - zero_point), per tensor or,
// with one scale for each index of `axis`, per channel. Scales are > 0 and
// finite, in real units per step; zero points are in the tensor's dtype range.
// (ONNX QuantizeLinear, opset 13.)
struct Quantization {
  std::vector<float> scales;
  std::vector<int32_t> zero_points;  // as many as scales
  int axis = 0;                      // of the channels; unused per tensor

  bool per_tensor() const { return scales.size() == 1; }
  bool operator==(const Quantization&) const = default;

  static Quantization PerTensor(float scale, int32_t zero_point) {
    return {{scale}, {zero_point}, 0};
  }
};

// What flows along one edge of the graph.
struct TensorType {
  DType dtype = DType::kFloat32;
  Dims dims;
  // Present exactly on edges whose integers stand for reals.
  std::optional<Quantization> quantization;

  bool operator==(const TensorType&) const = default;
};

// "uint8[rows, 8, 8, 16] scale 0.023 zero_point 12".
std::string TypeToString(const TensorType& type);

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_TENSOR_TYPE_H_
