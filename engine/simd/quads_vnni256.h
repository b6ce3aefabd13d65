// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_QUADS_VNNI256_H_
#define OCTET_ENGINE_SIMD_QUADS_VNNI256_H_

#include <cstdint>

#include "engine/simd/byte_quads.h"

// The tasks of byte_quads.h with vectors of 256 bits, in both encodings of
// vpdpbusd, for a processor may have one and not the other. Matrix products are
// of blocks of 32 or 16 channels. Call through KernelsFor().

// Of AVX-VNNI.
namespace octet::simd::internal::avx_vnni {

void WeaveQuads(const QuadWeave& weave, uint8_t* dst);
void Depthwise(const DepthwiseQuads& task);
void Gemm(const QuadGemm& gemm);
void FlipTopBits(const void* src, int64_t n, uint8_t* dst);

}  // namespace octet::simd::internal::avx_vnni

// Of AVX-512 VNNI and VL.
namespace octet::simd::internal::avx512_vl {

void WeaveQuads(const QuadWeave& weave, uint8_t* dst);
void Depthwise(const DepthwiseQuads& task);
void Gemm(const QuadGemm& gemm);
void FlipTopBits(const void* src, int64_t n, uint8_t* dst);

}  // namespace octet::simd::internal::avx512_vl

#endif  // OCTET_ENGINE_SIMD_QUADS_VNNI256_H_
