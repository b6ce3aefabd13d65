// SPDX-License-Identifier: Apache-2.0
// Steps on any type of element, against what they mean, element by element.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "engine/simd/indexed_copy.h"
#include "gtest/gtest.h"
#include "tests/engine/simd/oracle.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

// The output of `op` as its step computes it, of a type that the test states.
Tensor RunOp(const ir::Op& op, const std::vector<Tensor>& inputs, DType dtype,
             const Shape& shape, int threads = 1) {
  ir::Graph graph;
  std::vector<ir::ValueId> ids;
  std::vector<const std::byte*> bytes;
  for (const Tensor& input : inputs) {
    ids.push_back(graph.AddValue(
        {"x",
         {input.dtype(), ir::FixedDims(input.shape()), std::nullopt},
         std::nullopt}));
    bytes.push_back(input.bytes());
  }
  graph.AddNode("node", op, ids, "y",
                {dtype, ir::FixedDims(shape), std::nullopt});
  plan::WeightCache weights;
  const auto step = CreateSimdBackend()->CreateStep(
      {graph, graph.nodes()[0], threads, &weights});
  EXPECT_TRUE(step.ok()) << step.status();
  Tensor output(dtype, shape);
  if (!step.ok()) return output;
  ThreadPool pool(threads);
  std::byte* const outputs[] = {output.mutable_bytes()};
  auto bound = (*step)->Bind({bytes, outputs, nullptr, &pool});
  EXPECT_TRUE(bound.ok() && (*bound)->Run().ok());
  return output;
}

// Where element `i` of `shape` is in a tensor of `from` that broadcasts to it.
int64_t BroadcastIndex(int64_t i, const Shape& shape, const Shape& from) {
  int64_t index = 0;
  int64_t stride = 1;
  for (size_t back = 1; back <= shape.size(); ++back) {
    const int64_t at = i % shape[shape.size() - back];
    i /= shape[shape.size() - back];
    if (back > from.size()) continue;
    const int64_t size = from[from.size() - back];
    index += size == 1 ? 0 : at * stride;
    stride *= size;
  }
  return index;
}

Shape RandomShape(Random& random, int rank) {
  Shape shape(rank);
  for (int64_t& size : shape) size = Uniform(random, 1, rank > 3 ? 4 : 19);
  return shape;
}

Shape BroadcastingTo(Shape shape, Random& random) {
  for (int64_t& size : shape) {
    if (Uniform(random, 0, 2) == 0) size = 1;
  }
  const auto gone = Uniform(random, 0, 3) == 0
                        ? Uniform(random, 0, static_cast<int64_t>(shape.size()))
                        : 0;
  shape.erase(shape.begin(), shape.begin() + gone);
  return shape;
}

template <typename T>
Tensor SmallNumbers(const Shape& shape, Random& random) {
  Tensor tensor(DTypeOf<T>(), shape);
  for (T& v : tensor.mutable_data<T>()) {
    v = static_cast<T>(Uniform(random, std::is_same_v<T, bool> ? 0 : -3,
                               std::is_same_v<T, bool> ? 1 : 3));
  }
  return tensor;
}

// Checks `kind` on Ts giving Ys.
template <typename T, typename Y>
void CheckBinary(ir::BinaryKind kind, Y (*meaning)(T, T), Random& random) {
  for (int i = 0; i < 40; ++i) {
    const Shape shape = RandomShape(random, i % 6);
    const Tensor a = SmallNumbers<T>(
        i % 2 == 0 ? shape : BroadcastingTo(shape, random), random);
    const Tensor b = SmallNumbers<T>(
        i % 2 == 1 ? shape : BroadcastingTo(shape, random), random);
    const Tensor y = RunOp(ir::Binary{kind, {}}, {a, b}, DTypeOf<Y>(), shape);
    for (int64_t e = 0; e < y.size(); ++e) {
      const T u = a.data<T>()[BroadcastIndex(e, shape, a.shape())];
      const T v = b.data<T>()[BroadcastIndex(e, shape, b.shape())];
      ASSERT_EQ(y.data<Y>()[e], meaning(u, v))
          << ShapeToString(a.shape()) << " and " << ShapeToString(b.shape());
    }
  }
}

template <typename T>
void CheckArithmetic(Random& random) {
  using K = ir::BinaryKind;
  CheckBinary<T, T>(
      K::kAdd, [](T a, T b) -> T { return a + b; }, random);
  CheckBinary<T, T>(
      K::kSub, [](T a, T b) -> T { return a - b; }, random);
  CheckBinary<T, T>(
      K::kMul, [](T a, T b) -> T { return a * b; }, random);
  CheckBinary<T, T>(
      K::kMin, [](T a, T b) { return std::min(a, b); }, random);
  CheckBinary<T, T>(
      K::kMax, [](T a, T b) { return std::max(a, b); }, random);
}

template <typename T>
void CheckComparisons(Random& random) {
  using K = ir::BinaryKind;
  CheckBinary<T, bool>(
      K::kEqual, [](T a, T b) { return a == b; }, random);
  CheckBinary<T, bool>(
      K::kLess, [](T a, T b) { return a < b; }, random);
  CheckBinary<T, bool>(
      K::kLessOrEqual, [](T a, T b) { return a <= b; }, random);
  CheckBinary<T, bool>(
      K::kGreater, [](T a, T b) { return a > b; }, random);
  CheckBinary<T, bool>(
      K::kGreaterOrEqual, [](T a, T b) { return a >= b; }, random);
}

TEST(TypedBinaryStepTest, ComputesEveryTypeAndBroadcast) {
  Random random(1);
  CheckArithmetic<int32_t>(random);
  CheckArithmetic<int64_t>(random);
  CheckArithmetic<double>(random);
  CheckComparisons<float>(random);
  CheckComparisons<double>(random);
  CheckComparisons<int32_t>(random);
  CheckComparisons<int64_t>(random);
  CheckComparisons<int8_t>(random);
  using K = ir::BinaryKind;
  CheckBinary<bool, bool>(
      K::kAnd, [](bool a, bool b) { return a && b; }, random);
  CheckBinary<bool, bool>(
      K::kOr, [](bool a, bool b) { return a || b; }, random);
  CheckBinary<bool, bool>(
      K::kXor, [](bool a, bool b) { return a != b; }, random);
}

TEST(TypedBinaryStepTest, IntegersWrapAround) {
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  const Tensor y = RunOp(
      ir::Binary{ir::BinaryKind::kAdd, {}},
      {TensorOf<int32_t>({2}, {kMax, -5}), TensorOf<int32_t>({2}, {1, 3})},
      DType::kInt32, {2});
  EXPECT_EQ(ElementsOf<int32_t>(y),
            (std::vector<int32_t>{std::numeric_limits<int32_t>::min(), -2}));
}

TEST(TypedBinaryStepTest, NothingIsEqualToNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor y =
      RunOp(ir::Binary{ir::BinaryKind::kEqual, {}},
            {TensorOf<float>({2}, {nan, 1}), TensorOf<float>({2}, {nan, 1})},
            DType::kBool, {2});
  EXPECT_EQ(ElementsOf<bool>(y), (std::vector<bool>{false, true}));
}

template <typename T>
void CheckWhere(Random& random) {
  for (int i = 0; i < 60; ++i) {
    const Shape shape = RandomShape(random, i % 6);
    const auto pick = [&](int which) {
      return i % 4 == which ? shape : BroadcastingTo(shape, random);
    };
    // One of the three has the whole shape.
    const Tensor condition =
        SmallNumbers<bool>(i % 4 == 3 ? shape : pick(0), random);
    const Tensor a = SmallNumbers<T>(pick(1), random);
    const Tensor b = SmallNumbers<T>(pick(2), random);
    const Tensor y =
        RunOp(ir::Where{}, {condition, a, b}, DTypeOf<T>(), shape, 1 + i % 2);
    for (int64_t e = 0; e < y.size(); ++e) {
      const bool holds =
          condition.data<bool>()[BroadcastIndex(e, shape, condition.shape())];
      const T want = holds ? a.data<T>()[BroadcastIndex(e, shape, a.shape())]
                           : b.data<T>()[BroadcastIndex(e, shape, b.shape())];
      ASSERT_EQ(y.data<T>()[e], want) << "case " << i;
    }
  }
}

TEST(WhereStepTest, ChoosesElementsOfEverySize) {
  Random random(2);
  CheckWhere<int8_t>(random);
  CheckWhere<int16_t>(random);
  CheckWhere<float>(random);
  CheckWhere<int64_t>(random);
}

TEST(GatherStepTest, TakesEntriesAlongAnyAxis) {
  Random random(3);
  for (int i = 0; i < 80; ++i) {
    const Shape shape = RandomShape(random, 1 + i % 4);
    const int axis = static_cast<int>(
        Uniform(random, 0, static_cast<int64_t>(shape.size()) - 1));
    const int64_t length = shape[axis];
    const Tensor x = SmallNumbers<float>(shape, random);
    const int64_t count = Uniform(random, 1, 9);
    Tensor wide(DType::kInt64, {count});
    Tensor narrow(DType::kInt32, {count});
    std::vector<int64_t> entries;
    for (int64_t k = 0; k < count; ++k) {
      // Negative ones count from the end; two are out of range.
      const int64_t index = Uniform(random, -length - 1, length);
      wide.mutable_data<int64_t>()[k] = index;
      narrow.mutable_data<int32_t>()[k] = static_cast<int32_t>(index);
      entries.push_back(std::clamp<int64_t>(index < 0 ? index + length : index,
                                            0, length - 1));
    }
    Shape y_shape = shape;
    y_shape[axis] = count;
    const int64_t inner =
        ElementCount(absl::MakeConstSpan(shape).subspan(axis + 1));
    for (const Tensor& indices : {wide, narrow}) {
      const Tensor y = RunOp(ir::Gather{axis}, {x, indices}, DType::kFloat32,
                             y_shape, 1 + i % 2);
      for (int64_t e = 0; e < y.size(); ++e) {
        const int64_t outer = e / inner / count;
        const int64_t entry = entries[e / inner % count];
        ASSERT_EQ(
            y.data<float>()[e],
            x.data<float>()[(outer * length + entry) * inner + e % inner]);
      }
    }
  }
}

TEST(GatherStepTest, SharesLargeTensorsOut) {
  const Tensor x = RandomFloats({1000, 64}, 1);
  Tensor indices(DType::kInt64, {30000});
  for (int64_t i = 0; i < 30000; ++i) {
    indices.mutable_data<int64_t>()[i] = i * 7919 % 1000;
  }
  const Tensor y =
      RunOp(ir::Gather{0}, {x, indices}, DType::kFloat32, {30000, 64}, 2);
  for (int64_t i = 0; i < 30000; ++i) {
    ASSERT_EQ(std::memcmp(&y.data<float>()[i * 64],
                          &x.data<float>()[i * 7919 % 1000 * 64], 256),
              0);
  }
}

TEST(ExpandStepTest, RepeatsAlongEveryAxisThatIsOne) {
  Random random(4);
  for (int i = 0; i < 60; ++i) {
    const Shape shape = RandomShape(random, i % 6);
    const Tensor x = SmallNumbers<float>(BroadcastingTo(shape, random), random);
    const Tensor y =
        RunOp(ir::Expand{ir::FixedDims(shape)}, {x}, DType::kFloat32, shape);
    for (int64_t e = 0; e < y.size(); ++e) {
      ASSERT_EQ(y.data<float>()[e],
                x.data<float>()[BroadcastIndex(e, shape, x.shape())]);
    }
  }
}

TEST(ArgReduceStepTest, FindsTheFirstOrLastExtremeAlongAnyAxis) {
  Random random(5);
  for (int i = 0; i < 80; ++i) {
    const Shape shape = RandomShape(random, 1 + i % 4);
    ir::ArgReduce op;
    op.axis = static_cast<int>(
        Uniform(random, 0, static_cast<int64_t>(shape.size()) - 1));
    op.largest = i % 2 == 0;
    op.last_index = i % 3 == 0;
    Tensor x = SmallNumbers<float>(shape, random);  // many are equal
    if (i % 5 == 0) {
      x.mutable_data<float>()[Uniform(random, 0, x.size() - 1)] =
          std::numeric_limits<float>::quiet_NaN();
    }
    Shape y_shape = shape;
    y_shape[op.axis] = 1;
    const Tensor y = RunOp(op, {x}, DType::kInt64, y_shape, 1 + i % 2);
    const int64_t length = shape[op.axis];
    const int64_t inner =
        ElementCount(absl::MakeConstSpan(shape).subspan(op.axis + 1));
    for (int64_t e = 0; e < y.size(); ++e) {
      const auto at = [&](int64_t k) {
        return x.data<float>()[(e / inner * length + k) * inner + e % inner];
      };
      int64_t want = 0;
      for (int64_t k = 1; k < length; ++k) {
        if (std::isnan(at(want))) break;
        if (std::isnan(at(k)) ||
            (op.largest ? at(k) > at(want) : at(k) < at(want)) ||
            (op.last_index && at(k) == at(want))) {
          want = k;
        }
      }
      ASSERT_EQ(y.data<int64_t>()[e], want) << ShapeToString(shape);
    }
  }
}

TEST(CastStepTest, ConvertsAsTheReferenceDoes) {
  constexpr DType kTypes[] = {DType::kFloat32, DType::kFloat64, DType::kInt8,
                              DType::kUInt8,   DType::kInt32,   DType::kInt64,
                              DType::kBool};
  const std::vector<float> reals = {0,
                                    -0.0f,
                                    1,
                                    -1,
                                    2.9f,
                                    -2.9f,
                                    127,
                                    128,
                                    255,
                                    256,
                                    -129,
                                    3e9f,
                                    -3e9f,
                                    1e19f,
                                    -1e30f,
                                    std::numeric_limits<float>::quiet_NaN(),
                                    std::numeric_limits<float>::infinity()};
  const auto n = static_cast<int64_t>(reals.size());
  for (DType from : kTypes) {
    SingleNode make;
    make.op = ir::Cast{from};
    make.inputs = {TensorOf<float>({n}, reals)};
    const auto x = RunSingleNode(*reference::CreateReferenceBackend(), make);
    ASSERT_TRUE(x.ok()) << x.status();
    for (DType to : kTypes) {
      SingleNode node;
      node.op = ir::Cast{to};
      node.inputs = {*x};
      const auto want =
          RunSingleNode(*reference::CreateReferenceBackend(), node);
      const auto got = RunSingleNode(*CreateSimdBackend(), node);
      ASSERT_TRUE(want.ok() && got.ok()) << got.status();
      EXPECT_EQ(std::memcmp(got->bytes(), want->bytes(), want->byte_size()), 0)
          << Name(from) << " to " << Name(to);
    }
  }
}

TEST(ByteClampStepTest, EqualsTheReferenceForEveryByte) {
  for (DType dtype : {DType::kUInt8, DType::kInt8}) {
    const int low = dtype == DType::kInt8 ? -128 : 0;
    Tensor x(dtype, {256});
    for (int i = 0; i < 256; ++i) {
      x.mutable_bytes()[i] = static_cast<std::byte>(i);
    }
    for (float scale : {0.05f, 0.033f, 0.4f}) {
      for (const ir::Activation& range :
           {ir::Activation{0, 6}, ir::Activation{-1.3f, 2.2f},
            ir::Activation{}}) {
        SingleNode node;
        node.op = ir::Clamp{range};
        node.inputs = {
            NodeInput(x, ir::Quantization::PerTensor(0.05f, low + 100))};
        node.output =
            NodeOutput{dtype, ir::Quantization::PerTensor(scale, low + 90)};
        const auto want =
            RunSingleNode(*reference::CreateReferenceBackend(), node);
        const auto got = RunSingleNode(*CreateSimdBackend(), node);
        ASSERT_TRUE(want.ok() && got.ok()) << got.status();
        EXPECT_EQ(std::memcmp(got->bytes(), want->bytes(), 256), 0);
      }
    }
  }
}

// Entry that position `at` of a padded axis shows, walked one by one.
int64_t Walk(ir::PadMode mode, int64_t at, int64_t size) {
  if (mode == ir::PadMode::kEdge) return std::clamp<int64_t>(at, 0, size - 1);
  int64_t step = at < 0 ? -1 : 1;
  int64_t entry = 0;
  for (int64_t i = 0; i < std::abs(at); ++i) {
    if (mode == ir::PadMode::kWrap) {
      entry = (entry + step + size) % size;
      continue;
    }
    if (size == 1) continue;
    if (entry + step < 0 || entry + step >= size) step = -step;
    entry += step;
  }
  return entry;
}

TEST(PadStepTest, RepeatsWhatIsInside) {
  Random random(6);
  for (ir::PadMode mode :
       {ir::PadMode::kReflect, ir::PadMode::kEdge, ir::PadMode::kWrap}) {
    for (int i = 0; i < 60; ++i) {
      const Shape shape = RandomShape(random, i % 5);
      ir::Pad op;
      op.mode = mode;
      Shape padded = shape;
      for (int64_t& size : padded) {
        op.begin.push_back(std::max<int64_t>(0, Uniform(random, -4, 5)));
        op.end.push_back(std::max<int64_t>(0, Uniform(random, -4, 5)));
        size += op.begin.back() + op.end.back();
      }
      const Tensor x = RandomFloats(shape, static_cast<uint32_t>(i));
      const Tensor y = RunOp(op, {x}, DType::kFloat32, padded, 1 + i % 2);
      for (int64_t e = 0; e < y.size(); ++e) {
        int64_t source = 0;
        int64_t stride = 1;
        int64_t rest = e;
        for (size_t axis = shape.size(); axis-- > 0;) {
          const int64_t at = rest % padded[axis] - op.begin[axis];
          rest /= padded[axis];
          source += Walk(mode, at, shape[axis]) * stride;
          stride *= shape[axis];
        }
        ASSERT_EQ(y.data<float>()[e], x.data<float>()[source]);
      }
    }
  }
}

TEST(IndexedCopyTest, RefusesEntriesThatAreNotThere) {
  IndexedCopyParams params;
  params.sizes = {3};
  params.entries = {{0, 3}};
  EXPECT_EQ(IndexedCopy::Create(params).status().code(),
            absl::StatusCode::kInvalidArgument);
  params.entries = {{0, -1}};
  EXPECT_EQ(IndexedCopy::Create(params).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace octet::simd
