// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/byte_product.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "tests/engine/simd/oracle.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

ByteProductParams RandomParams(Random& random) {
  ByteProductParams params;
  params.a = RandomByteType(random);
  params.b = RandomByteType(random);
  params.multiplier = Pick(random, {0.0031f, 0.071f, 0.5f, 1.9f});
  params.output = RandomOutput(random);
  return params;
}

void CheckProduct(const ByteProductParams& p, const std::vector<uint8_t>& a,
                  const std::vector<uint8_t>& b) {
  std::vector<uint8_t> want;
  for (size_t i = 0; i < a.size(); ++i) {
    const int32_t product = (ByteAt(&a[i], p.a.dtype) - p.a.zero_point) *
                            (ByteAt(&b[i], p.b.dtype) - p.b.zero_point);
    AppendOutput(static_cast<float>(product) * p.multiplier, p.output, &want);
  }
  for (Isa isa : TestedIsas()) {
    const auto product = ByteProduct::Create(p, isa);
    ASSERT_TRUE(product.ok()) << product.status();
    std::vector<uint8_t> out(want.size(), 0x5A);
    product->Run(a.data(), b.data(), out.data(),
                 static_cast<int64_t>(a.size()));
    ASSERT_TRUE(SameBytes(out, want)) << IsaName(isa) << " n " << a.size();
  }
}

TEST(ByteProductTest, MatchesTheOracleAtEveryLength) {
  Random random(1);
  for (int64_t n = 0; n <= 100; ++n) {
    CheckProduct(RandomParams(random), RandomBytes(random, n),
                 RandomBytes(random, n));
  }
}

TEST(ByteProductTest, MatchesTheOracleOnEveryPairOfBytes) {
  std::vector<uint8_t> a;
  std::vector<uint8_t> b;
  for (int i = 0; i < 65536; ++i) {
    a.push_back(static_cast<uint8_t>(i / 256));
    b.push_back(static_cast<uint8_t>(i % 256));
  }
  Random random(2);
  for (int i = 0; i < 10; ++i) CheckProduct(RandomParams(random), a, b);
}

TEST(ByteProductTest, RefusesWhatHasNoMeaning) {
  ByteProductParams params;
  params.multiplier = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(ByteProduct::Create(params).ok());
  params.multiplier = 1;
  params.a.zero_point = 300;
  EXPECT_FALSE(ByteProduct::Create(params).ok());
}

TEST(ByteBinaryStepTest, IsTheReferenceForEveryBroadcast) {
  const auto reference = reference::CreateReferenceBackend();
  const auto simd = CreateSimdBackend();
  const std::vector<std::pair<Shape, Shape>> shapes = {
      {{2, 5, 7, 3}, {2, 5, 7, 3}},   {{2, 5, 7, 19}, {2, 1, 1, 19}},
      {{2, 1, 1, 19}, {2, 5, 7, 19}}, {{1, 3, 400}, {1, 3, 1}},
      {{2, 3, 1, 5}, {2, 1, 4, 5}},   {{2, 9}, {1, 1}}};
  for (ir::BinaryKind kind :
       {ir::BinaryKind::kAdd, ir::BinaryKind::kSub, ir::BinaryKind::kMul}) {
    for (const auto& [a, b] : shapes) {
      for (DType out : {DType::kUInt8, DType::kInt8, DType::kFloat32}) {
        SingleNode node;
        const ir::Binary op{kind, {-2, 5}};
        node.op = op;
        node.inputs = {NodeInput(RandomIntegers(DType::kUInt8, a, 1, 0, 255),
                                 ir::Quantization::PerTensor(0.05f, 121)),
                       NodeInput(RandomIntegers(DType::kInt8, b, 2, -128, 127),
                                 ir::Quantization::PerTensor(0.031f, -4))};
        node.output = NodeOutput{out, std::nullopt};
        if (out != DType::kFloat32) {
          node.output->quantization = ir::Quantization::PerTensor(0.06f, 20);
        }
        SCOPED_TRACE(absl::StrCat(op.Name(), " ", ShapeToString(a), " ",
                                  ShapeToString(b), " ", Name(out)));
        const auto want = RunSingleNode(*reference, node);
        ASSERT_TRUE(want.ok()) << want.status();
        for (int threads : {1, 2}) {
          const auto got = RunSingleNode(*simd, node, threads);
          ASSERT_TRUE(got.ok()) << got.status();
          EXPECT_EQ(std::memcmp(got->bytes(), want->bytes(), want->byte_size()),
                    0);
        }
      }
    }
  }
}

}  // namespace
}  // namespace octet::simd
