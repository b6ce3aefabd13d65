// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/float_kernels.h"

#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal {
namespace {

FloatKernels MakeAvx512FloatKernels() {
  FloatKernels kernels = kAvx2FloatKernels;
  kernels.isa = Isa::kAvx512;
  kernels.row_product = avx512::RowProduct;
  return kernels;
}

}  // namespace

const FloatKernels& FloatKernelsFor(Isa isa) {
  static const FloatKernels avx512 = MakeAvx512FloatKernels();
  if (isa >= Isa::kAvx512) return avx512;
  return isa >= Isa::kAvx2 ? kAvx2FloatKernels : kPortableFloatKernels;
}

}  // namespace octet::simd::internal
