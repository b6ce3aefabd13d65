// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/float_axes.h"
#include "engine/simd/float_elementwise.h"
#include "engine/simd/float_lrn.h"
#include "engine/simd/float_product.h"
#include "engine/simd/floats_avx2.h"

namespace octet::simd::internal {

constexpr FloatKernels kAvx2FloatKernels = {
    .isa = Isa::kAvx2,
    .unary = UnaryRowFor<Avx2Floats>,
    .binary = BinaryRowFor<Avx2Floats>,
    .clamp = ClampRow<Avx2Floats>,
    .reduce_row = ReduceRowFor<Avx2Floats>,
    .reduce_columns = ReduceColumnsFor<Avx2Floats>,
    .softmax = SoftmaxAll<Avx2Floats>,
    .layer_norm = LayerNormRows<Avx2Floats>,
    .affine_row = AffineRow<Avx2Floats>,
    .lrn = Lrn<Avx2Floats>,
    .row_product = RowProduct<Avx2Floats>,
};

}  // namespace octet::simd::internal
