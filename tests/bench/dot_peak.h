// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_TESTS_BENCH_DOT_PEAK_H_
#define OCTET_TESTS_BENCH_DOT_PEAK_H_

#include <cstdint>

namespace octet::simd {

// Runs products of four bytes (vpdpbusd, 512 bits) on registers as fast as the
// core can and returns how many multiply-accumulates that were. REQUIRES:
// AVX-512 VNNI.
int64_t RunByteDots();

}  // namespace octet::simd

#endif  // OCTET_TESTS_BENCH_DOT_PEAK_H_
