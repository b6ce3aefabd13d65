// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_CPU_FEATURES_H_
#define OCTET_ENGINE_SIMD_CPU_FEATURES_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace octet::simd {

// What this processor and the operating system's saved state together allow:
// a feature is true only if its registers survive a context switch.
struct CpuFeatures {
  bool avx2 = false;
  bool fma = false;
  bool avx_vnni = false;
  bool avx512_core = false;  // F, BW, DQ, VL
  bool avx512_vnni = false;
  bool avx512_vbmi = false;  // missing in the first with AVX-512 VNNI
  bool amx_int8 = false;

  bool operator==(const CpuFeatures&) const = default;
};

// Detected once; the same object ever after. Thread-safe.
const CpuFeatures& DetectedCpuFeatures();

// Instruction sets in rising order; each includes those before it except that
// kAvx512 does not include kAvxVnni's instructions: vpdpbusd of 256 bits, in
// the encoding of AVX-VNNI or of AVX-512 VNNI.
enum class Isa { kPortable, kAvx2, kAvxVnni, kAvx512, kAvx512Vnni, kAmxInt8 };

// "portable", "avx2", "avx_vnni", "avx512", "avx512_vnni", "amx_int8".
absl::string_view IsaName(Isa isa);

// The inverse of IsaName().
std::optional<Isa> ParseIsa(absl::string_view name);

// The highest Isa that `features` can run.
Isa BestIsa(const CpuFeatures& features);

// `features` without those that instruction sets above `limit` bring; what
// AVX-512 VNNI has of kAvxVnni stays, as avx_vnni.
CpuFeatures LimitFeatures(CpuFeatures features, Isa limit);

// BestIsa() of this machine, no higher than what the environment variable
// OCTET_MAX_ISA names, read once; an unknown name there is ignored.
Isa ActiveIsa();

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_CPU_FEATURES_H_
