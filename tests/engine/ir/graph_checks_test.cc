// SPDX-License-Identifier: Apache-2.0
// VerifyGraph() and CheckRowsIndependent().
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ir/infer_types.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace octet::ir {
namespace {

using testing::HasSubstr;

TensorType Float(Dims dims) {
  return {DType::kFloat32, std::move(dims), std::nullopt};
}

// A graph with one input "x" [rows, 4, 6] to which nodes are appended.
class GraphChecksTest : public testing::Test {
 protected:
  GraphChecksTest() {
    x_ = graph_.AddValue({"x",
                          Float({Dim::Rows(), Dim::Fixed(4), Dim::Fixed(6)}),
                          std::nullopt});
    graph_.mutable_inputs() = {x_};
  }

  ValueId Add(Op op, std::vector<ValueId> inputs) {
    std::vector<TensorType> types;
    for (ValueId id : inputs) types.push_back(graph_.type(id));
    auto results = InferTypes(op, types);
    EXPECT_TRUE(results.ok()) << results.status();
    if (!results.ok()) results = std::vector<TensorType>(1);
    std::vector<ValueId> outputs;
    for (TensorType& type : *results) {
      const std::string name = "v" + std::to_string(graph_.values().size());
      outputs.push_back(graph_.AddValue({name, std::move(type), std::nullopt}));
    }
    graph_.AppendNode({"n_" + graph_.value(outputs[0]).name, std::move(op),
                       std::move(inputs), outputs});
    return outputs[0];
  }

  ValueId Constant(Shape shape) {
    return graph_.AddConstant("c" + std::to_string(graph_.values().size()),
                              Tensor(DType::kFloat32, std::move(shape)));
  }

  absl::Status Rows(ValueId output) {
    graph_.mutable_outputs() = {output};
    EXPECT_TRUE(VerifyGraph(graph_).ok()) << VerifyGraph(graph_);
    return CheckRowsIndependent(graph_);
  }

  void ExpectMixes(ValueId output, const std::string& part) {
    const absl::Status status = Rows(output);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }

  void ExpectBroken(const std::string& part) {
    const absl::Status status = VerifyGraph(graph_);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }

  Graph graph_;
  ValueId x_;
};

TEST_F(GraphChecksTest, RowwiseOperatorsAreIndependent) {
  ValueId y = Add(MatMul{}, {x_, Constant({6, 5})});
  y = Add(Binary{}, {y, Constant({1, 4, 1})});
  y = Add(Softmax{1, true}, {y});
  y = Add(Transpose{{0, 2, 1}}, {y});
  y = Add(Concat{1}, {y, y});
  y = Add(Reduce{ReduceKind::kMean, {2}, false}, {y});
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

TEST_F(GraphChecksTest, FoldingAnAxisIntoTheRowsAndBackIsIndependent) {
  ValueId y = Add(Reshape{{Dim::Rows(4), Dim::Fixed(6)}}, {x_});
  y = Add(MatMul{}, {y, Constant({6, 5})});
  y = Add(Reshape{{Dim::Rows(), Dim::Fixed(20)}}, {y});
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

TEST_F(GraphChecksTest, OutputOfSeveralEntriesPerRowIsRefused) {
  ExpectMixes(Add(Reshape{{Dim::Rows(4), Dim::Fixed(6)}}, {x_}),
              "expected one entry for each row");
}

TEST_F(GraphChecksTest, SoftmaxOverRowsMixes) {
  ExpectMixes(Add(Softmax{0}, {x_}), "leading axis");
}

TEST_F(GraphChecksTest, ConcatOfRowsMixes) {
  ExpectMixes(Add(Concat{0}, {x_, x_}), "leading axis");
}

TEST_F(GraphChecksTest, ReduceOverRowsMixes) {
  ExpectMixes(Add(Reduce{ReduceKind::kMax, {0}, true}, {x_}), "leading axis");
}

TEST_F(GraphChecksTest, TransposeOfRowsIsIndependentWhenUndone) {
  const ValueId y = Add(Transpose{{1, 0, 2}}, {x_});
  const ValueId back = Add(Transpose{{1, 0, 2}}, {y});
  EXPECT_TRUE(Rows(back).ok()) << Rows(back);
}

TEST_F(GraphChecksTest, OperatorsMayWorkOnRowsBehindOtherAxes) {
  ValueId y = Add(Transpose{{1, 0, 2}}, {x_});  // [4, rows, 6]
  y = Add(Clamp{{0, 1}}, {y});
  y = Add(MatMul{}, {y, Constant({6, 5})});
  y = Add(Softmax{2}, {y});
  y = Add(Concat{0}, {y, y});
  y = Add(Slice{{1, 0, 0}, {2, 1, 1}, {3, 0, 5}}, {y});
  y = Add(Reduce{ReduceKind::kMean, {0}, false}, {y});  // [rows, 5]
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

TEST_F(GraphChecksTest, OperatorsAlignRowsByTheLastAxis) {
  const ValueId steps = Add(Transpose{{1, 0, 2}}, {x_});  // [4, rows, 6]
  const ValueId mean = Add(Reduce{ReduceKind::kMean, {1}, false}, {x_});
  ValueId y = Add(Binary{}, {steps, mean});  // + [rows, 6]
  y = Add(Transpose{{1, 0, 2}}, {y});
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

TEST_F(GraphChecksTest, OperatorsAlongRowsBehindOtherAxesMix) {
  const ValueId y = Add(Transpose{{1, 0, 2}}, {x_});
  const auto back = [&](ValueId id) { return Add(Transpose{{1, 0, 2}}, {id}); };
  const std::string named = "node 'n_v1' (Transpose)";
  ExpectMixes(back(Add(Softmax{1}, {y})), named);
  ExpectMixes(back(Add(Softmax{0, true}, {y})), named);
  ExpectMixes(back(Add(CumSum{1}, {y})), named);
  // Each entry of the leading axis is an image.
  Lrn lrn;
  lrn.axis = 2;
  ExpectMixes(back(Add(lrn, {y})), named);
}

// [4, rows, 6] as [4, 2*rows, 3], [2*rows, 4, 3], as heads of an attention.
TEST_F(GraphChecksTest, HeadsBesideRowsBehindStepsAreIndependent) {
  ValueId y = Add(Transpose{{1, 0, 2}}, {x_});
  y = Add(Reshape{{Dim::Fixed(4), Dim::Rows(2), Dim::Fixed(3)}}, {y});
  y = Add(Clamp{{0, 1}}, {y});
  const ValueId heads = Add(Transpose{{1, 0, 2}}, {y});
  y = Add(Transpose{{0, 2, 1}}, {heads});
  y = Add(MatMul{}, {heads, y});
  y = Add(MatMul{}, {Add(Softmax{2}, {y}), heads});
  y = Add(Transpose{{1, 0, 2}}, {y});
  y = Add(Reshape{{Dim::Fixed(4), Dim::Rows(), Dim::Fixed(6)}}, {y});
  y = Add(Transpose{{1, 0, 2}}, {y});
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

// As a linear layer of two axes takes [4, rows, 6].
TEST_F(GraphChecksTest, StepsAndRowsOnOneAxisAreIndependent) {
  ValueId y = Add(Transpose{{1, 0, 2}}, {x_});
  y = Add(Reshape{{Dim::Rows(4), Dim::Fixed(6)}}, {y});
  y = Add(MatMul{}, {y, Constant({6, 5})});
  y = Add(Clamp{{0, 1}}, {y});
  y = Add(Reshape{{Dim::Fixed(2), Dim::Rows(2), Dim::Fixed(5)}}, {y});
  y = Add(Reshape{{Dim::Fixed(4), Dim::Rows(), Dim::Fixed(5)}}, {y});
  y = Add(Transpose{{1, 0, 2}}, {y});
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

TEST_F(GraphChecksTest, StepsAndRowsOnOneAxisMixWhenReadAsRowsAndSteps) {
  ValueId y = Add(Transpose{{1, 0, 2}}, {x_});
  y = Add(Reshape{{Dim::Rows(4), Dim::Fixed(6)}}, {y});
  y = Add(Reshape{{Dim::Rows(), Dim::Fixed(4), Dim::Fixed(6)}}, {y});
  ExpectMixes(y, "it makes [rows, 4, 6] of [4*rows, 6]");
}

TEST_F(GraphChecksTest, RowsInDifferentOrdersMix) {
  const ValueId steps_first = Add(Reshape{{Dim::Rows(4), Dim::Fixed(6)}},
                                  {Add(Transpose{{1, 0, 2}}, {x_})});
  const ValueId rows_first = Add(Reshape{{Dim::Rows(4), Dim::Fixed(6)}}, {x_});
  const ValueId y = Add(Binary{}, {steps_first, rows_first});
  ExpectMixes(Add(Reshape{{Dim::Rows(), Dim::Fixed(24)}}, {y}),
              "its inputs have rows in different orders");
}

TEST_F(GraphChecksTest, StepsAndRowsOnOneAxisAreNoOutput) {
  const ValueId y = Add(Transpose{{1, 0, 2}}, {x_});
  ExpectMixes(Add(Reshape{{Dim::Rows(4), Dim::Fixed(6)}}, {y}),
              "expected one entry for each row");
}

Recurrent Lstm(int64_t hidden) {
  Recurrent op;
  op.hidden = hidden;
  op.functions = {{RecurrentActivation::kSigmoid},
                  {RecurrentActivation::kTanh},
                  {RecurrentActivation::kTanh}};
  return op;
}

TEST_F(GraphChecksTest, SequencesOfARecurrentLayerAreIndependent) {
  const ValueId steps = Add(Transpose{{1, 0, 2}}, {x_});
  Recurrent op = Lstm(3);
  op.has_initial_h = true;
  // Exporters expand a state of zeros to the batch.
  const ValueId state = Add(Expand{{Dim::Fixed(1), Dim::Rows(), Dim::Fixed(3)}},
                            {Constant({1, 1, 3})});
  ValueId y =
      Add(op, {steps, Constant({1, 12, 6}), Constant({1, 12, 3}), state});
  y = Add(Reshape{{Dim::Fixed(4), Dim::Rows(), Dim::Fixed(3)}}, {y});
  y = Add(Transpose{{1, 0, 2}}, {y});
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

TEST_F(GraphChecksTest, TheLastStepOfARecurrentLayerLeadsWithRows) {
  const ValueId steps = Add(Transpose{{1, 0, 2}}, {x_});
  ValueId y = Add(Lstm(3), {steps, Constant({1, 12, 6}), Constant({1, 12, 3})});
  y = Add(Slice{{3, 0, 0, 0}, {1, 1, 1, 1}, {1, 1, 0, 3}}, {y});
  y = Add(Reshape{{Dim::Rows(), Dim::Fixed(3)}}, {y});
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

TEST_F(GraphChecksTest, TransposeOfRowsMixesAsAnOutput) {
  ExpectMixes(Add(Transpose{{1, 0, 2}}, {x_}), "expected one entry");
}

// ShuffleNet's: [rows, 4, 6] as [rows*2, 2, 6], [2, rows*2, 6], [2, rows, 2,
// 6].
TEST_F(GraphChecksTest, SplitOfChannelsIsIndependent) {
  ValueId y = Add(Reshape{{Dim::Rows(2), Dim::Fixed(2), Dim::Fixed(6)}}, {x_});
  y = Add(Transpose{{1, 0, 2}}, {y});
  y = Add(Reshape{{Dim::Fixed(2), Dim::Rows(), Dim::Fixed(2), Dim::Fixed(6)}},
          {y});
  y = Add(Slice{{1, 0, 0, 0}, {1, 1, 1, 1}, {1, 0, 2, 6}}, {y});
  y = Add(Reshape{{Dim::Rows(), Dim::Fixed(2), Dim::Fixed(6)}}, {y});
  EXPECT_TRUE(Rows(y).ok()) << Rows(y);
}

// The same without the transpose takes entries of other rows to the front.
TEST_F(GraphChecksTest, RowsThatAReshapeScattersMix) {
  ValueId y = Add(Reshape{{Dim::Fixed(2), Dim::Rows(2), Dim::Fixed(6)}}, {x_});
  y = Add(Slice{{1, 0, 0}, {1, 1, 1}, {1, 0, 6}}, {y});
  y = Add(Reshape{{Dim::Rows(), Dim::Fixed(2), Dim::Fixed(6)}}, {y});
  ExpectMixes(y, "mixes rows");
}

TEST_F(GraphChecksTest, ReshapeThatMovesRowsMixes) {
  ExpectMixes(Add(Reshape{{Dim::Fixed(24), Dim::Rows()}}, {x_}),
              "expected one entry for each row");
}

TEST_F(GraphChecksTest, ProductOfRowsWithRowsMixes) {
  const ValueId flat = Add(Reshape{{Dim::Rows(), Dim::Fixed(24)}}, {x_});
  MatMul op;
  op.transpose_b = true;
  ExpectMixes(Add(op, {flat, flat}), "mixes rows");
}

TEST_F(GraphChecksTest, ConstantTimesTransposedRowsMixes) {
  const ValueId flat = Add(Reshape{{Dim::Rows(), Dim::Fixed(24)}}, {x_});
  MatMul op;
  op.transpose_b = true;
  ExpectMixes(Add(op, {Constant({3, 24}), flat}), "mixes rows");
}

TEST_F(GraphChecksTest, BroadcastOfRowsAgainstRowsMixes) {
  const ValueId column = Add(Reduce{ReduceKind::kSum, {1, 2}, false}, {x_});
  const ValueId matrix = Add(Reduce{ReduceKind::kSum, {1}, true}, {x_});
  const ValueId single = Add(Reduce{ReduceKind::kSum, {2}, false}, {matrix});
  ExpectMixes(Add(Binary{}, {single, column}), "mixes rows");
}

TEST_F(GraphChecksTest, OutputThatIgnoresTheInputIsRefused) {
  ExpectMixes(Add(Unary{UnaryKind::kAbs}, {Constant({2})}), "output");
}

TEST_F(GraphChecksTest, FixedInputIsRefused) {
  graph_.mutable_value(x_).type.dims[0] = Dim::Fixed(1);
  ExpectMixes(Add(Clamp{{0, 1}}, {x_}), "input 'x'");
}

TEST_F(GraphChecksTest, VerifierFindsWrongType) {
  const ValueId y = Add(Clamp{{0, 1}}, {x_});
  graph_.mutable_value(y).type.dims.pop_back();
  ExpectBroken("n_v1");
}

TEST_F(GraphChecksTest, VerifierFindsWrongOrder) {
  const ValueId a = Add(Clamp{{0, 1}}, {x_});
  Add(Clamp{{0, 1}}, {a});
  std::swap(graph_.mutable_nodes()[0], graph_.mutable_nodes()[1]);
  ExpectBroken("not computed before");
}

TEST_F(GraphChecksTest, VerifierFindsSecondAssignment) {
  Add(Clamp{{0, 1}}, {x_});
  graph_.AppendNode(graph_.nodes()[0]);
  ExpectBroken("nothing else computes");
}

TEST_F(GraphChecksTest, VerifierFindsIdsOutOfRange) {
  Add(Clamp{{0, 1}}, {x_});
  graph_.mutable_nodes()[0].inputs[0] = 77;
  ExpectBroken("no such value");
}

TEST_F(GraphChecksTest, VerifierFindsEqualNames) {
  graph_.AddConstant("x", Tensor(DType::kFloat32, {1}));
  ExpectBroken("'x'");
}

TEST_F(GraphChecksTest, VerifierFindsConstantOfAnotherShape) {
  graph_.mutable_value(Constant({3})).type.dims[0] = Dim::Fixed(4);
  ExpectBroken("a constant float32[3]");
}

TEST_F(GraphChecksTest, VerifierFindsIncompleteQuantization) {
  const ValueId q = graph_.AddConstant("q", Tensor(DType::kInt8, {3}),
                                       Quantization{{1, 2, 3}, {0, 0, 0}, 0});
  EXPECT_TRUE(VerifyGraph(graph_).ok()) << VerifyGraph(graph_);
  auto& quantization = *graph_.mutable_value(q).type.quantization;
  quantization.zero_points[1] = 128;
  ExpectBroken("zero point 1 is 128");
  quantization.zero_points[1] = 0;
  quantization.scales[2] = -1;
  ExpectBroken("scale 2");
  quantization.scales.pop_back();
  ExpectBroken("2 scales and 3 zero points");
}

TEST_F(GraphChecksTest, QuantizeChoosesItsOutputType) {
  const ValueId q = Add(Quantize{}, {x_});
  ExpectBroken("is declared");
  graph_.mutable_value(q).type.quantization = Quantization::PerTensor(0.5f, 7);
  graph_.mutable_value(q).type.dtype = DType::kInt8;
  EXPECT_TRUE(VerifyGraph(graph_).ok()) << VerifyGraph(graph_);
}

TEST_F(GraphChecksTest, OperatorsThatMoveDataKeepTheQuantization) {
  const ValueId q = Add(Quantize{}, {x_});
  graph_.mutable_value(q).type.quantization = Quantization::PerTensor(0.5f, 7);
  const ValueId y = Add(Transpose{{0, 2, 1}}, {q});
  EXPECT_TRUE(VerifyGraph(graph_).ok()) << VerifyGraph(graph_);
  graph_.mutable_value(y).type.quantization->scales[0] = 1;
  ExpectBroken("is declared");
}

}  // namespace
}  // namespace octet::ir
