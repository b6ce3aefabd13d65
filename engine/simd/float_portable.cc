// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/float_elementwise.h"
#include "engine/simd/floats_portable.h"

namespace octet::simd::internal {

constexpr FloatKernels kPortableFloatKernels = {
    .isa = Isa::kPortable,
    .unary = UnaryRowFor<PortableFloats>,
    .binary = BinaryRowFor<PortableFloats>,
    .clamp = ClampRow<PortableFloats>,
};

}  // namespace octet::simd::internal
