// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_KERNELS_AVX512_H_
#define OCTET_ENGINE_SIMD_KERNELS_AVX512_H_

#include <cstdint>

#include "engine/simd/byte_quads.h"
#include "engine/simd/float_kernels.h"
#include "engine/simd/kernels.h"

// For AVX-512 (F, BW, DQ, VL). Only the *_avx512.cc files are compiled for
// these instructions: call through KernelsFor().
namespace octet::simd::internal::avx512 {

void Sum(const SumTask& task);
void Quantize(const QuantizeTask& task, const float* src, uint8_t* dst);
void Dequantize(const QuantizeTask& task, const uint8_t* src, float* dst);
void QuantizePlanes(const QuantizeTask& task, const float* src,
                    int64_t plane_stride, int64_t channels, uint8_t* dst);
void MaxPool(const PoolWindow& window, uint8_t* dst);
void AveragePool(const PoolWindow& window, const AverageOutput& out);
void RowProduct(const RowProductTask& task);

}  // namespace octet::simd::internal::avx512

// The same with VNNI, in the *_vnni.cc files.
namespace octet::simd::internal::vnni {

void WeaveQuads(const QuadWeave& weave, uint8_t* dst);
void Depthwise(const DepthwiseQuads& task);
void DirectDepthwiseRows(const DirectDepthwise& task);
void Gemm(const QuadGemm& gemm);
void FlipTopBits(const void* src, int64_t n, uint8_t* dst);
void TransformPatch(const WinogradPatch& patch);
void MultiplyGroup(const WinogradGroup& group);

}  // namespace octet::simd::internal::vnni

// The same with VBMI, in the *_vbmi.cc files.
namespace octet::simd::internal::vbmi {

void DirectDepthwiseRows(const DirectDepthwise& task);

}  // namespace octet::simd::internal::vbmi

#endif  // OCTET_ENGINE_SIMD_KERNELS_AVX512_H_
