// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_BACKEND_H_
#define OCTET_ENGINE_SIMD_BACKEND_H_

#include <memory>

#include "engine/plan/step.h"

namespace octet::simd {

struct BackendOptions {
  // Whether to run Conv and MatMul of integers: exact on every machine, and the
  // choice where oneDNN's are not (see onednn::IntegerProductsAreExact()).
  bool products = true;
};

// The backend "simd": our own kernels for integers, bit-identical to
// `reference`. Images are channels last. Everything else is UNIMPLEMENTED with
// the reason.
std::unique_ptr<plan::Backend> CreateSimdBackend(const BackendOptions& options);

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_BACKEND_H_
