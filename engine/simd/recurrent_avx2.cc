// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/floats_avx2.h"
#include "engine/simd/recurrent_loops.h"

namespace octet::simd::internal {

constexpr RecurrentKernels kAvx2RecurrentKernels = {
    .isa = Isa::kAvx2,
    .multiply = Multiply<Avx2Floats>,
    .lstm = FinishLstmRow<Avx2Floats>,
    .gru_reset = ResetGruRow<Avx2Floats>,
    .gru = FinishGruRow<Avx2Floats>,
    .rnn = FinishRnnRow<Avx2Floats>,
};

}  // namespace octet::simd::internal
