// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/cpu_features.h"

#include <cpuid.h>

#include <cstdint>
#include <cstdlib>

namespace octet::simd {
namespace {

constexpr Isa kAllIsas[] = {Isa::kPortable, Isa::kAvx2,       Isa::kAvxVnni,
                            Isa::kAvx512,   Isa::kAvx512Vnni, Isa::kAmxInt8};

struct CpuidRegisters {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

CpuidRegisters Cpuid(uint32_t leaf, uint32_t subleaf) {
  CpuidRegisters r;
  if (!__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx)) {
    return {};
  }
  return r;
}

constexpr bool Bit(uint32_t word, int bit) { return (word >> bit & 1) != 0; }

// XCR0: which register states the operating system saves. In assembly because
// the intrinsic wants -mxsave, which this file must not assume.
uint64_t EnabledState() {
  uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

CpuFeatures Detect() {
  CpuFeatures f;
  const CpuidRegisters basic = Cpuid(1, 0);
  if (!Bit(basic.ecx, 27)) return f;  // no OSXSAVE: xgetbv would trap
  const uint64_t state = EnabledState();
  const bool ymm = (state & 0x6) == 0x6;
  const bool zmm = ymm && (state & 0xE0) == 0xE0;
  const bool tiles = (state & 0x60000) == 0x60000;
  const CpuidRegisters leaf7 = Cpuid(7, 0);
  const CpuidRegisters leaf7_1 =
      leaf7.eax >= 1 ? Cpuid(7, 1) : CpuidRegisters{};
  f.avx2 = ymm && Bit(basic.ecx, 28) && Bit(leaf7.ebx, 5);
  f.fma = ymm && Bit(basic.ecx, 12);
  f.avx_vnni = f.avx2 && Bit(leaf7_1.eax, 4);
  f.avx512_core = zmm && Bit(leaf7.ebx, 16) && Bit(leaf7.ebx, 17) &&
                  Bit(leaf7.ebx, 30) && Bit(leaf7.ebx, 31);
  f.avx512_vnni = f.avx512_core && Bit(leaf7.ecx, 11);
  f.avx512_vbmi = f.avx512_core && Bit(leaf7.ecx, 1);
  f.amx_int8 = tiles && Bit(leaf7.edx, 24) && Bit(leaf7.edx, 25);
  return f;
}

}  // namespace

const CpuFeatures& DetectedCpuFeatures() {
  static const CpuFeatures features = Detect();
  return features;
}

absl::string_view IsaName(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return "portable";
    case Isa::kAvx2:
      return "avx2";
    case Isa::kAvxVnni:
      return "avx_vnni";
    case Isa::kAvx512:
      return "avx512";
    case Isa::kAvx512Vnni:
      return "avx512_vnni";
    case Isa::kAmxInt8:
      return "amx_int8";
  }
  return "portable";
}

std::optional<Isa> ParseIsa(absl::string_view name) {
  for (Isa isa : kAllIsas) {
    if (IsaName(isa) == name) return isa;
  }
  return std::nullopt;
}

Isa BestIsa(const CpuFeatures& features) {
  if (!features.avx2 || !features.fma) return Isa::kPortable;
  if (features.avx512_vnni) {
    return features.amx_int8 ? Isa::kAmxInt8 : Isa::kAvx512Vnni;
  }
  if (features.avx512_core) return Isa::kAvx512;
  return features.avx_vnni ? Isa::kAvxVnni : Isa::kAvx2;
}

CpuFeatures LimitFeatures(CpuFeatures features, Isa limit) {
  features.avx_vnni |= features.avx512_vnni;
  features.amx_int8 &= limit >= Isa::kAmxInt8;
  features.avx512_vnni &= limit >= Isa::kAvx512Vnni;
  features.avx512_vbmi &= limit >= Isa::kAvx512Vnni;
  features.avx512_core &= limit >= Isa::kAvx512;
  features.avx_vnni &= limit >= Isa::kAvxVnni;
  features.avx2 &= limit >= Isa::kAvx2;
  features.fma &= limit >= Isa::kAvx2;
  return features;
}

Isa ActiveIsa() {
  static const Isa isa = [] {
    const char* limit = std::getenv("OCTET_MAX_ISA");
    const std::optional<Isa> parsed =
        limit == nullptr ? std::nullopt : ParseIsa(limit);
    return BestIsa(
        LimitFeatures(DetectedCpuFeatures(), parsed.value_or(Isa::kAmxInt8)));
  }();
  return isa;
}

}  // namespace octet::simd
