// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_SINGLE_NODE_H_
#define OCTET_TESTS_TESTING_SINGLE_NODE_H_

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/check.h"
#include "engine/base/tensor.h"
#include "engine/ir/graph.h"
#include "engine/ir/op.h"
#include "engine/ir/tensor_type.h"
#include "engine/plan/step.h"

namespace octet {

// One input of a node under test. The constructors are implicit, so that
// a list of inputs reads as a list of tensors.
struct NodeInput {
  NodeInput(Tensor tensor) : tensor(std::move(tensor)) {}  // NOLINT
  NodeInput(Tensor tensor, ir::Quantization quantization)
      : tensor(std::move(tensor)), quantization(std::move(quantization)) {}

  // The same input as a constant of the graph.
  NodeInput Constant() const {
    NodeInput result = *this;
    result.constant = true;
    return result;
  }

  Tensor tensor;
  std::optional<ir::Quantization> quantization;
  bool constant = false;
};

// The dtype and quantization of an output that the node alone does not fix.
struct NodeOutput {
  DType dtype = DType::kFloat32;
  std::optional<ir::Quantization> quantization;
};

// A graph of one node with its inputs.
struct SingleNode {
  ir::Op op;
  std::vector<NodeInput> inputs;
  // Of the first output; what ir::InferTypes() says where absent.
  std::optional<NodeOutput> output;

  // The graph, verified. Inputs are named "x0", "x1", ..., the first output
  // "y", others "y1", "y2", ....
  absl::StatusOr<ir::Graph> Graph() const;
};

// The outputs of `node` as the step of `backend` computes it with `threads`
// threads. Output and scratch memory are filled with a pattern before, so that
// what a step does not write shows. Also runs the step twice and fails with
// INTERNAL if the runs differ.
absl::StatusOr<std::vector<Tensor>> RunNodeForAll(const plan::Backend& backend,
                                                  const SingleNode& node,
                                                  int threads = 1);

// The first of them.
absl::StatusOr<Tensor> RunSingleNode(const plan::Backend& backend,
                                     const SingleNode& node, int threads = 1);

// A tensor of the given shape and elements: TensorOf<uint8_t>({2}, {1, 2}).
// REQUIRES: values.size() == ElementCount(shape).
template <typename T>
Tensor TensorOf(Shape shape, const std::vector<T>& values) {
  Tensor tensor(DTypeOf<T>(), std::move(shape));
  OCTET_CHECK(static_cast<int64_t>(values.size()) == tensor.size());
  std::copy(values.begin(), values.end(), tensor.mutable_data<T>().begin());
  return tensor;
}

// The elements, for matchers. REQUIRES: T is the element type.
template <typename T>
std::vector<T> ElementsOf(const Tensor& tensor) {
  const absl::Span<const T> elements = tensor.data<T>();
  return std::vector<T>(elements.begin(), elements.end());
}

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_SINGLE_NODE_H_
