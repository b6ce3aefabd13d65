// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/recognize.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "engine/passes/pass.h"
#include "engine/reference/backend.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/reference_run.h"

namespace octet::passes {
namespace {

using ir::BinaryKind;
using ir::UnaryKind;
using ir::ValueId;

// The formulas are computed in float32 with a rounding a node, the operators in
// double.
constexpr double kRoundings = 1e-5;

// One line per node, on values called after their formula.
class Formula {
 public:
  explicit Formula(ir::Dims dims) { x_ = b_.Input("x", std::move(dims)); }

  GraphBuilder& builder() { return b_; }
  ValueId x() const { return x_; }

  ValueId Number(float value) {
    return b_.Constant(Fresh(), Tensor::Of<float>({}, {value}));
  }
  ValueId Vector(int64_t length, uint32_t seed) {
    return b_.Constant(Fresh(), RandomFloats({length}, seed, 0.5f, 2));
  }
  ValueId Do(BinaryKind kind, ValueId a, ValueId b) {
    return b_.Node(Fresh(), ir::Binary{kind, {}}, {a, b});
  }
  ValueId Do(BinaryKind kind, ValueId a, float b) {
    return Do(kind, a, Number(b));
  }
  ValueId Do(UnaryKind kind, ValueId a) {
    return b_.Node(Fresh(), ir::Unary{kind, 0, 0}, {a});
  }
  ValueId Mean(ValueId a) {
    const int rank = static_cast<int>(b_.graph().type(a).dims.size());
    return b_.Node(Fresh(), ir::Reduce{ir::ReduceKind::kMean, {rank - 1}, true},
                   {a});
  }

  // The graph that computes `result` and what recognition makes of it, which
  // must compute the same.
  ir::Graph Recognized(ValueId result,
                       const std::vector<Pass>& passes = RecognitionPasses()) {
    b_.Output(result);
    const ir::Graph graph = b_.Build();
    auto recognized = RunPasses(graph, passes, ReferenceEvaluation());
    EXPECT_TRUE(recognized.ok()) << recognized.status();
    if (!recognized.ok()) return graph;
    ExpectSameAnswers(graph, *recognized, kRoundings);
    return *recognized;
  }

 private:
  std::string Fresh() { return "v" + std::to_string(next_++); }

  GraphBuilder b_;
  ValueId x_ = -1;
  int next_ = 0;
};

ir::Dims Rows(int64_t width) { return RowsAnd({5, width}); }

TEST(RecognizeTest, SiluInEitherOrder) {
  for (const bool swapped : {false, true}) {
    Formula f(Rows(8));
    const ValueId gate = f.Do(UnaryKind::kSigmoid, f.x());
    const ir::Graph graph =
        f.Recognized(swapped ? f.Do(BinaryKind::kMul, gate, f.x())
                             : f.Do(BinaryKind::kMul, f.x(), gate));
    ASSERT_EQ(graph.nodes().size(), 1u) << ir::DumpGraph(graph);
    EXPECT_EQ(CountOps(graph, "Swish"), 1);
  }
}

TEST(RecognizeTest, SwishWithAFactor) {
  Formula f(Rows(8));
  const ValueId scaled = f.Do(BinaryKind::kMul, f.x(), 1.702f);
  const ir::Graph graph = f.Recognized(
      f.Do(BinaryKind::kMul, f.x(), f.Do(UnaryKind::kSigmoid, scaled)));
  ASSERT_EQ(graph.nodes().size(), 1u) << ir::DumpGraph(graph);
  EXPECT_EQ(std::get<ir::Unary>(graph.nodes()[0].op).alpha, 1.702f);
}

TEST(RecognizeTest, GateOfAnotherValueStays) {
  Formula f(Rows(8));
  const ValueId other = f.Do(UnaryKind::kAbs, f.x());
  const ir::Graph graph = f.Recognized(
      f.Do(BinaryKind::kMul, f.x(), f.Do(UnaryKind::kSigmoid, other)));
  EXPECT_EQ(graph.nodes().size(), 3u) << ir::DumpGraph(graph);
}

TEST(RecognizeTest, MishAndHardSwish) {
  Formula mish(Rows(8));
  const ValueId soft = mish.Do(UnaryKind::kSoftplus, mish.x());
  EXPECT_EQ(CountOps(mish.Recognized(mish.Do(BinaryKind::kMul, mish.x(),
                                             mish.Do(UnaryKind::kTanh, soft))),
                     "Mish"),
            1);
  Formula hard(Rows(8));
  const ValueId sum = hard.Do(BinaryKind::kAdd, hard.x(), 3.0f);
  const ValueId gate =
      hard.builder().Node("gate", ir::Clamp{ir::Activation{0, 6}}, {sum});
  const ValueId product = hard.Do(BinaryKind::kMul, hard.x(), gate);
  EXPECT_EQ(CountOps(hard.Recognized(hard.Do(BinaryKind::kDiv, product, 6.0f)),
                     "HardSwish"),
            1);
}

TEST(RecognizeTest, GeluByErf) {
  Formula f(Rows(8));
  const ValueId erf =
      f.Do(UnaryKind::kErf, f.Do(BinaryKind::kDiv, f.x(), std::sqrt(2.0f)));
  const ValueId product =
      f.Do(BinaryKind::kMul, f.x(), f.Do(BinaryKind::kAdd, erf, 1.0f));
  const ir::Graph graph = f.Recognized(f.Do(BinaryKind::kMul, product, 0.5f));
  ASSERT_EQ(graph.nodes().size(), 1u) << ir::DumpGraph(graph);
  EXPECT_EQ(CountOps(graph, "Gelu"), 1);
}

TEST(RecognizeTest, GeluByTanh) {
  Formula f(Rows(8));
  const ValueId cube = f.Do(BinaryKind::kPow, f.x(), 3.0f);
  const ValueId inner =
      f.Do(BinaryKind::kAdd, f.x(), f.Do(BinaryKind::kMul, cube, 0.044715f));
  const ValueId tanh =
      f.Do(UnaryKind::kTanh, f.Do(BinaryKind::kMul, inner, 0.7978845608f));
  const ValueId half = f.Do(BinaryKind::kMul, f.x(), 0.5f);
  const ir::Graph graph = f.Recognized(
      f.Do(BinaryKind::kMul, half, f.Do(BinaryKind::kAdd, tanh, 1.0f)));
  ASSERT_EQ(graph.nodes().size(), 1u) << ir::DumpGraph(graph);
  EXPECT_EQ(CountOps(graph, "GeluTanh"), 1);
}

TEST(RecognizeTest, GeluWithAnotherConstantStays) {
  Formula f(Rows(8));
  const ValueId erf =
      f.Do(UnaryKind::kErf, f.Do(BinaryKind::kDiv, f.x(), 1.5f));
  const ValueId product =
      f.Do(BinaryKind::kMul, f.x(), f.Do(BinaryKind::kAdd, erf, 1.0f));
  const ir::Graph graph = f.Recognized(f.Do(BinaryKind::kMul, product, 0.5f));
  EXPECT_EQ(CountOps(graph, "Gelu"), 0) << ir::DumpGraph(graph);
}

// (x - mean) / sqrt(var + eps) * scale + bias.
TEST(RecognizeTest, LayerNormAsPyTorchWritesIt) {
  Formula f(Rows(16));
  const ValueId d = f.Do(BinaryKind::kSub, f.x(), f.Mean(f.x()));
  const ValueId variance = f.Mean(f.Do(BinaryKind::kPow, d, 2.0f));
  const ValueId deviation =
      f.Do(UnaryKind::kSqrt, f.Do(BinaryKind::kAdd, variance, 1e-5f));
  const ValueId scaled = f.Do(
      BinaryKind::kMul, f.Do(BinaryKind::kDiv, d, deviation), f.Vector(16, 1));
  const ir::Graph graph =
      f.Recognized(f.Do(BinaryKind::kAdd, scaled, f.Vector(16, 2)));
  ASSERT_EQ(graph.nodes().size(), 1u) << ir::DumpGraph(graph);
  const auto& norm = std::get<ir::LayerNorm>(graph.nodes()[0].op);
  EXPECT_TRUE(norm.subtract_mean && norm.has_scale && norm.has_bias);
  EXPECT_FLOAT_EQ(norm.epsilon, 1e-5f);
}

// Found by the fuzzer: it became a LayerNorm whose scale had too few axes.
TEST(RecognizeTest, LayerNormOverTwoAxesKeepsAScaleAlongOne) {
  Formula f(RowsAnd({3, 4}));
  ir::LayerNorm over_two_axes;
  over_two_axes.axis = 1;
  const ValueId norm = f.builder().Node("norm", over_two_axes, {f.x()});
  const ir::Graph graph =
      f.Recognized(f.Do(BinaryKind::kMul, norm, f.Vector(4, 1)));
  EXPECT_EQ(CountOps(graph, "Mul"), 1) << ir::DumpGraph(graph);
}

// x * s + (bias - mean * s), s = scale / sqrt(var + eps). Also before a model
// is quantized: the last sum is no residual one.
TEST(RecognizeTest, LayerNormAsTensorFlowWritesIt) {
  for (const auto& passes : {RecognitionPasses(), FloatPasses()}) {
    Formula f(Rows(16));
    const ValueId mean = f.Mean(f.x());
    const ValueId d = f.Do(BinaryKind::kSub, f.x(), mean);
    const ValueId variance = f.Mean(f.Do(BinaryKind::kMul, d, d));
    const ValueId deviation =
        f.Do(UnaryKind::kSqrt, f.Do(BinaryKind::kAdd, variance, 1e-3f));
    const ValueId inverse = f.Do(BinaryKind::kDiv, f.Number(1), deviation);
    const ValueId s = f.Do(BinaryKind::kMul, inverse, f.Vector(16, 1));
    const ValueId shift = f.Do(BinaryKind::kSub, f.Vector(16, 2),
                               f.Do(BinaryKind::kMul, mean, s));
    const ir::Graph graph = f.Recognized(
        f.Do(BinaryKind::kAdd, f.Do(BinaryKind::kMul, f.x(), s), shift),
        passes);
    ASSERT_EQ(graph.nodes().size(), 1u) << ir::DumpGraph(graph);
    EXPECT_EQ(CountOps(graph, "LayerNorm"), 1);
  }
}

TEST(RecognizeTest, RmsNormKeepsTheMean) {
  Formula f(Rows(16));
  const ValueId squares = f.Mean(f.Do(BinaryKind::kMul, f.x(), f.x()));
  const ValueId inverse =
      f.Do(UnaryKind::kReciprocal,
           f.Do(UnaryKind::kSqrt, f.Do(BinaryKind::kAdd, squares, 1e-6f)));
  const ValueId normal = f.Do(BinaryKind::kMul, f.x(), inverse);
  const ir::Graph graph =
      f.Recognized(f.Do(BinaryKind::kMul, f.Vector(16, 3), normal));
  ASSERT_EQ(graph.nodes().size(), 1u) << ir::DumpGraph(graph);
  const auto& norm = std::get<ir::LayerNorm>(graph.nodes()[0].op);
  EXPECT_FALSE(norm.subtract_mean);
  EXPECT_TRUE(norm.has_scale);
}

TEST(RecognizeTest, MeanOfSomethingElseStays) {
  Formula f(Rows(16));
  const ValueId other = f.Do(UnaryKind::kAbs, f.x());
  const ValueId d = f.Do(BinaryKind::kSub, f.x(), f.Mean(other));
  const ValueId variance = f.Mean(f.Do(BinaryKind::kMul, d, d));
  const ValueId deviation =
      f.Do(UnaryKind::kSqrt, f.Do(BinaryKind::kAdd, variance, 1e-3f));
  const ir::Graph graph = f.Recognized(f.Do(BinaryKind::kDiv, d, deviation));
  // Normalizing what is there already is right; taking its mean off is not.
  for (const ir::Node& node : graph.nodes()) {
    if (const auto* norm = std::get_if<ir::LayerNorm>(&node.op)) {
      EXPECT_FALSE(norm->subtract_mean);
    }
  }
}

// Projections of x [rows, 6, 16] to `heads` heads, attention, heads joined.
ir::Graph HeadsOf(Formula& f, int64_t heads, bool masked) {
  GraphBuilder& b = f.builder();
  const int64_t depth = 16 / heads;
  const auto split = [&](const std::string& name, std::vector<int> perm) {
    const ValueId w = b.Constant(name + "_w", RandomFloats({16, 16}, 5));
    const ValueId p = b.Node(name, ir::MatMul{}, {f.x(), w});
    const ValueId r =
        b.Node(name + "_split", ir::Reshape{RowsAnd({6, heads, depth})}, {p});
    return b.Node(name + "_heads", ir::Transpose{std::move(perm)}, {r});
  };
  const ValueId q = split("q", {0, 2, 1, 3});
  const ValueId k = split("k", {0, 2, 3, 1});
  const ValueId v = split("v", {0, 2, 1, 3});
  ValueId scores = b.Node("qk", ir::MatMul{}, {q, k});
  scores = f.Do(BinaryKind::kDiv, scores, 2.0f);
  if (masked) {
    scores = f.Do(BinaryKind::kAdd, scores,
                  b.Constant("mask", RandomFloats({1, 1, 6, 6}, 6, -9, 0)));
  }
  ir::Softmax softmax;
  softmax.axis = 3;
  const ValueId weights = b.Node("weights", softmax, {scores});
  const ValueId mixed = b.Node("mixed", ir::MatMul{}, {weights, v});
  const ValueId turned = b.Node("turned", ir::Transpose{{0, 2, 1, 3}}, {mixed});
  return f.Recognized(
      b.Node("joined", ir::Reshape{RowsAnd({6, 16})}, {turned}));
}

// The product of the one-hot form of integers in [rows, 6] with weights.
ir::Graph OneHotProduct(DType dtype, bool transposed, Tensor every) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({6, 1}), dtype);
  const ValueId equal = b.Node("equal", ir::Binary{BinaryKind::kEqual, {}},
                               {b.Constant("every", std::move(every)), x});
  const ValueId hot = b.Node("hot", ir::Cast{DType::kFloat32}, {equal});
  ir::MatMul product;
  product.transpose_b = transposed;
  product.has_bias = true;
  product.activation = {-0.5f, 2};
  b.Output(b.Node(
      "y", product,
      {hot,
       b.Constant("w", RandomFloats(transposed ? Shape{3, 4} : Shape{4, 3}, 1)),
       b.Constant("b", RandomFloats({3}, 2))}));
  return b.Build();
}

TEST(RecognizeTest, ProductOfOneHotRowsIsALookUp) {
  for (const bool transposed : {false, true}) {
    for (const bool narrow : {false, true}) {
      const ir::Graph graph =
          narrow ? OneHotProduct(DType::kInt32, transposed,
                                 Tensor::Of<int32_t>({1, 1, 4}, {0, 1, 2, 3}))
                 : OneHotProduct(DType::kInt64, transposed,
                                 Tensor::Of<int64_t>({4}, {0, 1, 2, 3}));
      const Pass pass{"pass", RecognizeOneHotProduct};
      const auto found = RunPasses(graph, {&pass, 1}, ReferenceEvaluation());
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(CountOps(*found, "MatMul"), 0);
      EXPECT_EQ(CountOps(*found, "Gather"), 1) << ir::DumpGraph(*found);
      // Two have no row, on either side.
      const Tensor x =
          narrow ? Tensor::Of<int32_t>({1, 6, 1}, {3, -1, 0, 4, -9, 1})
                 : Tensor::Of<int64_t>({1, 6, 1}, {3, -1, 0, 4, -9, 1});
      const auto backend = reference::CreateReferenceBackend();
      const auto expected = Interpret(graph.WithRows(1), *backend, {x});
      const auto got = Interpret(found->WithRows(1), *backend, {x});
      ASSERT_TRUE(expected.ok() && got.ok()) << got.status();
      ASSERT_EQ((*got)[0].shape(), (Shape{1, 6, 3}));
      for (int64_t i = 0; i < 18; ++i) {
        EXPECT_EQ((*got)[0].data<float>()[i], (*expected)[0].data<float>()[i]);
      }
    }
  }
}

TEST(RecognizeTest, ProductOfOtherComparisonsStays) {
  const auto finds = [](const ir::Graph& graph) {
    const auto patch = RecognizeOneHotProduct(graph, ReferenceEvaluation());
    EXPECT_TRUE(patch.ok()) << patch.status();
    return patch.ok() && patch->has_value();
  };
  EXPECT_FALSE(finds(OneHotProduct(DType::kInt32, false,
                                   Tensor::Of<int32_t>({4}, {0, 1, 3, 2}))));
  EXPECT_FALSE(finds(OneHotProduct(DType::kFloat32, false,
                                   Tensor::Of<float>({4}, {0, 1, 2, 3}))));
}

// The mean over places of pictures, then a layer of each reader's kind.
struct MeanOfPictures {
  std::vector<int> axes = {2, 3};
  bool keep_dims = false;
  bool also_subtracted = false;

  ir::Graph Build() const {
    GraphBuilder b;
    const ValueId x = b.Input("x", RowsAnd({4, 5, 6}));
    const ValueId mean =
        b.Node("mean", ir::Reduce{ir::ReduceKind::kMean, axes, keep_dims}, {x});
    if (keep_dims) {
      ir::Conv conv;
      conv.window = WindowOf({1, 1});
      b.Output(b.Node("y", conv,
                      {mean, b.Constant("w", RandomFloats({3, 4, 1, 1}, 1))}));
    } else {
      const int64_t left = b.graph().type(mean).dims.back().value;
      b.Output(b.Node("y", ir::MatMul{},
                      {mean, b.Constant("w", RandomFloats({left, 3}, 1))}));
    }
    if (also_subtracted) {
      b.Output(b.Node("less", ir::Binary{BinaryKind::kSub, {}}, {x, mean}));
    }
    return b.Build();
  }
};

TEST(RecognizeTest, MeanOverPlacesForALayerIsAPool) {
  for (const bool keep_dims : {false, true}) {
    for (const std::vector<int>& axes :
         {std::vector<int>{2, 3}, std::vector<int>{3, 2}}) {
      const ir::Graph graph = MeanOfPictures{axes, keep_dims}.Build();
      const Pass pass{"pass", RecognizeGlobalPool};
      const auto found = RunPasses(graph, {&pass, 1}, ReferenceEvaluation());
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_EQ(CountOps(*found, "ReduceMean"), 0);
      EXPECT_EQ(CountOps(*found, "GlobalAveragePool"), 1)
          << ir::DumpGraph(*found);
      const Tensor x = RandomFloats({2, 4, 5, 6}, 3);
      const auto backend = reference::CreateReferenceBackend();
      const auto expected = Interpret(graph.WithRows(2), *backend, {x});
      const auto got = Interpret(found->WithRows(2), *backend, {x});
      ASSERT_TRUE(expected.ok() && got.ok()) << got.status();
      ASSERT_EQ((*got)[0].shape(), (*expected)[0].shape());
      for (int64_t i = 0; i < (*got)[0].size(); ++i) {
        EXPECT_NEAR((*got)[0].data<float>()[i], (*expected)[0].data<float>()[i],
                    1e-6);
      }
    }
  }
}

TEST(RecognizeTest, MeanOfANormalizationOrOfAPartStays) {
  const auto finds = [](const MeanOfPictures& mean) {
    const auto patch = RecognizeGlobalPool(mean.Build(), ReferenceEvaluation());
    EXPECT_TRUE(patch.ok()) << patch.status();
    return patch.ok() && patch->has_value();
  };
  EXPECT_TRUE(finds({{2, 3}, true, false}));
  EXPECT_FALSE(finds({{2, 3}, true, true}));
  EXPECT_FALSE(finds({{2}, false, false}));
  EXPECT_FALSE(finds({{1, 2}, false, false}));
  EXPECT_FALSE(finds({{3}, true, false}));
}

// Of more axes than a pool has, and with the rows behind another axis.
TEST(RecognizeTest, MeanOfWhatIsNoPictureStays) {
  GraphBuilder b;
  const ValueId x = b.Input("x", RowsAnd({4, 2, 2, 2, 2}));
  const ValueId mean = b.Node(
      "mean", ir::Reduce{ir::ReduceKind::kMean, {2, 3, 4, 5}, false}, {x});
  b.Output(b.Node("y", ir::MatMul{},
                  {mean, b.Constant("w", RandomFloats({4, 3}, 1))}));
  const ValueId pictures = b.Input("pictures", RowsAnd({4, 5, 6}));
  const ValueId turned =
      b.Node("turned", ir::Transpose{{1, 0, 2, 3}}, {pictures});
  const ValueId means = b.Node(
      "means", ir::Reduce{ir::ReduceKind::kMean, {2, 3}, true}, {turned});
  b.Output(b.Node("z", ir::MatMul{},
                  {means, b.Constant("v", RandomFloats({1, 5}, 1))}));
  const Pass pass{"pass", RecognizeGlobalPool};
  const auto found = RunPasses(b.Build(), {&pass, 1}, ReferenceEvaluation());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(CountOps(*found, "ReduceMean"), 2);
}

TEST(RecognizeTest, AttentionTakesItsHeadsAsTheProjectionsLeaveThem) {
  for (const bool masked : {false, true}) {
    for (const int64_t heads : {1, 4}) {
      Formula f(RowsAnd({6, 16}));
      const ir::Graph graph = HeadsOf(f, heads, masked);
      EXPECT_EQ(CountOps(graph, "Attention"), 1) << ir::DumpGraph(graph);
      EXPECT_EQ(CountOps(graph, "Softmax"), 0);
      EXPECT_EQ(CountOps(graph, "Transpose"), 0) << ir::DumpGraph(graph);
    }
  }
}

}  // namespace
}  // namespace octet::passes
