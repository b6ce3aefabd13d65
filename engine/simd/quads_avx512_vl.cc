// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/depthwise_vnni256.h"
#include "engine/simd/gate_bytes_vnni256.h"
#include "engine/simd/gemm_vnni256.h"
#include "engine/simd/quads_vnni256.h"

namespace octet::simd::internal::avx512_vl {

void WeaveQuads(const QuadWeave& weave, uint8_t* dst) {
  WeaveBy<Vectors256>(weave, dst);
}
void Depthwise(const DepthwiseQuads& task) { DepthwiseOfHalves(task); }
void Gemm(const QuadGemm& gemm) { GemmOfHalves(gemm); }
void FlipTopBits(const void* src, int64_t n, uint8_t* dst) {
  FlipTopBitsOfHalves(src, n, dst);
}

}  // namespace octet::simd::internal::avx512_vl

namespace octet::simd::internal {

constexpr ByteGateKernels kAvx512VlByteGates = {RoundGateRows,
                                                MultiplyGateBytes<GateDots256>};

}  // namespace octet::simd::internal
