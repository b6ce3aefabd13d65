// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/float_kernels.h"

namespace octet::simd::internal {

const FloatKernels& FloatKernelsFor(Isa isa) {
  if (isa >= Isa::kAvx512) return kAvx512FloatKernels;
  return isa >= Isa::kAvx2 ? kAvx2FloatKernels : kPortableFloatKernels;
}

}  // namespace octet::simd::internal
