// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "engine/plan/requantization.h"
#include "engine/reference/element_access.h"
#include "engine/reference/steps.h"
#include "engine/reference/strides.h"

namespace octet::reference {
namespace {

// A tensor seen as [outer, channels, inner] around the axis of its scales.
struct Channels {
  ir::Quantization quantization;
  AroundAxis around;

  Channels(const ir::TensorType& type, const Shape& shape)
      : quantization(*type.quantization) {
    const int axis = quantization.axis;
    around = quantization.per_tensor() ? AroundAxis{1, 1, ElementCount(shape)}
                                       : Around(shape, axis, axis + 1);
  }

  // Calls convert(index, scale, zero_point) for all elements.
  template <typename Convert>
  void ForEach(ThreadPool* pool, Convert convert) const {
    pool->ParallelRun(around.outer * around.length, [&](int64_t i) {
      const int64_t channel = i % around.length;
      const float scale = quantization.scales[channel];
      const int32_t zero_point = quantization.zero_points[channel];
      for (int64_t j = i * around.inner; j < (i + 1) * around.inner; ++j) {
        convert(j, scale, zero_point);
      }
    });
  }
};

absl::Status ExpectQuantized(const NodeTypes& node,
                             const ir::TensorType& type) {
  if (type.quantization.has_value()) return absl::OkStatus();
  return node.Unsupported(
      absl::StrCat(ir::TypeToString(type), " has no scale"));
}

}  // namespace

absl::StatusOr<StepPtr> MakeStep(const ir::Quantize& op,
                                 const NodeTypes& node) {
  static_cast<void>(op);
  absl::Status quantized = ExpectQuantized(node, node.output());
  if (!quantized.ok()) return quantized;
  if (node.input(0).dtype != DType::kFloat32) {
    return node.Unsupported("the input is no float32");
  }
  const Channels channels(node.output(), node.output_shape());
  return ForType<uint8_t, int8_t, uint16_t, int16_t, int32_t>(
      node, node.output().dtype, [&](auto type) {
        using T = decltype(type);
        const plan::IntegerRange range = *plan::RangeOf(DTypeOf<T>());
        return MakeLoopStep([channels, range](const LoopMemory& memory) {
          const float* x = memory.in<float>(0);
          T* y = memory.out<T>();
          channels.ForEach(
              memory.pool, [&](int64_t i, float scale, int32_t zero_point) {
                y[i] = static_cast<T>(
                    plan::QuantizeOne(x[i], scale, zero_point, range));
              });
        });
      });
}

absl::StatusOr<StepPtr> MakeStep(const ir::Dequantize& op,
                                 const NodeTypes& node) {
  static_cast<void>(op);
  absl::Status quantized = ExpectQuantized(node, node.input(0));
  if (!quantized.ok()) return quantized;
  if (node.output().dtype != DType::kFloat32) {
    return node.Unsupported("the output is no float32");
  }
  const Channels channels(node.input(0), node.input_shape(0));
  return ForType<uint8_t, int8_t, uint16_t, int16_t, int32_t>(
      node, node.input(0).dtype, [&](auto type) {
        using T = decltype(type);
        return MakeLoopStep([channels](const LoopMemory& memory) {
          const T* x = memory.in<T>(0);
          float* y = memory.out<float>();
          channels.ForEach(
              memory.pool, [&](int64_t i, float scale, int32_t zero_point) {
                y[i] = static_cast<float>(int64_t{x[i]} - zero_point) * scale;
              });
        });
      });
}

absl::StatusOr<StepPtr> MakeStep(const ir::Requantize& op,
                                 const NodeTypes& node) {
  static_cast<void>(op);
  auto rescaling = plan::Rescale(node.input(0), node.output());
  if (!rescaling.ok()) return rescaling.status();
  return MakeRescaleLoop(*rescaling, node);
}

}  // namespace octet::reference
