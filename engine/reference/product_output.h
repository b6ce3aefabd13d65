// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_PRODUCT_OUTPUT_H_
#define OCTET_ENGINE_REFERENCE_PRODUCT_OUTPUT_H_

#include <cmath>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "engine/plan/requantization.h"
#include "engine/reference/element_access.h"
#include "engine/reference/loop_step.h"

// What Conv and MatMul do with a finished sum of products, and where the sum
// starts; one type for float32 and one for integers. For a convolution also
// Adder(), a function that adds the product of tap `tap` of the filter.
namespace octet::reference {

// Sums float32 products in double, rounds once.
class FloatProducts {
 public:
  using Element = float;
  using Weight = float;
  using Sum = double;

  FloatProducts(const ir::Activation& activation, std::optional<int> bias,
                std::optional<int> residual)
      : activation_(activation), bias_(bias), residual_(residual) {}

  Sum zero_point() const { return 0; }

  Sum Start(const LoopMemory& memory, int64_t channel) const {
    return bias_.has_value() ? memory.in<float>(*bias_)[channel] : 0;
  }
  auto Adder() const {
    return [](float x, float weight, int64_t, Sum& sum) {
      sum += static_cast<Sum>(x) * static_cast<Sum>(weight);
    };
  }

  void Store(const LoopMemory& memory, Sum sum, int64_t channel,
             int64_t index) const {
    static_cast<void>(channel);
    if (residual_.has_value()) sum += memory.in<float>(*residual_)[index];
    memory.out<float>()[index] = Clamped(static_cast<float>(sum), activation_);
  }

 private:
  ir::Activation activation_;
  std::optional<int> bias_;      // index of the input
  std::optional<int> residual_;  // index of the input
};

// The float32 products of a convolution summed as ONNX Runtime's CPU kernels
// do, FloatSums::kOnnxRuntime.
class OrderedFloatProducts {
 public:
  using Element = float;
  using Weight = float;
  struct Sum {
    float blocks = 0;  // the finished ones
    float block = 0;   // the one under way, `index`
    int64_t index = 0;
  };

  // `depthwise`: an input and an output channel a group.
  OrderedFloatProducts(bool depthwise, const ir::Activation& activation,
                       std::optional<int> bias, std::optional<int> residual)
      : depthwise_(depthwise),
        activation_(activation),
        bias_(bias),
        residual_(residual) {}

  Sum Start(const LoopMemory&, int64_t) const { return {}; }
  auto Adder() const {
    return
        [depthwise = depthwise_](float x, float weight, int64_t tap, Sum& sum) {
          const int64_t index = tap / (depthwise ? 4 : 128);
          if (index != sum.index) {
            sum = {.blocks = sum.blocks + sum.block, .index = index};
          }
          sum.block = depthwise ? sum.block + x * weight
                                : std::fma(x, weight, sum.block);
        };
  }

  void Store(const LoopMemory& memory, const Sum& sum, int64_t channel,
             int64_t index) const {
    float y = sum.blocks + sum.block;
    if (bias_.has_value()) y += memory.in<float>(*bias_)[channel];
    if (residual_.has_value()) y += memory.in<float>(*residual_)[index];
    memory.out<float>()[index] = Clamped(y, activation_);
  }

 private:
  bool depthwise_;
  ir::Activation activation_;
  std::optional<int> bias_;      // index of the input
  std::optional<int> residual_;  // index of the input
};

// Sums products of plain numbers in their own type, integers modulo 2^32 or
// 2^64; no bias.
template <typename T>
class PlainProducts {
 public:
  using Element = T;
  using Weight = T;
  using Sum =
      typename std::conditional_t<std::is_integral_v<T>, std::make_unsigned<T>,
                                  std::type_identity<T>>::type;

  Sum zero_point() const { return 0; }
  Sum Start(const LoopMemory&, int64_t) const { return 0; }
  void Store(const LoopMemory& memory, Sum sum, int64_t channel,
             int64_t index) const {
    static_cast<void>(channel);
    memory.out<T>()[index] = static_cast<T>(sum);
  }
};

// Sums integer products modulo 2^32, which is what 32-bit accumulators in two's
// complement hold, without the undefined overflow of int32_t.
template <typename X>
class IntegerProducts {
 public:
  using Element = X;
  using Weight = int8_t;
  using Sum = uint32_t;

  IntegerProducts(plan::ProductRequantization requantization,
                  std::optional<int> bias, std::optional<int> residual,
                  DType residual_dtype)
      : requantization_(std::move(requantization)),
        bias_(bias),
        residual_(residual),
        residual_dtype_(residual_dtype) {}

  Sum zero_point() const {
    return static_cast<Sum>(requantization_.input_zero_point);
  }

  Sum Start(const LoopMemory& memory, int64_t channel) const {
    return bias_.has_value()
               ? static_cast<Sum>(memory.in<int32_t>(*bias_)[channel])
               : 0;
  }
  auto Adder() const {
    return [zero_point = zero_point()](X x, int8_t weight, int64_t, Sum& sum) {
      sum += (static_cast<Sum>(x) - zero_point) * static_cast<Sum>(weight);
    };
  }

  void Store(const LoopMemory& memory, Sum sum, int64_t channel,
             int64_t index) const {
    float residual = 0;
    if (residual_.has_value()) {
      residual = requantization_.Residual(
          Integer8At(residual_dtype_, memory.inputs[*residual_], index));
    }
    StoreReal(
        requantization_.output,
        requantization_.Real(static_cast<int32_t>(sum), channel, residual),
        memory.outputs[0], index);
  }

 private:
  plan::ProductRequantization requantization_;
  std::optional<int> bias_;      // index of the input
  std::optional<int> residual_;  // index of the input
  DType residual_dtype_;
};

// The inputs and types of a Conv or MatMul.
struct ProductNode {
  std::optional<int> bias;      // index of the input
  std::optional<int> residual;  // index of the input
  int channel_axis = 0;         // of the weights, input 1
  ir::Activation activation;
};

// `make(products)` with the FloatProducts or IntegerProducts that fit the
// node's types; Unsupported() where neither does.
template <typename Make>
absl::StatusOr<StepPtr> ForProducts(const NodeTypes& node,
                                    const ProductNode& product, Make make) {
  const ir::TensorType& input = node.input(0);
  if (!input.quantization.has_value()) {
    absl::Status floats = node.ExpectDType(DType::kFloat32, node.input_count());
    if (!floats.ok()) return floats;
    return make(
        FloatProducts(product.activation, product.bias, product.residual));
  }
  if (product.bias.has_value() &&
      node.input(*product.bias).dtype != DType::kInt32) {
    return node.Unsupported("the bias is no int32");
  }
  plan::ProductTypes types{.input = input,
                           .weights = node.input(1),
                           .channel_axis = product.channel_axis,
                           .output = node.output(),
                           .activation = product.activation};
  DType residual_dtype = DType::kUInt8;
  if (product.residual.has_value()) {
    types.residual = &node.input(*product.residual);
    residual_dtype = types.residual->dtype;
  }
  auto requantization = plan::RequantizeProducts(types);
  if (!requantization.ok()) return requantization.status();
  return ForType<uint8_t, int8_t>(node, input.dtype, [&](auto element) {
    return make(IntegerProducts<decltype(element)>(
        *std::move(requantization), product.bias, product.residual,
        residual_dtype));
  });
}

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_PRODUCT_OUTPUT_H_
