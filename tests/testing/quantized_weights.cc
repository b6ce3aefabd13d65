// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/quantized_weights.h"

namespace octet {

ir::ValueId QuantizedWeights(GraphBuilder& b, const std::string& name,
                             const Shape& shape, int axis) {
  ir::Quantization quantization;
  for (int64_t c = 0; c < shape[axis]; ++c) {
    quantization.scales.push_back(0.01f + 0.002f * static_cast<float>(c));
    quantization.zero_points.push_back(0);
  }
  quantization.axis = axis;
  const ir::ValueId q = b.Constant(
      name, RandomIntegers(DType::kInt8, shape, 21, -127, 127), quantization);
  return b.Node(name + "_real", ir::Dequantize{}, {q});
}

}  // namespace octet
