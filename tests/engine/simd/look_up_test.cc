// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/look_up.h"

#include <array>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "tests/engine/simd/oracle.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

std::vector<Isa> LookUpIsas() {
  std::vector<Isa> isas = {Isa::kPortable};
  for (Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    if (ActiveIsa() >= isa) isas.push_back(isa);
  }
  return isas;
}

std::array<uint8_t, 256> RandomTable(Random& random) {
  std::array<uint8_t, 256> table;
  for (uint8_t& value : table) {
    value = static_cast<uint8_t>(Uniform(random, 0, 255));
  }
  return table;
}

TEST(ByteFunctionTest, FindsTheEntryOfEveryByteAtEveryPlace) {
  Random random(1);
  const std::array<uint8_t, 256> table = RandomTable(random);
  for (Isa isa : LookUpIsas()) {
    const ByteFunction function(table, isa);
    for (int shift = 0; shift < 256; ++shift) {
      std::vector<uint8_t> x(256);
      for (int i = 0; i < 256; ++i) x[i] = static_cast<uint8_t>(i + shift);
      std::vector<uint8_t> y(256);
      function.Run(x.data(), y.data(), 0, 256);
      for (int i = 0; i < 256; ++i) {
        ASSERT_EQ(y[i], table[x[i]]) << IsaName(isa) << " byte " << int{x[i]};
      }
    }
  }
}

TEST(ByteFunctionTest, WritesWhatItIsAskedForAndNoMore) {
  Random random(2);
  for (Isa isa : LookUpIsas()) {
    for (int64_t n = 0; n <= 200; ++n) {
      const std::array<uint8_t, 256> table = RandomTable(random);
      const std::vector<uint8_t> x = RandomBytes(random, n);
      std::vector<uint8_t> want;
      for (uint8_t byte : x) want.push_back(table[byte]);
      std::vector<uint8_t> y(n, 0x5A);
      const ByteFunction function(table, isa);
      const int64_t cut = Uniform(random, 0, static_cast<int>(n));
      function.Run(x.data(), y.data(), cut, n);
      function.Run(x.data(), y.data(), 0, cut);
      ASSERT_TRUE(SameBytes(y, want)) << IsaName(isa) << " n " << n;
      std::vector<uint8_t> in_place = x;
      function.Run(in_place.data(), in_place.data(), 0, n);
      ASSERT_TRUE(SameBytes(in_place, want)) << IsaName(isa) << " n " << n;
    }
  }
}

TEST(LookUpStepTest, IsTheReferenceForEveryType) {
  const auto reference = reference::CreateReferenceBackend();
  const auto simd = CreateSimdBackend();
  for (DType from : {DType::kUInt8, DType::kInt8}) {
    for (DType to : {DType::kUInt8, DType::kInt8, DType::kFloat32}) {
      const int low = to == DType::kInt8 ? -128 : 0;
      const Tensor table = to == DType::kFloat32
                               ? RandomFloats({256}, 7)
                               : RandomIntegers(to, {256}, 7, low, low + 255);
      SingleNode node;
      node.op = ir::LookUp{table, "f"};
      const int lowest = from == DType::kInt8 ? -128 : 0;
      node.inputs = {
          NodeInput(RandomIntegers(from, {2, 9, 1001}, 3, lowest, lowest + 255),
                    ir::Quantization::PerTensor(0.5f, 3))};
      if (to != DType::kFloat32) {
        node.output = NodeOutput{to, ir::Quantization::PerTensor(0.25f, 1)};
      }
      const auto want = RunSingleNode(*reference, node);
      ASSERT_TRUE(want.ok()) << want.status();
      for (int threads : {1, 2}) {
        const auto got = RunSingleNode(*simd, node, threads);
        ASSERT_TRUE(got.ok()) << got.status();
        EXPECT_EQ(std::memcmp(got->bytes(), want->bytes(), want->byte_size()),
                  0)
            << Name(from) << " to " << Name(to);
      }
    }
  }
}

}  // namespace
}  // namespace octet::simd
