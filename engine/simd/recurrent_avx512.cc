// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/floats_avx512.h"
#include "engine/simd/recurrent_loops.h"

namespace octet::simd::internal {

constexpr RecurrentKernels kAvx512RecurrentKernels = {
    .isa = Isa::kAvx512,
    .multiply = Multiply<Avx512Floats>,
    .lstm = FinishLstmRow<Avx512Floats>,
    .gru_reset = ResetGruRow<Avx512Floats>,
    .gru = FinishGruRow<Avx512Floats>,
    .rnn = FinishRnnRow<Avx512Floats>,
};

}  // namespace octet::simd::internal
