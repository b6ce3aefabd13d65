// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_BACKEND_H_
#define OCTET_ENGINE_REFERENCE_BACKEND_H_

#include <memory>

#include "engine/plan/step.h"

namespace octet::reference {

// How convolutions sum float32 products.
enum class FloatSums {
  // In double, rounded to float32 once.
  kDouble,
  // In float32, in blocks of the filter's taps in their order, the blocks'
  // sums in theirs, then the bias: 128 taps, each multiplied and added with one
  // rounding; where a group has one input and one output channel, four, each
  // rounded twice. So does the matrix product of ONNX Runtime's CPU kernels
  // (MLAS, sgemm), which models with QuantizeLinear were often checked with:
  // where a sum lies halfway between two integers its order decides.
  kOnnxRuntime,
};

// The backend "reference": plain loops that say what each operator of
// engine/ir/op.h means. The oracle of the tests and the last resort of a plan.
//
// Float sums are taken in double and rounded to float32 once, convolutions' as
// `conv_sums` says; integers follow engine/ir/README.md to the last bit.
// Results depend on neither the number of threads nor the layout.
std::unique_ptr<plan::Backend> CreateReferenceBackend(
    FloatSums conv_sums = FloatSums::kDouble);

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_BACKEND_H_
