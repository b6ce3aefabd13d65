// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/kernels.h"

#include "engine/simd/kernels_avx2.h"
#include "engine/simd/kernels_avx512.h"
#include "engine/simd/kernels_portable.h"

namespace octet::simd::internal {
namespace {

constexpr Kernels kPortableKernels = {
    .isa = Isa::kPortable,
    .product_isa = Isa::kPortable,
    .widen = portable::Widen,
    .gemm = portable::Gemm,
    .weave = portable::Weave,
    .depthwise = portable::Depthwise,
    .weave_quads = nullptr,
    .depthwise_quads = nullptr,
    .gemm_quads = nullptr,
    .flip_top_bits = nullptr,
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
    .every_second = portable::EverySecond,
};

constexpr Kernels kAvx2Kernels = {
    .isa = Isa::kAvx2,
    .product_isa = Isa::kAvx2,
    .widen = avx2::Widen,
    .gemm = avx2::Gemm,
    .weave = avx2::Weave,
    .depthwise = avx2::Depthwise,
    .weave_quads = nullptr,
    .depthwise_quads = nullptr,
    .gemm_quads = nullptr,
    .flip_top_bits = nullptr,
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
    .every_second = avx2::EverySecond,
};

// What AVX-512 does better, and AVX2's for the rest.
constexpr Kernels WithAvx512(Kernels kernels) {
  kernels.isa = Isa::kAvx512;
  kernels.sum = avx512::Sum;
  kernels.quantize = avx512::Quantize;
  kernels.dequantize = avx512::Dequantize;
  kernels.quantize_planes = avx512::QuantizePlanes;
  kernels.max_pool = avx512::MaxPool;
  kernels.average_pool = avx512::AveragePool;
  return kernels;
}

constexpr Kernels WithVnni(Kernels kernels) {
  kernels.isa = Isa::kAvx512Vnni;
  kernels.product_isa = Isa::kAvx512Vnni;
  kernels.weave_quads = vnni::WeaveQuads;
  kernels.depthwise_quads = vnni::Depthwise;
  kernels.gemm_quads = vnni::Gemm;
  kernels.flip_top_bits = vnni::FlipTopBits;
  return kernels;
}

constexpr Kernels kAvx512Kernels = WithAvx512(kAvx2Kernels);
constexpr Kernels kAvx512VnniKernels = WithVnni(kAvx512Kernels);

}  // namespace

const Kernels& KernelsFor(Isa isa) {
  if (isa >= Isa::kAvx512Vnni) return kAvx512VnniKernels;
  if (isa >= Isa::kAvx512) return kAvx512Kernels;
  return isa >= Isa::kAvx2 ? kAvx2Kernels : kPortableKernels;
}

}  // namespace octet::simd::internal
