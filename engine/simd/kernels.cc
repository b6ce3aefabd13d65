// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/kernels.h"

#include "engine/simd/kernels_avx2.h"
#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal {
namespace {

constexpr Kernels kPortableKernels = {
    .isa = Isa::kPortable,
    .widen = portable::Widen,
    .gemm = portable::Gemm,
    .weave = portable::Weave,
    .depthwise = portable::Depthwise,
    .winograd_patch = nullptr,
    .winograd_group = nullptr,
    .sum = portable::Sum,
    .quantize = portable::Quantize,
    .dequantize = portable::Dequantize,
    .quantize_planes = portable::QuantizePlanes,
    .widen_halves = portable::WidenHalves,
    .scale_bytes = nullptr,
    .max_pool = portable::MaxPool,
    .average_pool = portable::AveragePool,
    .transpose = portable::Transpose,
};

constexpr Kernels kAvx2Kernels = {
    .isa = Isa::kAvx2,
    .widen = avx2::Widen,
    .gemm = avx2::Gemm,
    .weave = avx2::Weave,
    .depthwise = avx2::Depthwise,
    .winograd_patch = avx2::TransformPatch,
    .winograd_group = avx2::MultiplyGroup,
    .sum = avx2::Sum,
    .quantize = avx2::Quantize,
    .dequantize = avx2::Dequantize,
    .quantize_planes = avx2::QuantizePlanes,
    .widen_halves = avx2::WidenHalves,
    .scale_bytes = avx2::ScaleBytes,
    .max_pool = avx2::MaxPool,
    .average_pool = avx2::AveragePool,
    .transpose = avx2::Transpose,
};

}  // namespace

const Kernels& KernelsFor(Isa isa) {
  return isa >= Isa::kAvx2 ? kAvx2Kernels : kPortableKernels;
}

}  // namespace octet::simd::internal
