// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/recurrent_kernels.h"

namespace octet::simd::internal {

const RecurrentKernels& RecurrentKernelsFor(Isa isa) {
  if (isa >= Isa::kAvx512) return kAvx512RecurrentKernels;
  return isa >= Isa::kAvx2 ? kAvx2RecurrentKernels : kPortableRecurrentKernels;
}

}  // namespace octet::simd::internal
