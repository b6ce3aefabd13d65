// SPDX-License-Identifier: Apache-2.0
// Steps that move elements: the same bytes as the reference's, for every size
// of element, rank and tail.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "engine/simd/strided_copy.h"
#include "gtest/gtest.h"
#include "tests/engine/simd/oracle.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

// Types of 1, 2, 4 and 8 bytes.
constexpr DType kTypes[] = {DType::kUInt8, DType::kFloat16, DType::kFloat32,
                            DType::kInt64};

Tensor RandomTensor(DType dtype, const Shape& shape, Random& random) {
  Tensor tensor(dtype, shape);
  const std::vector<uint8_t> bytes =
      RandomBytes(random, static_cast<int64_t>(tensor.byte_size()));
  std::memcpy(tensor.mutable_bytes(), bytes.data(), bytes.size());
  return tensor;
}

void ExpectEqualToReference(const SingleNode& node) {
  const auto expected =
      RunSingleNode(*reference::CreateReferenceBackend(), node);
  ASSERT_TRUE(expected.ok()) << expected.status();
  for (int threads : {1, 2}) {
    const auto got = RunSingleNode(*CreateSimdBackend(), node, threads);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->shape(), expected->shape());
    ASSERT_EQ(
        std::memcmp(got->bytes(), expected->bytes(), expected->byte_size()), 0)
        << ShapeToString(node.inputs[0].tensor.shape()) << " "
        << Name(got->dtype()) << ", " << threads << " threads";
  }
}

Shape RandomShape(Random& random, int rank) {
  Shape shape(rank);
  for (int64_t& size : shape) {
    size = Pick(random,
                std::initializer_list<int64_t>{1, 2, 3, 4, 5, 7, 8, 9, 16, 17});
    if (rank > 4) size = std::min<int64_t>(size, 5);
  }
  return shape;
}

TEST(MoveStepTest, TransposeMovesEveryRankAndType) {
  Random random(1);
  for (DType dtype : kTypes) {
    for (int rank = 0; rank <= 6; ++rank) {
      for (int i = 0; i < 25; ++i) {
        ir::Transpose op;
        op.perm.resize(rank);
        std::iota(op.perm.begin(), op.perm.end(), 0);
        std::shuffle(op.perm.begin(), op.perm.end(), random);
        SingleNode node;
        node.op = op;
        node.inputs = {RandomTensor(dtype, RandomShape(random, rank), random)};
        ExpectEqualToReference(node);
      }
    }
  }
}

TEST(MoveStepTest, TransposeTurnsMatricesOfEveryTail) {
  Random random(2);
  for (DType dtype : kTypes) {
    for (int64_t rows = 1; rows <= 35; rows += 1 + rows / 9) {
      for (int64_t columns = 1; columns <= 70; columns += 1 + columns / 9) {
        SingleNode node;
        node.op = ir::Transpose{{1, 0}};
        node.inputs = {RandomTensor(dtype, {rows, columns}, random)};
        ExpectEqualToReference(node);
      }
    }
  }
}

TEST(MoveStepTest, TransposeSharesLargeTensorsOut) {
  Random random(3);
  for (const std::vector<int>& perm :
       {std::vector<int>{0, 2, 3, 1}, {1, 0, 2, 3}, {3, 2, 1, 0}}) {
    SingleNode node;
    node.op = ir::Transpose{perm};
    node.inputs = {RandomTensor(DType::kFloat32, {3, 67, 41, 53}, random)};
    ExpectEqualToReference(node);
  }
}

TEST(MoveStepTest, SliceTakesAnyStartStepAndSize) {
  Random random(4);
  for (DType dtype : kTypes) {
    for (int rank = 0; rank <= 6; ++rank) {
      for (int i = 0; i < 25; ++i) {
        const Shape shape = RandomShape(random, rank);
        ir::Slice op;
        for (int64_t size : shape) {
          const int64_t start = Uniform(random, 0, size - 1);
          const int64_t step =
              Pick(random, std::initializer_list<int64_t>{1, 1, 2, -1, 3});
          const int64_t room = step > 0 ? size - 1 - start : start;
          const int64_t most = room / std::abs(step) + 1;
          op.starts.push_back(start);
          op.steps.push_back(step);
          op.sizes.push_back(Uniform(random, 1, most));
        }
        SingleNode node;
        node.op = op;
        node.inputs = {RandomTensor(dtype, shape, random)};
        ExpectEqualToReference(node);
      }
    }
  }
}

TEST(MoveStepTest, PadPutsABorderAround) {
  Random random(5);
  for (DType dtype : kTypes) {
    for (int rank = 0; rank <= 6; ++rank) {
      for (int i = 0; i < 25; ++i) {
        ir::Pad op;
        for (int axis = 0; axis < rank; ++axis) {
          op.begin.push_back(std::max<int64_t>(0, Uniform(random, -2, 3)));
          op.end.push_back(std::max<int64_t>(0, Uniform(random, -2, 3)));
        }
        SingleNode node;
        op.value = dtype == DType::kFloat32 ? -1.25f : 0.0f;
        node.op = op;
        node.inputs = {RandomTensor(dtype, RandomShape(random, rank), random)};
        ExpectEqualToReference(node);
      }
    }
  }
}

TEST(MoveStepTest, PadOfIntegersWritesTheIntegerThatStandsForTheValue) {
  Random random(6);
  for (DType dtype : {DType::kUInt8, DType::kInt8}) {
    for (float value : {0.0f, 0.7f, -1000.0f}) {
      SingleNode node;
      node.op = ir::Pad{{0, 1, 2, 0}, {0, 1, 0, 0}, value};
      node.inputs = {NodeInput(RandomTensor(dtype, {2, 5, 4, 3}, random),
                               ir::Quantization::PerTensor(0.1f, 11))};
      ExpectEqualToReference(node);
    }
  }
}

TEST(MoveStepTest, PadRefusesWhatItHasNoElementFor) {
  SingleNode node;
  node.op = ir::Pad{{1}, {0}, 3.5f};
  node.inputs = {Tensor(DType::kFloat16, {4})};
  EXPECT_EQ(RunSingleNode(*CreateSimdBackend(), node).status().code(),
            absl::StatusCode::kUnimplemented);
}

TEST(MoveStepTest, ConcatJoinsAnyAxisAndType) {
  Random random(7);
  for (DType dtype : kTypes) {
    for (int axis = 0; axis < 3; ++axis) {
      SingleNode node;
      node.op = ir::Concat{axis};
      for (int64_t size : {1, 5, 3}) {
        Shape shape = {3, 7, 2};
        shape[axis] = size;
        node.inputs.push_back(RandomTensor(dtype, shape, random));
      }
      ExpectEqualToReference(node);
    }
  }
}

TEST(MoveStepTest, ReshapeOfAConstantCopiesIt) {
  Random random(8);
  SingleNode node;
  node.op = ir::Reshape{ir::FixedDims({6, 35})};
  node.inputs = {RandomTensor(DType::kInt64, {2, 3, 5, 7}, random)};
  ExpectEqualToReference(node);
}

// What `params` say, one element after the other.
std::vector<uint8_t> CopyOneByOne(const StridedCopyParams& p,
                                  const std::vector<uint8_t>& x) {
  std::vector<uint8_t> y;
  const int64_t count = ElementCount(p.sizes);
  for (int64_t i = 0; i < count; ++i) {
    int64_t from = p.offset;
    int64_t rest = i;
    for (size_t axis = p.sizes.size(); axis-- > 0;) {
      from += rest % p.sizes[axis] * p.strides[axis];
      rest /= p.sizes[axis];
    }
    for (int64_t b = 0; b < p.element_bytes; ++b) {
      y.push_back(x[from * p.element_bytes + b]);
    }
  }
  return y;
}

TEST(StridedCopyTest, CopiesAnyStridesInAnyPiecesWithoutAlignment) {
  Random random(9);
  for (int i = 0; i < 3000; ++i) {
    StridedCopyParams p;
    p.element_bytes = Pick(random, std::initializer_list<int64_t>{1, 2, 4, 8});
    const int rank = static_cast<int>(Uniform(random, 0, 5));
    int64_t lowest = 0;
    int64_t highest = 0;
    for (int axis = 0; axis < rank; ++axis) {
      p.sizes.push_back(Uniform(random, 1, rank > 3 ? 6 : 20));
      p.strides.push_back(Pick(random, std::initializer_list<int64_t>{
                                           0, 1, 1, 2, 3, 4, 8, 20, -1, -7}));
      (p.strides.back() < 0 ? lowest : highest) +=
          p.strides.back() * (p.sizes.back() - 1);
    }
    p.offset = -lowest;
    const std::vector<uint8_t> x =
        RandomBytes(random, (highest - lowest + 1) * p.element_bytes);
    const std::vector<uint8_t> want = CopyOneByOne(p, x);
    for (Isa isa : TestedIsas()) {
      const auto copy = StridedCopy::Create(p, isa);
      ASSERT_TRUE(copy.ok()) << copy.status();
      ASSERT_EQ(copy->bytes(), static_cast<int64_t>(want.size()));
      // One byte off alignment.
      std::vector<uint8_t> from(x.size() + 1);
      std::copy(x.begin(), x.end(), from.begin() + 1);
      std::vector<uint8_t> to(want.size() + 1, 0xA5);
      const int64_t cut = Uniform(random, 0, copy->work_items());
      copy->Run(from.data() + 1, to.data() + 1, cut, copy->work_items());
      copy->Run(from.data() + 1, to.data() + 1, 0, cut);
      to.erase(to.begin());
      ASSERT_TRUE(SameBytes(to, want)) << IsaName(isa) << " case " << i;
    }
  }
}

TEST(StridedCopyTest, TakesEverySecondWordOfRowsOfAnyLength) {
  Random random(10);
  for (int64_t word : {1, 2, 4, 8}) {
    for (int64_t count = 1; count <= 140; ++count) {
      StridedCopyParams p;
      p.element_bytes = word;
      p.sizes = {3, count};
      p.strides = {2 * count + 5, 2};
      // No byte behind the last word: sanitizers see what is read beyond.
      const std::vector<uint8_t> x =
          RandomBytes(random, (2 * p.strides[0] + 2 * count - 1) * word);
      for (Isa isa : TestedIsas()) {
        const auto copy = StridedCopy::Create(p, isa);
        ASSERT_TRUE(copy.ok()) << copy.status();
        std::vector<uint8_t> y(3 * count * word, 0xA5);
        copy->Run(x.data(), y.data(), 0, copy->work_items());
        ASSERT_TRUE(SameBytes(y, CopyOneByOne(p, x)))
            << IsaName(isa) << " " << count << " words of " << word;
      }
    }
  }
}

TEST(StridedCopyTest, CopiesNothingOfAnEmptyTensor) {
  StridedCopyParams p;
  p.sizes = {3, 0, 2};
  p.strides = {0, 2, 1};
  const auto copy = StridedCopy::Create(p);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->bytes(), 0);
  EXPECT_EQ(copy->work_items(), 0);
}

TEST(StridedCopyTest, RefusesOddElementsAndRanks) {
  StridedCopyParams p;
  p.element_bytes = 3;
  EXPECT_EQ(StridedCopy::Create(p).status().code(),
            absl::StatusCode::kInvalidArgument);
  p.element_bytes = 4;
  p.sizes = {2};
  EXPECT_EQ(StridedCopy::Create(p).status().code(),
            absl::StatusCode::kInvalidArgument);
  p.sizes.assign(10, 2);
  p.strides.assign(10, 3);
  EXPECT_EQ(StridedCopy::Create(p).status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace octet::simd
