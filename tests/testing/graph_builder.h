// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_TESTING_GRAPH_BUILDER_H_
#define OCTET_TESTS_TESTING_GRAPH_BUILDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/tensor.h"
#include "engine/ir/graph.h"
#include "engine/ir/op.h"
#include "engine/ir/tensor_type.h"
#include "engine/plan/step.h"
#include "tests/testing/not_finite.h"

namespace octet {

// A graph under test, one line per node. Types come from ir::InferType();
// what does not type-check aborts the test, for it is the test that is wrong.
class GraphBuilder {
 public:
  ir::ValueId Input(const std::string& name, ir::Dims dims,
                    DType dtype = DType::kFloat32);
  ir::ValueId Input(const std::string& name, ir::TensorType type);
  ir::ValueId Constant(
      const std::string& name, Tensor tensor,
      std::optional<ir::Quantization> quantization = std::nullopt);
  // A node called "`name`_node" that computes the value `name`, which is
  // returned, and "`name`_1", ... where it has more outputs.
  ir::ValueId Node(const std::string& name, ir::Op op,
                   std::vector<ir::ValueId> inputs);
  // The same where the output's dtype and quantization are the node's choice.
  ir::ValueId Node(const std::string& name, ir::Op op,
                   std::vector<ir::ValueId> inputs, DType dtype,
                   std::optional<ir::Quantization> quantization);
  // A Quantize behind `x` and a Dequantize behind that; the latter's value.
  ir::ValueId QuantizePair(const std::string& name, ir::ValueId x, DType dtype,
                           float scale, int32_t zero_point);
  void Output(ir::ValueId id) { graph_.mutable_outputs().push_back(id); }

  const ir::Graph& graph() const { return graph_; }
  // The graph, verified.
  ir::Graph Build() const;

 private:
  ir::Graph graph_;
};

inline constexpr ir::Activation kRelu{0.0f, kInfinity};

// Leading rows, then fixed dimensions: RowsAnd({3, 8, 8}).
ir::Dims RowsAnd(const Shape& rest);

// A window of `kernel` with the same stride and padding along each axis.
ir::Window WindowOf(std::vector<int64_t> kernel, int64_t stride = 1,
                    int64_t pad = 0);

// Runs `graph` (rows fixed) node by node on steps of `backend`, every value in
// memory of its own. `inputs` in the order of the graph's.
absl::StatusOr<std::vector<Tensor>> Interpret(const ir::Graph& graph,
                                              const plan::Backend& backend,
                                              const std::vector<Tensor>& inputs,
                                              int threads = 1);

// How many nodes of `graph` are called `op` in dumps.
int CountOps(const ir::Graph& graph, const std::string& op);

// The value called `name`; aborts where there is none.
ir::ValueId IdOf(const ir::Graph& graph, const std::string& name);

// Uniform reals of [low, high), the same for the same seed.
Tensor RandomFloats(const Shape& shape, uint32_t seed, float low = -1,
                    float high = 1);
// Uniform integers of [low, high]. REQUIRES: dtype is int8 or uint8.
Tensor RandomIntegers(DType dtype, const Shape& shape, uint32_t seed, int low,
                      int high);

}  // namespace octet

#endif  // OCTET_TESTS_TESTING_GRAPH_BUILDER_H_
