// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/matmul.h"

#include <cstdint>
#include <vector>

#include "tests/engine/simd/oracle.h"

namespace octet::simd {
namespace {

// A matrix product is a pointwise convolution: the oracle's data is shared,
// with the weights turned around.
void CheckMatMul(int64_t rows, int64_t depth, int64_t columns, uint32_t seed) {
  Random random(seed);
  ConvCase c;
  c.params.height = rows;
  c.params.in_channels = depth;
  c.params.out_channels = columns;
  c.params.input = RandomByteType(random);
  c.params.output = RandomOutput(random);
  FillRandom(random, &c);
  std::vector<int8_t> by_depth(c.weights.size());
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t n = 0; n < columns; ++n) {
      by_depth[k * columns + n] = c.weights[n * depth + k];
    }
  }
  MatMulParams p;
  p.rows = 1;
  p.depth = depth;
  p.columns = columns;
  p.input = c.params.input;
  p.output = c.params.output;
  const std::vector<uint8_t> want = ReferenceConv(c);
  for (Isa isa : TestedIsas()) {
    for (bool transposed : {false, true}) {
      p.transposed_weights = transposed;
      const ConvConstants constants = {transposed ? c.weights : by_depth,
                                       c.bias, c.multipliers};
      const auto one_row = MatMul::Create(p, constants, isa);
      ASSERT_TRUE(one_row.ok()) << one_row.status();
      const auto op = one_row->ForRows(rows);
      ASSERT_TRUE(op.ok()) << op.status();
      std::vector<uint8_t> out(want.size(), 0x5A);
      ConvArgs args;
      args.input = c.input.data();
      args.output = out.data();
      RunInPieces(*op, 4, random,
                  [&](int64_t begin, int64_t end, std::byte* scratch) {
                    op->Run(args, begin, end, scratch);
                  });
      ASSERT_TRUE(SameBytes(out, want))
          << op->name() << " " << rows << "x" << depth << "x" << columns;
    }
  }
}

TEST(MatMulTest, MatchesTheOracleAtSmallRowCounts) {
  uint32_t seed = 1;
  for (int64_t rows = 1; rows <= 14; ++rows) {
    CheckMatMul(rows, 33, 10, seed++);
    CheckMatMul(rows, 64, 100, seed++);
  }
}

TEST(MatMulTest, MatchesTheOracleOnLargerProducts) {
  CheckMatMul(1, 1280, 1000, 1);
  CheckMatMul(203, 65, 47, 2);
  CheckMatMul(100, 640, 128, 3);
  CheckMatMul(7, 1, 1, 4);
}

TEST(MatMulTest, RefusesWeightsOfAnotherSize) {
  MatMulParams p;
  p.depth = 4;
  p.columns = 3;
  const std::vector<int8_t> weights(11);
  const std::vector<float> multipliers(3, 1.0f);
  EXPECT_EQ(MatMul::Create(p, {weights, {}, multipliers}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octet::simd
