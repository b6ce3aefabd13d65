// SPDX-License-Identifier: Apache-2.0
#include "engine/plan/weight_cache.h"

#include <optional>
#include <string>
#include <utility>

#include "engine/base/tensor.h"
#include "engine/ir/graph.h"
#include "gtest/gtest.h"

namespace octet::plan {
namespace {

// Two products of x and w, both called "same".
ir::Graph TwoProducts(const Shape& weights) {
  ir::Graph graph;
  const ir::TensorType x{DType::kFloat32, ir::FixedDims({4, 4}), std::nullopt};
  const ir::ValueId input = graph.AddValue({"x", x, std::nullopt});
  graph.mutable_inputs().push_back(input);
  const ir::ValueId w =
      graph.AddConstant("w", Tensor(DType::kFloat32, weights));
  ir::MatMul transposed;
  transposed.transpose_b = true;
  const ir::ValueId y = graph.AddNode("same", transposed, {input, w}, "y", x);
  graph.AddNode("same", ir::MatMul(), {y, w}, "z", x);
  return graph;
}

TEST(WeightCacheTest, NodesOfOneNameHaveKeysOfTheirOwn) {
  const ir::Graph graph = TwoProducts({4, 4});
  for (const auto keys :
       {WeightCache::Keys::kByName, WeightCache::Keys::kByContent}) {
    const WeightCache cache(keys);
    EXPECT_NE(cache.KeyOf(graph, graph.nodes()[0]),
              cache.KeyOf(graph, graph.nodes()[1]));
  }
}

TEST(WeightCacheTest, EqualBytesOfAnotherShapeHaveAnotherKey) {
  const WeightCache cache(WeightCache::Keys::kByContent);
  const ir::Graph a = TwoProducts({4, 4});
  const ir::Graph b = TwoProducts({2, 8});
  EXPECT_NE(cache.KeyOf(a, a.nodes()[0]), cache.KeyOf(b, b.nodes()[0]));
}

TEST(WeightCacheTest, PlansOfOneGraphShareKeys) {
  const WeightCache cache;
  const ir::Graph graph = TwoProducts({4, 4});
  const ir::Graph same = graph.WithRows(2);
  EXPECT_EQ(cache.KeyOf(graph, graph.nodes()[0]),
            cache.KeyOf(same, same.nodes()[0]));
}

}  // namespace
}  // namespace octet::plan
