// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "engine/reference/product_output.h"
#include "engine/reference/sliding_window.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

struct TransposedShape {
  Image x;
  Image weights;  // batch = input channels, channels = outputs of a group
  Image y;
  WindowAxes window;
  int64_t inputs_per_group = 1;
};

// The input position that tap `k` carries to output position `out`; -1 where
// there is none.
int64_t Source(const WindowAxis& axis, int64_t out, int64_t k, int64_t inputs) {
  const int64_t distance = out + axis.pad_begin - k * axis.dilation;
  if (distance < 0 || distance % axis.stride != 0) return -1;
  const int64_t position = distance / axis.stride;
  return position < inputs ? position : -1;
}

// Taps of the innermost axis that reach output position `out`, over all input
// channels of the group; `x` and `weights` point at position 0 of the first.
template <typename Products>
typename Products::Sum SumOfTaps(const TransposedShape& shape,
                                 const Products& products,
                                 const typename Products::Element* x,
                                 const typename Products::Weight* weights,
                                 int64_t out) {
  using Sum = typename Products::Sum;
  const Sum zero_point = products.zero_point();
  Sum sum = 0;
  for (int64_t k = 0; k < shape.window[2].kernel; ++k) {
    const int64_t w = Source(shape.window[2], out, k, shape.x.size[2]);
    if (w < 0) continue;
    const auto* element = x + w * shape.x.strides[2];
    const auto* weight = weights + k * shape.weights.strides[2];
    for (int64_t c = 0; c < shape.inputs_per_group; ++c) {
      sum +=
          (static_cast<Sum>(element[c * shape.x.channel_stride]) - zero_point) *
          static_cast<Sum>(weight[c * shape.weights.batch_stride]);
    }
  }
  return sum;
}

// One row of the output along its width.
template <typename Products>
void ComputeRow(const TransposedShape& shape, const Products& products,
                const LoopMemory& memory, int64_t row) {
  const Image& y = shape.y;
  const int64_t h = row % y.size[1];
  const int64_t d = row / y.size[1] % y.size[0];
  const int64_t c = row / (y.size[1] * y.size[0]) % y.channels;
  const int64_t n = row / (y.size[1] * y.size[0] * y.channels);
  const int64_t outputs = shape.weights.channels;
  const int64_t first = c / outputs * shape.inputs_per_group;
  const int64_t output = y.Offset(n, c, d, h);
  const auto* x = memory.in<typename Products::Element>(0);
  const auto* weights = memory.in<typename Products::Weight>(1);
  for (int64_t w = 0; w < y.size[2]; ++w) {
    typename Products::Sum sum = products.Start(memory, c);
    for (int64_t kd = 0; kd < shape.window[0].kernel; ++kd) {
      const int64_t from_d = Source(shape.window[0], d, kd, shape.x.size[0]);
      for (int64_t kh = 0; from_d >= 0 && kh < shape.window[1].kernel; ++kh) {
        const int64_t from_h = Source(shape.window[1], h, kh, shape.x.size[1]);
        if (from_h < 0) continue;
        sum += SumOfTaps(
            shape, products, x + shape.x.Offset(n, first, from_d, from_h),
            weights + shape.weights.Offset(first, c % outputs, kd, kh), w);
      }
    }
    products.Store(memory, sum, c, output + w * y.strides[2]);
  }
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::ConvTranspose& op,
                                 const NodeTypes& node) {
  TransposedShape shape;
  shape.x = ImageOf(node.input_shape(0), op.layout);
  shape.weights = ImageOf(node.input_shape(1), op.layout);
  shape.y = ImageOf(node.output_shape(), op.layout);
  shape.window = WindowAxesOf(op.window);
  shape.inputs_per_group = shape.x.channels / op.groups;
  ProductNode product;
  product.activation = op.activation;
  if (op.has_bias) product.bias = 2;
  const auto rank = static_cast<int>(node.input(1).dims.size());
  product.channel_axis = op.layout == ir::Layout::kChannelsFirst ? 1 : rank - 1;
  return ForProducts(node, product, [&](auto products) {
    return MakeLoopStep([shape, products](const LoopMemory& memory) {
      const Image& y = shape.y;
      memory.pool->ParallelRun(
          y.batch * y.channels * y.size[0] * y.size[1],
          [&](int64_t row) { ComputeRow(shape, products, memory, row); });
    });
  });
}

}  // namespace octet::reference
