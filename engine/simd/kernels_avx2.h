// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_KERNELS_AVX2_H_
#define OCTET_ENGINE_SIMD_KERNELS_AVX2_H_

#include <cstdint>

#include "engine/simd/kernels.h"

// For AVX2 and FMA. Only the *_avx2.cc files are compiled for these
// instructions: call through KernelsFor().
namespace octet::simd::internal::avx2 {

void Widen(const void* src, const ByteType& type, int64_t n, int16_t* dst);
void Gemm(const GemmBlock& block);
void Weave(const WeaveArgs& args, int16_t* dst);
void Depthwise(const DepthwiseRow& row);
void TransformPatch(const WinogradPatch& patch);
void MultiplyGroup(const WinogradGroup& group);
void Sum(const SumTask& task);
void Quantize(const QuantizeTask& task, const float* src, uint8_t* dst);
void Dequantize(const QuantizeTask& task, const uint8_t* src, float* dst);
void QuantizePlanes(const QuantizeTask& task, const float* src,
                    int64_t plane_stride, int64_t channels, uint8_t* dst);
void WidenHalves(const void* src, int64_t n, float* dst);
int64_t ScaleBytes(const ByteScaling& task, const uint8_t* src, int64_t n,
                   uint8_t* dst);
void MaxPool(const PoolWindow& window, uint8_t* dst);
void AveragePool(const PoolWindow& window, const AverageOutput& out);
void Transpose(const TransposeTask& task);
void EverySecond(const EverySecondTask& task);

}  // namespace octet::simd::internal::avx2

#endif  // OCTET_ENGINE_SIMD_KERNELS_AVX2_H_
