// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_ENGINE_TOOLS_TINY_MODELS_H_
#define OCTET_TESTS_ENGINE_TOOLS_TINY_MODELS_H_

#include <cstdint>
#include <string>
#include <vector>

// ONNX files for tests, as their bytes, and tensors to run them on.
namespace octet::tools {

// y = relu(x W + b): x float32 [N, 3], y float32 [N, 2] with
// W = [[1, 0], [0, 1], [1, -1]] and b = [0, bias].
std::string LinearModel(float bias = 0.5);

// LinearModel() whose input is called "in/x:0" and output "out/y:0".
std::string LinearModelWithOddNames();

// sum = a + b, all float32 [N, 2].
std::string SumModel();

// y = x above x: x float32 [2, 3], y [4, 3]. Its rows are not independent.
std::string StackModel();

// A node of an operator that no one has.
std::string UnknownOperatorModel();

// A serialized TensorProto.
std::string FloatTensorProto(const std::string& name,
                             const std::vector<int64_t>& shape,
                             const std::vector<float>& values);

}  // namespace octet::tools

#endif  // OCTET_TESTS_ENGINE_TOOLS_TINY_MODELS_H_
