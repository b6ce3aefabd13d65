// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_PEAK_H_
#define OCTET_ENGINE_SIMD_PEAK_H_

#include <cstdint>

#include "engine/simd/cpu_features.h"

// How fast a core multiplies and adds at most: instructions on registers, in
// chains that don't wait for each other. The yardstick of products.
namespace octet::simd {

// Runs some 100,000 instructions and returns how many multiply-accumulates they
// were; 0 where `isa` has none. `isa` must not be above ActiveIsa().
//
// Floats: fused multiply-adds of the widest registers. Bytes: vpdpbusd where
// there is one, else vpmaddwd and vpaddd on bytes widened before.
int64_t RunFloatProducts(Isa isa);
int64_t RunByteProducts(Isa isa);

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_PEAK_H_
