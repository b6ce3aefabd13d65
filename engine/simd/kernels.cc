// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/kernels.h"

#include "engine/simd/kernels_avx2.h"
#include "engine/simd/kernels_avx512.h"
#include "engine/simd/kernels_portable.h"
#include "engine/simd/quads_vnni256.h"

namespace octet::simd::internal {
namespace {

constexpr Kernels kPortableKernels = {
    .isa = Isa::kPortable,
    .product_isa = Isa::kPortable,
    .widen = portable::Widen,
    .gemm = portable::Gemm,
    .weave = portable::Weave,
    .depthwise = portable::Depthwise,
    .quad_width = 0,
    .weave_quads = nullptr,
    .depthwise_quads = nullptr,
    .direct_depthwise = nullptr,
    .gemm_quads = nullptr,
    .flip_top_bits = nullptr,
    .winograd_tiles = 0,
    .winograd_width = 0,
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
    .quad_width = 0,
    .weave_quads = nullptr,
    .depthwise_quads = nullptr,
    .direct_depthwise = nullptr,
    .gemm_quads = nullptr,
    .flip_top_bits = nullptr,
    .winograd_tiles = 6,
    .winograd_width = 8,
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

// 256-bit VNNI's products, in the encoding that this machine has.
Kernels WithVnni256(Kernels kernels) {
  kernels.isa = Isa::kAvxVnni;
  kernels.product_isa = Isa::kAvxVnni;
  kernels.quad_width = 32;
  const bool vex = DetectedCpuFeatures().avx_vnni;
  kernels.weave_quads = vex ? avx_vnni::WeaveQuads : avx512_vl::WeaveQuads;
  kernels.depthwise_quads = vex ? avx_vnni::Depthwise : avx512_vl::Depthwise;
  kernels.gemm_quads = vex ? avx_vnni::Gemm : avx512_vl::Gemm;
  kernels.flip_top_bits = vex ? avx_vnni::FlipTopBits : avx512_vl::FlipTopBits;
  return kernels;
}

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

Kernels WithVnni(Kernels kernels) {
  kernels.isa = Isa::kAvx512Vnni;
  kernels.product_isa = Isa::kAvx512Vnni;
  kernels.quad_width = kQuadGroup;
  kernels.weave_quads = vnni::WeaveQuads;
  kernels.depthwise_quads = vnni::Depthwise;
  kernels.direct_depthwise = DetectedCpuFeatures().avx512_vbmi
                                 ? vbmi::DirectDepthwiseRows
                                 : vnni::DirectDepthwiseRows;
  kernels.gemm_quads = vnni::Gemm;
  kernels.flip_top_bits = vnni::FlipTopBits;
  kernels.winograd_tiles = 12;
  kernels.winograd_width = 16;
  kernels.winograd_patch = vnni::TransformPatch;
  kernels.winograd_group = vnni::MultiplyGroup;
  return kernels;
}

constexpr Kernels kAvx512Kernels = WithAvx512(kAvx2Kernels);

}  // namespace

const Kernels& KernelsFor(Isa isa) {
  if (isa >= Isa::kAvx512Vnni) {
    static const Kernels kernels = WithVnni(kAvx512Kernels);
    return kernels;
  }
  if (isa >= Isa::kAvx512) return kAvx512Kernels;
  if (isa >= Isa::kAvxVnni) {
    static const Kernels kernels = WithVnni256(kAvx2Kernels);
    return kernels;
  }
  return isa >= Isa::kAvx2 ? kAvx2Kernels : kPortableKernels;
}

}  // namespace octet::simd::internal
