// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/float_axes.h"
#include "engine/simd/float_elementwise.h"
#include "engine/simd/float_lrn.h"
#include "engine/simd/floats_avx512.h"
#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal {

constexpr FloatKernels kAvx512FloatKernels = {
    .isa = Isa::kAvx512,
    .unary = UnaryRowFor<Avx512Floats>,
    .binary = BinaryRowFor<Avx512Floats>,
    .clamp = ClampRow<Avx512Floats>,
    .reduce_row = ReduceRowFor<Avx512Floats>,
    .reduce_columns = ReduceColumnsFor<Avx512Floats>,
    .softmax = SoftmaxAll<Avx512Floats>,
    .layer_norm = LayerNormRows<Avx512Floats>,
    .affine_row = AffineRow<Avx512Floats>,
    .lrn = Lrn<Avx512Floats>,
    .row_product = avx512::RowProduct,
};

}  // namespace octet::simd::internal
