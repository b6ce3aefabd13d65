// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_BENCH_FMA_PEAK_H_
#define OCTET_TESTS_BENCH_FMA_PEAK_H_

#include <cstdint>

namespace octet::simd {

// Runs fp32 fused multiply-adds on registers as fast as the core can (AVX2)
// and returns how many multiply-accumulates that were. The yardstick of the
// integer kernels.
int64_t RunFmas();

}  // namespace octet::simd

#endif  // OCTET_TESTS_BENCH_FMA_PEAK_H_
