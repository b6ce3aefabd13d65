// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/dot_peak.h"

namespace octet::simd {

// Twelve independent chains hide a latency of 5 cycles at two a cycle. In
// assembly, so that no compiler spills or folds them.
int64_t RunByteDots() {
  constexpr int64_t kIterations = 10000;
  int64_t left = kIterations;
  __asm__ volatile(
      "1:\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm0\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm1\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm2\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm3\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm4\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm5\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm6\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm7\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm8\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm9\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm10\n"
      "vpdpbusd %%zmm12, %%zmm12, %%zmm11\n"
      "dec %0\n"
      "jnz 1b\n"
      : "+r"(left)
      :
      : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
        "xmm8", "xmm9", "xmm10", "xmm11");
  return kIterations * 12 * 64;
}

}  // namespace octet::simd
