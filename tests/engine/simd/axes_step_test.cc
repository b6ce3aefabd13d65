// SPDX-License-Identifier: Apache-2.0
// Steps that combine floats along axes, against the reference's or, where it
// has none, against the formula in double.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "engine/simd/float_kernels.h"
#include "gtest/gtest.h"
#include "tests/engine/simd/oracle.h"
#include "tests/testing/graph_builder.h"
#include "tests/testing/single_node.h"

namespace octet::simd {
namespace {

using internal::FloatKernelsFor;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Within `tolerance` of each element's magnitude (or of `floor`).
void ExpectNear(absl::Span<const float> got, absl::Span<const float> want,
                float tolerance, float floor) {
  ASSERT_EQ(got.size(), want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i]) ? std::isnan(got[i]) : got[i] == want[i]) continue;
    ASSERT_LE(std::fabs(got[i] - want[i]),
              tolerance * std::max(std::fabs(want[i]), floor))
        << "element " << i << " is " << got[i] << ", expected " << want[i];
  }
}

void ExpectNearReference(const SingleNode& node, float tolerance,
                         float floor = 0) {
  const auto expected =
      RunSingleNode(*reference::CreateReferenceBackend(), node);
  ASSERT_TRUE(expected.ok()) << expected.status();
  absl::StatusOr<Tensor> first;
  for (int threads : {1, 2}) {
    const auto got = RunSingleNode(*CreateSimdBackend(), node, threads);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_EQ(got->shape(), expected->shape());
    ExpectNear(got->data<float>(), expected->data<float>(), tolerance, floor);
    if (threads == 1) {
      first = got;
    } else {
      EXPECT_EQ(std::memcmp(got->bytes(), first->bytes(), first->byte_size()),
                0)
          << "threads change the answer";
    }
  }
}

// Sums in double, in another order, rounded once.
constexpr float kOneRounding = 0x1p-23f;

constexpr ir::ReduceKind kKinds[] = {
    ir::ReduceKind::kSum, ir::ReduceKind::kMean, ir::ReduceKind::kMax,
    ir::ReduceKind::kMin, ir::ReduceKind::kProd, ir::ReduceKind::kSumSquare,
    ir::ReduceKind::kL1,  ir::ReduceKind::kL2};

TEST(ReduceStepTest, IsNearTheReferenceOverAnyAxes) {
  Random random(1);
  for (ir::ReduceKind kind : kKinds) {
    for (int rank = 0; rank <= 6; ++rank) {
      for (int i = 0; i < 20; ++i) {
        ir::Reduce op;
        op.kind = kind;
        op.keep_dims = i % 2 == 0;
        Shape shape;
        for (int axis = 0; axis < rank; ++axis) {
          shape.push_back(Uniform(random, 1, rank > 3 ? 6 : 37));
          if (Uniform(random, 0, 1) == 0) op.axes.push_back(axis);
        }
        SingleNode node;
        node.op = op;
        node.inputs = {RandomFloats(shape, static_cast<uint32_t>(i))};
        SCOPED_TRACE(ShapeToString(shape));
        ExpectNearReference(node, kOneRounding, 1e-9f);
      }
    }
  }
}

TEST(ReduceStepTest, SharesLargeTensorsOut) {
  for (const std::vector<int>& axes :
       {std::vector<int>{0}, {1}, {2}, {0, 2}, {1, 2}}) {
    SingleNode node;
    node.op = ir::Reduce{ir::ReduceKind::kMean, axes, true};
    node.inputs = {RandomFloats({67, 83, 97}, 3)};
    ExpectNearReference(node, kOneRounding, 1e-9f);
  }
}

TEST(ReduceStepTest, NaNWinsEverywhere) {
  for (ir::ReduceKind kind : {ir::ReduceKind::kMax, ir::ReduceKind::kMin}) {
    for (int64_t n : {1, 3, 16, 17, 40}) {
      for (int64_t at = 0; at < n; ++at) {
        Tensor x = RandomFloats({n, 2}, 1);
        x.mutable_data<float>()[at * 2 + 1] = kNaN;
        SingleNode node;
        node.op = ir::Reduce{kind, {0}, false};
        node.inputs = {x};
        ExpectNearReference(node, 0);
        node.inputs = {x.Reshaped({2, n})};
        node.op = ir::Reduce{kind, {1}, false};
        ExpectNearReference(node, 0);
      }
    }
  }
}

// x less the largest is rounded to float: with x of [-20, 20], powers are off
// by 40 * 2^-24 of themselves, and a little by the function and the sum.
constexpr float kSoftmax = 3e-6f;

TEST(SoftmaxStepTest, IsNearTheReferenceOverAnyAxisAndLength) {
  for (bool log : {false, true}) {
    for (int64_t n = 1; n <= 45; ++n) {
      for (const Shape& shape :
           {Shape{n}, Shape{5, n}, Shape{3, n, 2}, Shape{2, n, 19}}) {
        const int axis = shape.size() < 2 ? 0 : 1;
        SingleNode node;
        node.op = ir::Softmax{axis, false, log};
        node.inputs = {RandomFloats(shape, static_cast<uint32_t>(n), -20, 20)};
        SCOPED_TRACE(ShapeToString(shape));
        ExpectNearReference(node, kSoftmax, log ? 1.0f : 0.0f);
      }
    }
    SingleNode node;
    node.op = ir::Softmax{1, true, log};
    node.inputs = {RandomFloats({3, 4, 5, 6}, 1, -5, 5)};
    ExpectNearReference(node, kSoftmax, log ? 1.0f : 0.0f);
    node.op = ir::Softmax{1, false, log};
    node.inputs = {RandomFloats({300, 500}, 1, -5, 5)};
    ExpectNearReference(node, kSoftmax, log ? 1.0f : 0.0f);
    node.inputs = {RandomFloats({40000, 2}, 1, -5, 5)};
    ExpectNearReference(node, kSoftmax, log ? 1.0f : 0.0f);
  }
}

TEST(SoftmaxStepTest, InfinitiesAndNaNAreAsInTheReference) {
  for (int64_t n : {3, 20}) {
    for (float special : {kInfinity, -kInfinity, kNaN}) {
      Tensor x = RandomFloats({2, n}, 1);
      x.mutable_data<float>()[1] = special;
      SingleNode node;
      node.op = ir::Softmax{1};
      node.inputs = {x};
      ExpectNearReference(node, 1e-6f);
    }
    SingleNode node;
    Tensor x(DType::kFloat32, {1, n});
    for (float& v : x.mutable_data<float>()) v = -kInfinity;
    node.op = ir::Softmax{1};
    node.inputs = {x};
    ExpectNearReference(node, 0);
  }
}

TEST(SoftmaxStepTest, LargeLogitsKeepTheirSums) {
  SingleNode node;
  node.op = ir::Softmax{1};
  node.inputs = {RandomFloats({2, 5000}, 1, 1e5f, 1e5f + 4)};
  ExpectNearReference(node, 1e-6f);
}

TEST(BatchNormStepTest, IsNearTheReference) {
  for (const Shape& shape : {Shape{2, 3}, Shape{3, 17, 5}, Shape{2, 24, 37, 33},
                             Shape{1, 1, 1, 1}}) {
    const int64_t c = shape[1];
    SingleNode node;
    node.op = ir::BatchNorm{};
    node.inputs = {RandomFloats(shape, 1), RandomFloats({c}, 2),
                   RandomFloats({c}, 3), RandomFloats({c}, 4),
                   RandomFloats({c}, 5, 0.1f, 2)};
    ExpectNearReference(node, 1e-6f, 1);
  }
}

TEST(LrnStepTest, IsNearTheReferenceOverAnyAxis) {
  for (const Shape& shape :
       {Shape{2, 64, 5, 3}, Shape{3, 1, 9}, Shape{2, 4, 3, 67}, Shape{5, 6},
        Shape{2, 0, 3}, Shape{1, 3, 2, 130}}) {
    for (int axis = 1; axis < static_cast<int>(shape.size()); ++axis) {
      for (int64_t size : {1, 2, 5, 6, 40}) {
        for (float beta : {0.75f, 0.5f, 1.0f, 2.0f}) {
          SingleNode node;
          node.op = ir::Lrn{.axis = axis,
                            .size = size,
                            .alpha = 0.7f,
                            .beta = beta,
                            .bias = 1.5f};
          node.inputs = {RandomFloats(shape, 3, -40, 40)};
          ExpectNearReference(node, 2e-6f);
        }
      }
    }
  }
}

TEST(LrnStepTest, PassesOnWhatIsNoNumber) {
  SingleNode node;
  node.op = ir::Lrn{.axis = 1, .size = 3};
  node.inputs = {TensorOf<float>(
      {1, 12}, {1, 2, 3, kNaN, 5, 6, 7, kInfinity, 9, 10, -0.0f, 1e15f})};
  ExpectNearReference(node, 1e-6f);
}

TEST(LrnKernelTest, NoElementDependsOnWhereItsPartBegins) {
  const Tensor x = RandomFloats({90}, 5);
  for (Isa isa : TestedIsas()) {
    internal::LrnTask task;
    task.x = x.data<float>().data();
    task.n = task.end = 90;
    task.stride = 3;
    task.before = 2;
    task.behind = 3;
    task.alpha = 0.2f;
    task.beta = 0.6f;
    std::vector<float> whole(90);
    task.y = whole.data();
    FloatKernelsFor(isa).lrn(task);
    std::vector<float> parts(90);
    task.y = parts.data();
    for (task.begin = 0; task.begin < 90; task.begin = task.end) {
      task.end = std::min<int64_t>(90, task.begin + 1 + task.begin % 13);
      FloatKernelsFor(isa).lrn(task);
    }
    EXPECT_EQ(parts, whole) << IsaName(isa);
  }
}

// Rows of `n` as ir::LayerNorm says, in double.
std::vector<float> NormInDouble(const internal::LayerNormTask& task) {
  std::vector<float> y;
  for (int64_t r = 0; r < task.rows; ++r) {
    const float* x = task.x + r * task.length;
    double mean = 0;
    for (int64_t i = 0; i < task.length; ++i) mean += x[i];
    mean = task.subtract_mean ? mean / static_cast<double>(task.length) : 0;
    double variance = 0;
    for (int64_t i = 0; i < task.length; ++i) {
      variance += (x[i] - mean) * (x[i] - mean);
    }
    variance /= static_cast<double>(task.length);
    for (int64_t i = 0; i < task.length; ++i) {
      double v = (x[i] - mean) / std::sqrt(variance + task.epsilon);
      if (task.scale != nullptr) v *= task.scale[i];
      if (task.bias != nullptr) v += task.bias[i];
      y.push_back(static_cast<float>(v));
    }
  }
  return y;
}

TEST(LayerNormKernelTest, IsNearTheFormulaAtEveryLength) {
  for (Isa isa : TestedIsas()) {
    for (int64_t n = 1; n <= 80; ++n) {
      for (int options = 0; options < 8; ++options) {
        // Far from 0, so that the mean has to be taken off with care.
        const float shift = options & 1 ? 1000.0f : 0.0f;
        const Tensor x = RandomFloats({3, n}, static_cast<uint32_t>(n),
                                      shift - 1, shift + 1);
        const Tensor scale = RandomFloats({n}, 7);
        const Tensor bias = RandomFloats({n}, 8);
        std::vector<float> y(3 * n);
        internal::LayerNormTask task;
        task.x = x.data<float>().data();
        task.y = y.data();
        task.rows = 3;
        task.length = n;
        task.epsilon = 1e-5;
        task.subtract_mean = (options & 2) == 0;
        if (options & 4) {
          task.scale = scale.data<float>().data();
          task.bias = bias.data<float>().data();
        }
        FloatKernelsFor(isa).layer_norm(task);
        ExpectNear(y, NormInDouble(task), 1e-6f, 1);
      }
    }
  }
}

// Each sum in the order of the depth: with fused products, bit by bit.
TEST(RowProductTest, EveryTileIsThePlainSum) {
  constexpr int64_t kStride = 90;  // of all three, more than there are columns
  constexpr float kUntouched = 77;
  const Tensor a = RandomFloats({13, kStride}, 1);
  const Tensor b = RandomFloats({kStride, kStride}, 2);
  for (Isa isa : TestedIsas()) {
    for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 12, 13}) {
      for (int64_t columns = 1; columns <= 83; ++columns) {
        std::vector<float> y(rows * kStride, kUntouched);
        internal::RowProductTask task;
        task.a = a.data<float>().data();
        task.b = b.data<float>().data();
        task.y = y.data();
        task.a_stride = task.b_stride = task.y_stride = kStride;
        task.rows = rows;
        task.depth = columns % 7 + 1;
        task.columns = columns;
        FloatKernelsFor(isa).row_product(task);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t j = 0; j < kStride; ++j) {
            float sum = j < columns ? 0 : kUntouched;
            for (int64_t d = 0; j < columns && d < task.depth; ++d) {
              const float left = task.a[r * kStride + d];
              const float right = task.b[d * kStride + j];
              sum = isa >= Isa::kAvx2 ? std::fma(left, right, sum)
                                      : left * right + sum;
            }
            ASSERT_EQ(y[r * kStride + j], sum)
                << IsaName(isa) << ": " << rows << "x" << columns << " at " << r
                << ", " << j;
          }
        }
      }
    }
  }
}

TEST(ReductionKernelTest, EveryInstructionSetSumsAlike) {
  Random random(5);
  for (ir::ReduceKind kind : kKinds) {
    for (int64_t n = 1; n <= 70; ++n) {
      const Tensor x = RandomFloats({n, 33}, static_cast<uint32_t>(n));
      const float* data = x.data<float>().data();
      const auto& portable = FloatKernelsFor(Isa::kPortable);
      for (Isa isa : TestedIsas()) {
        const auto& kernels = FloatKernelsFor(isa);
        EXPECT_EQ(kernels.reduce_row(kind)(data, n, 0.5),
                  portable.reduce_row(kind)(data, n, 0.5));
        const int columns = static_cast<int>(Uniform(random, 1, 32));
        std::vector<double> a(33, 0.5);
        std::vector<double> b(33, 0.5);
        kernels.reduce_columns(kind)(data, n, 33, columns, a.data());
        portable.reduce_columns(kind)(data, n, 33, columns, b.data());
        EXPECT_EQ(a, b);
        EXPECT_EQ(a[columns], 0.5);
      }
    }
  }
}

// Rows of float results that both tables have, through every kind of kernel
// that adds along a row.
std::vector<float> RowsOf(const internal::FloatKernels& kernels, int64_t n,
                          const float* x) {
  std::vector<float> y(5 * 3 * n);
  float* next = y.data();
  const auto place = [&] { return std::exchange(next, next + 3 * n); };
  kernels.softmax({x, place(), n, 1, 3, false});
  kernels.softmax({x, place(), n, 1, 3, true});
  kernels.layer_norm({x, place(), x + n, x + 2 * n, 3, n, 1e-5, true});
  for (float beta : {0.75f, 0.6f}) {
    kernels.lrn({x, place(), 3 * n, 0, 3 * n, 1, 2, 2, 1e-2f, beta, 1});
  }
  return y;
}

// What rounds to the same number everywhere may be followed by a rounding to
// integers, so that whole int8 networks answer alike.
TEST(FloatKernelsTest, Avx512GivesTheBitsOfAvx2) {
  if (ActiveIsa() < Isa::kAvx512) GTEST_SKIP() << "no AVX-512 here";
  for (int64_t n = 1; n <= 150; ++n) {
    const Tensor x = RandomFloats({3, n}, static_cast<uint32_t>(n), -9, 9);
    const float* data = x.data<float>().data();
    EXPECT_EQ(RowsOf(FloatKernelsFor(Isa::kAvx512), n, data),
              RowsOf(FloatKernelsFor(Isa::kAvx2), n, data))
        << n;
  }
}

}  // namespace
}  // namespace octet::simd
