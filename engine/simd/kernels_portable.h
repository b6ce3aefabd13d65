// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_KERNELS_PORTABLE_H_
#define OCTET_ENGINE_SIMD_KERNELS_PORTABLE_H_

#include <cstdint>

#include "engine/simd/kernels.h"

// Plain loops for any x86-64 (and, nothing in them being specific, any other)
// machine, shaped so that the compiler can vectorize them.
namespace octet::simd::internal::portable {

void Widen(const void* src, const ByteType& type, int64_t n, int16_t* dst);
void Gemm(const GemmBlock& block);
void Weave(const WeaveArgs& args, int16_t* dst);
void Depthwise(const DepthwiseRow& row);
void Sum(const SumTask& task);
void Quantize(const QuantizeTask& task, const float* src, uint8_t* dst);
void Dequantize(const QuantizeTask& task, const uint8_t* src, float* dst);
void QuantizePlanes(const QuantizeTask& task, const float* src,
                    int64_t plane_stride, int64_t channels, uint8_t* dst);
void WidenHalves(const void* src, int64_t n, float* dst);
void MaxPool(const PoolWindow& window, uint8_t* dst);
void AveragePool(const PoolWindow& window, const AverageOutput& out);
void Transpose(const TransposeTask& task);
void EverySecond(const EverySecondTask& task);

}  // namespace octet::simd::internal::portable

#endif  // OCTET_ENGINE_SIMD_KERNELS_PORTABLE_H_
