// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/reference/product_output.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

struct MatMulShape {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transpose_b = false;
  // Where the matrices of each batch entry start, in elements.
  std::vector<int64_t> a_offsets;
  std::vector<int64_t> b_offsets;
};

// sums[j] += (a[0, k) - zero point) . b[:, j] for one row of a.
template <typename Products>
void AddProducts(const MatMulShape& shape, const Products& products,
                 const typename Products::Element* a,
                 const typename Products::Weight* b,
                 typename Products::Sum* sums) {
  using Sum = typename Products::Sum;
  const Sum zero_point = products.zero_point();
  if (shape.transpose_b) {
    for (int64_t j = 0; j < shape.n; ++j) {
      Sum sum = sums[j];
      for (int64_t i = 0; i < shape.k; ++i) {
        sum += (static_cast<Sum>(a[i]) - zero_point) *
               static_cast<Sum>(b[j * shape.k + i]);
      }
      sums[j] = sum;
    }
    return;
  }
  for (int64_t i = 0; i < shape.k; ++i) {
    const Sum factor = static_cast<Sum>(a[i]) - zero_point;
    for (int64_t j = 0; j < shape.n; ++j) {
      sums[j] += factor * static_cast<Sum>(b[i * shape.n + j]);
    }
  }
}

template <typename Products>
void ComputeRows(const MatMulShape& shape, const Products& products,
                 const LoopMemory& memory, int64_t begin, int64_t end,
                 typename Products::Sum* sums) {
  const auto* a = memory.in<typename Products::Element>(0);
  const auto* b = memory.in<typename Products::Weight>(1);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t entry = row / shape.m;
    for (int64_t j = 0; j < shape.n; ++j) sums[j] = products.Start(memory, j);
    AddProducts(shape, products,
                a + shape.a_offsets[entry] + row % shape.m * shape.k,
                b + shape.b_offsets[entry], sums);
    for (int64_t j = 0; j < shape.n; ++j) {
      products.Store(memory, sums[j], j, row * shape.n + j);
    }
  }
}

template <typename Products>
StepPtr MakeMatMulLoop(MatMulShape shape, Products products, int threads) {
  using Sum = typename Products::Sum;
  const size_t scratch_bytes = threads * shape.n * sizeof(Sum);
  return MakeLoopStep(
      [shape = std::move(shape),
       products = std::move(products)](const LoopMemory& memory) {
        auto* scratch = reinterpret_cast<Sum*>(memory.scratch);
        const auto rows =
            static_cast<int64_t>(shape.a_offsets.size()) * shape.m;
        memory.pool->ParallelRanges(
            rows, [&](int64_t begin, int64_t end, int thread) {
              ComputeRows(shape, products, memory, begin, end,
                          scratch + thread * shape.n);
            });
      },
      scratch_bytes);
}

// Where each batch entry's matrix starts in an operand of shape `shape` when
// its leading axes broadcast to `batch`.
std::vector<int64_t> MatrixOffsets(const Shape& shape, const Shape& batch) {
  const Shape leading(shape.begin(), shape.end() - 2);
  const int64_t matrix = shape[shape.size() - 2] * shape.back();
  const Shape strides = BroadcastStrides(leading, batch);
  std::vector<int64_t> offsets(ElementCount(batch));
  for (size_t i = 0; i < offsets.size(); ++i) {
    offsets[i] = OffsetOf(static_cast<int64_t>(i), batch, strides) * matrix;
  }
  return offsets;
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::MatMul& op, const NodeTypes& node) {
  const Shape a = node.input_shape(0);
  const Shape b = node.input_shape(1);
  const Shape y = node.output_shape();
  if (a.size() < 2 || b.size() < 2) {
    return node.Unsupported(absl::StrCat("the inputs are ", ShapeToString(a),
                                         " and ", ShapeToString(b),
                                         "; expected at least two axes"));
  }
  const Shape batch(y.begin(), y.end() - 2);
  MatMulShape shape;
  shape.m = a[a.size() - 2];
  shape.k = a.back();
  shape.n = y.back();
  shape.transpose_b = op.transpose_b;
  shape.a_offsets = MatrixOffsets(a, batch);
  shape.b_offsets = MatrixOffsets(b, batch);

  if (!node.input(0).quantization.has_value() &&
      node.input(0).dtype != DType::kFloat32) {
    return ForType<double, int32_t, uint32_t, int64_t, uint64_t>(
        node, node.input(0).dtype, [&](auto type) {
          return MakeMatMulLoop(shape, PlainProducts<decltype(type)>(),
                                node.threads());
        });
  }
  ProductNode product;
  product.activation = op.activation;
  product.channel_axis = static_cast<int>(b.size()) - (op.transpose_b ? 2 : 1);
  if (op.has_bias) product.bias = 2;
  return ForProducts(node, product, [&](auto products) {
    return MakeMatMulLoop(std::move(shape), std::move(products),
                          node.threads());
  });
}

}  // namespace octet::reference
