// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/float_axes.h"
#include "engine/simd/float_elementwise.h"
#include "engine/simd/float_lrn.h"
#include "engine/simd/float_product.h"
#include "engine/simd/floats_portable.h"

namespace octet::simd::internal {

constexpr FloatKernels kPortableFloatKernels = {
    .isa = Isa::kPortable,
    .unary = UnaryRowFor<PortableFloats>,
    .binary = BinaryRowFor<PortableFloats>,
    .clamp = ClampRow<PortableFloats>,
    .reduce_row = ReduceRowFor<PortableFloats>,
    .reduce_columns = ReduceColumnsFor<PortableFloats>,
    .softmax = SoftmaxAll<PortableFloats>,
    .layer_norm = LayerNormRows<PortableFloats>,
    .affine_row = AffineRow<PortableFloats>,
    .lrn = Lrn<PortableFloats>,
    .row_product = RowProduct<PortableFloats>,
};

}  // namespace octet::simd::internal
