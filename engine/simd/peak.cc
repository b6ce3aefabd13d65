// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/peak.h"

// In assembly, so that no compiler spills or folds the chains. 12 of them hide
// the latency of 4 or 5 cycles at two instructions a cycle.
namespace octet::simd {
namespace {

constexpr int64_t kIterations = 10000;
constexpr int64_t kChains = 12;

#define OCTET_CLOBBERS                                                  \
  "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
      "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define OCTET_EACH_CHAIN(one)                                             \
  one("0") one("1") one("2") one("3") one("4") one("5") one("6") one("7") \
      one("8") one("9") one("10") one("11")
#define OCTET_LOOP(one)                                                          \
  do {                                                                           \
    int64_t left = kIterations;                                                  \
    __asm__ volatile("vpxor %%xmm12, %%xmm12, %%xmm12\n" OCTET_EACH_CHAIN(     \
                         OCTET_CLEAR) "1:\n" OCTET_EACH_CHAIN(one) "dec %0\n"  \
                                      "jnz 1b\n"                              \
                                      "vzeroupper\n"                          \
                     : "+r"(left)                                             \
                     :                                                        \
                     : OCTET_CLOBBERS); \
  } while (false)
#define OCTET_CLEAR(n) "vpxor %%xmm" n ", %%xmm" n ", %%xmm" n "\n"
#define OCTET_FMA_YMM(n) "vfmadd231ps %%ymm12, %%ymm12, %%ymm" n "\n"
#define OCTET_FMA_ZMM(n) "vfmadd231ps %%zmm12, %%zmm12, %%zmm" n "\n"
#define OCTET_DOT_YMM(n) "%{vex%} vpdpbusd %%ymm12, %%ymm12, %%ymm" n "\n"
#define OCTET_DOT_YMM_EVEX(n) "vpdpbusd %%ymm12, %%ymm12, %%ymm" n "\n"
#define OCTET_DOT_ZMM(n) "vpdpbusd %%zmm12, %%zmm12, %%zmm" n "\n"
#define OCTET_PAIRS_YMM(n)               \
  "vpmaddwd %%ymm12, %%ymm12, %%ymm13\n" \
  "vpaddd %%ymm13, %%ymm" n ", %%ymm" n "\n"

}  // namespace

int64_t RunFloatProducts(Isa isa) {
  if (isa >= Isa::kAvx512) {
    OCTET_LOOP(OCTET_FMA_ZMM);
    return kIterations * kChains * 16;
  }
  if (isa < Isa::kAvx2) return 0;
  OCTET_LOOP(OCTET_FMA_YMM);
  return kIterations * kChains * 8;
}

int64_t RunByteProducts(Isa isa) {
  if (isa >= Isa::kAvx512Vnni) {
    OCTET_LOOP(OCTET_DOT_ZMM);
    return kIterations * kChains * 64;
  }
  if (isa == Isa::kAvxVnni) {
    if (DetectedCpuFeatures().avx_vnni) {
      OCTET_LOOP(OCTET_DOT_YMM);
    } else {
      OCTET_LOOP(OCTET_DOT_YMM_EVEX);
    }
    return kIterations * kChains * 32;
  }
  if (isa < Isa::kAvx2) return 0;
  OCTET_LOOP(OCTET_PAIRS_YMM);
  return kIterations * kChains * 16;
}

#undef OCTET_PAIRS_YMM
#undef OCTET_DOT_ZMM
#undef OCTET_DOT_YMM_EVEX
#undef OCTET_DOT_YMM
#undef OCTET_FMA_ZMM
#undef OCTET_FMA_YMM
#undef OCTET_CLEAR
#undef OCTET_LOOP
#undef OCTET_EACH_CHAIN
#undef OCTET_CLOBBERS

}  // namespace octet::simd
