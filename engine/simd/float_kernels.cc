// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/float_kernels.h"

namespace octet::simd::internal {

const FloatKernels& FloatKernelsFor(Isa isa) {
  return isa >= Isa::kAvx2 ? kAvx2FloatKernels : kPortableFloatKernels;
}

}  // namespace octet::simd::internal
