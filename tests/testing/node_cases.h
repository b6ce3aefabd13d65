// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_NODE_CASES_H_
#define OCTET_TESTS_TESTING_NODE_CASES_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/ir/op.h"
#include "tests/testing/single_node.h"

// Nodes that backends are compared on, with random data of a fixed seed.
namespace octet {

// A channels-last convolution.
struct ConvCase {
  std::string name;  // letters and digits
  Shape input;       // [N, spatial..., C]
  int64_t out_channels = 1;
  ir::Window window;
  int64_t groups = 1;
  bool has_bias = true;
  bool has_residual = false;
  ir::Activation activation;
};

std::ostream& operator<<(std::ostream& out, const ConvCase& test);

// Groups, depthwise, strides, dilation, asymmetric padding, bias, residual,
// clamps, over one and two axes, and (`three_axes`) three.
std::vector<ConvCase> ConvCases(bool three_axes);

// Types of an integer Conv or MatMul. Scales are chosen so that results fill
// the output's range.
struct IntegerTypes {
  DType input = DType::kUInt8;
  int32_t input_zero_point = 0;
  DType output = DType::kUInt8;  // or float32
  int32_t output_zero_point = 0;
  bool per_channel = true;
  // Weights are weight_step times an integer of at most this magnitude.
  int largest_weight = 127;
  int weight_step = 1;
};

// u8 and s8, with and without zero points, float32 out, per tensor.
std::vector<IntegerTypes> IntegerTypeCases(int largest_weight = 127,
                                           int weight_step = 1);
std::string Describe(const IntegerTypes& types);

SingleNode FloatConv(const ConvCase& test, uint32_t seed);
SingleNode IntegerConv(const ConvCase& test, const IntegerTypes& types,
                       uint32_t seed);

struct MatMulCase {
  Shape a;  // [..., M, K]
  int64_t columns = 1;
  bool transpose_b = false;
  bool has_bias = true;
  ir::Activation activation;
};

std::vector<MatMulCase> MatMulCases();

SingleNode FloatMatMul(const MatMulCase& test, uint32_t seed);
SingleNode IntegerMatMul(const MatMulCase& test, const IntegerTypes& types,
                         uint32_t seed);

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_NODE_CASES_H_
