// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_BACKEND_H_
#define OCTET_ENGINE_SIMD_BACKEND_H_

#include <memory>

#include "engine/plan/step.h"

namespace octet::simd {

// The backend "simd": our own kernels. Integers and what only moves elements
// give the same bytes as `reference` on every machine; functions of floats are
// within 4 units in the last place of the exact result (float_math.h), and sums
// of floats are taken in double. Images are channels last. Everything else is
// UNIMPLEMENTED with the reason.
std::unique_ptr<plan::Backend> CreateSimdBackend();

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_BACKEND_H_
