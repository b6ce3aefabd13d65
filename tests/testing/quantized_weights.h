// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_QUANTIZED_WEIGHTS_H_
#define OCTET_TESTS_TESTING_QUANTIZED_WEIGHTS_H_

#include <string>

#include "tests/testing/graph_builder.h"

namespace octet {

// Random int8 weights behind a Dequantize, a scale for each index of `axis`.
ir::ValueId QuantizedWeights(GraphBuilder& b, const std::string& name,
                             const Shape& shape, int axis);

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_QUANTIZED_WEIGHTS_H_
