// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/reference_run.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "engine/base/check.h"
#include "engine/reference/backend.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

namespace octet {
namespace {

constexpr int64_t kRows = 2;

std::vector<Tensor> RandomInputs(const ir::Graph& graph) {
  std::vector<Tensor> inputs;
  for (ir::ValueId id : graph.inputs()) {
    OCTET_CHECK(graph.type(id).dtype == DType::kFloat32);
    inputs.push_back(RandomFloats(ir::ConcreteShape(graph.type(id).dims, kRows),
                                  static_cast<uint32_t>(100 + inputs.size()),
                                  -2, 2));
  }
  return inputs;
}

double At(const Tensor& tensor, int64_t i) {
  switch (tensor.dtype()) {
    case DType::kFloat32:
      return tensor.data<float>()[i];
    case DType::kUInt8:
      return tensor.data<uint8_t>()[i];
    case DType::kInt8:
      return tensor.data<int8_t>()[i];
    default:
      OCTET_CHECK(false);
  }
}

void ExpectClose(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.dtype(), b.dtype());
  ASSERT_EQ(a.shape(), b.shape());
  double largest = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(At(a, i)));
  }
  for (int64_t i = 0; i < a.size(); ++i) {
    ASSERT_NEAR(At(a, i), At(b, i), tolerance * largest) << "element " << i;
  }
}

}  // namespace

passes::PassContext ReferenceEvaluation() {
  return {[](const ir::Graph& graph,
             const ir::Node& node) -> absl::StatusOr<std::vector<Tensor>> {
    ir::Graph alone;
    ir::Node copy = node;
    for (ir::ValueId& id : copy.inputs) id = alone.AddValue(graph.value(id));
    for (ir::ValueId& id : copy.outputs) id = alone.AddValue(graph.value(id));
    alone.mutable_outputs() = copy.outputs;
    alone.AppendNode(std::move(copy));
    return Interpret(alone, *reference::CreateReferenceBackend(), {});
  }};
}

void ExpectSameAnswers(const ir::Graph& a, const ir::Graph& b,
                       double tolerance) {
  const auto backend = reference::CreateReferenceBackend();
  const std::vector<Tensor> inputs = RandomInputs(a);
  ASSERT_EQ(a.outputs().size(), b.outputs().size());
  for (size_t i = 0; i < a.outputs().size(); ++i) {
    EXPECT_EQ(a.value(a.outputs()[i]).name, b.value(b.outputs()[i]).name);
  }
  const auto x = Interpret(a.WithRows(kRows), *backend, inputs);
  const auto y = Interpret(b.WithRows(kRows), *backend, inputs);
  ASSERT_TRUE(x.ok()) << x.status();
  ASSERT_TRUE(y.ok()) << y.status() << "\n" << ir::DumpGraph(b);
  for (size_t i = 0; i < x->size(); ++i) {
    ExpectClose((*x)[i], (*y)[i], tolerance);
  }
}

}  // namespace octet
