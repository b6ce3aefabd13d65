// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TOOLS_TOLERANCE_H_
#define OCTET_ENGINE_TOOLS_TOLERANCE_H_

#include "absl/status/status.h"
#include "engine/base/tensor.h"

namespace octet::tools {

// How far a float element may be from the one expected; the defaults are those
// of the ONNX project's own test runner.
struct Tolerance {
  double relative = 1e-3;
  double absolute = 1e-7;
};

// OK when `got` has the dtype and shape of `expected` and every float element
// satisfies |got - expected| <= absolute + relative * |expected|, as
// numpy.allclose() has it, except that NaN equals NaN. Integers and bools must
// be equal. Otherwise INVALID_ARGUMENT, with a message that counts the elements
// that differ and shows the worst.
absl::Status CheckClose(const Tensor& got, const Tensor& expected,
                        const Tolerance& tolerance);

}  // namespace octet::tools

#endif  // OCTET_ENGINE_TOOLS_TOLERANCE_H_
