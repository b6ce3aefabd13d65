// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <utility>

#include "engine/reference/product_output.h"
#include "engine/reference/sliding_window.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

struct ConvShape {
  Image x;
  Image weights;  // batch = output channels, channels = input channels a group
  Image y;
  WindowAxes window;
  int64_t outputs_per_group = 1;

  // Rows along the width of the output.
  int64_t rows() const { return y.batch * y.channels * y.size[0] * y.size[1]; }
};

// One row of the output: image n, channel c, depth d, height h.
struct OutputRow {
  int64_t n;
  int64_t c;
  int64_t d;
  int64_t h;

  OutputRow(const ConvShape& shape, int64_t index)
      : n(index / (shape.y.size[1] * shape.y.size[0] * shape.y.channels)),
        c(index / (shape.y.size[1] * shape.y.size[0]) % shape.y.channels),
        d(index / shape.y.size[1] % shape.y.size[0]),
        h(index % shape.y.size[1]) {}
};

// Adds the products of one row of taps (along the width) to `sums`, one sum for
// each output position of the row. `x` and `weights` point at position 0, where
// the filter's tap is `tap`.
template <typename Products>
void AddTaps(const ConvShape& shape, const Products& products,
             const typename Products::Element* x,
             const typename Products::Weight* weights, int64_t tap,
             typename Products::Sum* sums) {
  const WindowAxis& axis = shape.window[2];
  const auto add = products.Adder();
  const int64_t step = axis.stride * shape.x.strides[2];
  for (int64_t k = 0; k < axis.kernel; ++k) {
    const auto weight = weights[k * shape.weights.strides[2]];
    const Positions inside =
        OutputsInside(axis, k, shape.x.size[2], shape.y.size[2]);
    const int64_t first = axis.Input(0, k) * shape.x.strides[2];
    for (int64_t w = inside.begin; w < inside.end; ++w) {
      add(x[first + w * step], weight, tap + k, sums[w]);
    }
  }
}

template <typename Products>
void ComputeRow(const ConvShape& shape, const Products& products,
                const LoopMemory& memory, const OutputRow& row,
                typename Products::Sum* sums) {
  const auto* x = memory.in<typename Products::Element>(0);
  const auto* weights = memory.in<typename Products::Weight>(1);
  std::fill(sums, sums + shape.y.size[2], products.Start(memory, row.c));
  const int64_t first_channel =
      row.c / shape.outputs_per_group * shape.weights.channels;
  const WindowAxes& window = shape.window;
  for (int64_t c = 0; c < shape.weights.channels; ++c) {
    for (int64_t kd = 0; kd < window[0].kernel; ++kd) {
      const int64_t d = window[0].Input(row.d, kd);
      if (d < 0 || d >= shape.x.size[0]) continue;
      for (int64_t kh = 0; kh < window[1].kernel; ++kh) {
        const int64_t h = window[1].Input(row.h, kh);
        if (h < 0 || h >= shape.x.size[1]) continue;
        const int64_t filter_row =
            (c * window[0].kernel + kd) * window[1].kernel + kh;
        AddTaps(shape, products,
                x + shape.x.Offset(row.n, first_channel + c, d, h),
                weights + shape.weights.Offset(row.c, c, kd, kh),
                filter_row * window[2].kernel, sums);
      }
    }
  }
  const int64_t y = shape.y.Offset(row.n, row.c, row.d, row.h);
  for (int64_t w = 0; w < shape.y.size[2]; ++w) {
    products.Store(memory, sums[w], row.c, y + w * shape.y.strides[2]);
  }
}

template <typename Products>
StepPtr MakeConvLoop(const ConvShape& shape, Products products, int threads) {
  using Sum = typename Products::Sum;
  const int64_t width = shape.y.size[2];
  return MakeLoopStep(
      [shape, products = std::move(products), width](const LoopMemory& memory) {
        auto* scratch = reinterpret_cast<Sum*>(memory.scratch);
        memory.pool->ParallelRanges(
            shape.rows(), [&](int64_t begin, int64_t end, int thread) {
              Sum* sums = scratch + thread * width;
              for (int64_t i = begin; i < end; ++i) {
                ComputeRow(shape, products, memory, OutputRow(shape, i), sums);
              }
            });
      },
      threads * width * sizeof(Sum));
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Conv& op, const NodeTypes& node) {
  if (!IsImage(node.input_shape(0))) {
    return node.Unsupported(
        absl::StrCat("the input is ", ShapeToString(node.input_shape(0)),
                     "; expected one to three spatial axes"));
  }
  ConvShape shape;
  shape.x = ImageOf(node.input_shape(0), op.layout);
  shape.weights = ImageOf(node.input_shape(1), op.layout);
  shape.y = ImageOf(node.output_shape(), op.layout);
  shape.window = WindowAxesOf(op.window);
  shape.outputs_per_group = shape.y.channels / op.groups;

  ProductNode product;
  product.activation = op.activation;
  if (op.has_bias) product.bias = 2;
  if (op.has_residual) product.residual = op.has_bias ? 3 : 2;
  if (node.conv_sums() == FloatSums::kOnnxRuntime &&
      node.ExpectDType(DType::kFloat32, node.input_count()).ok()) {
    const bool depthwise =
        shape.weights.channels == 1 && shape.outputs_per_group == 1;
    return MakeConvLoop(shape,
                        OrderedFloatProducts(depthwise, product.activation,
                                             product.bias, product.residual),
                        node.threads());
  }
  return ForProducts(node, product, [&](auto products) {
    return MakeConvLoop(shape, std::move(products), node.threads());
  });
}

}  // namespace octet::reference
