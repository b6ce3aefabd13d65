// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/gate_bytes.h"

namespace octet::simd::internal {

const ByteGateKernels* ByteGateKernelsFor(Isa isa) {
  if (isa >= Isa::kAvx512Vnni) return &kVnniByteGates;
  if (isa == Isa::kAvxVnni) {
    return DetectedCpuFeatures().avx_vnni ? &kAvxVnniByteGates
                                          : &kAvx512VlByteGates;
  }
  return nullptr;
}

}  // namespace octet::simd::internal
