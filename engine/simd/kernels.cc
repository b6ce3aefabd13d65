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
};

constexpr Kernels kAvx2Kernels = {
    .isa = Isa::kAvx2,
    .widen = avx2::Widen,
    .gemm = avx2::Gemm,
    .weave = avx2::Weave,
    .depthwise = avx2::Depthwise,
};

}  // namespace

const Kernels& KernelsFor(Isa isa) {
  return isa >= Isa::kAvx2 ? kAvx2Kernels : kPortableKernels;
}

}  // namespace octet::simd::internal
