// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_BACKEND_H_
#define OCTET_ENGINE_SIMD_BACKEND_H_

#include <memory>

#include "engine/plan/step.h"

namespace octet::simd {

// The backend "simd": our own kernels for integers, bit-identical to
// `reference` and exact on every machine. Images are channels last. Everything
// else is UNIMPLEMENTED with the reason.
std::unique_ptr<plan::Backend> CreateSimdBackend();

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_BACKEND_H_
