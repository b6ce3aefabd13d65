// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/floats_portable.h"
#include "engine/simd/recurrent_loops.h"

namespace octet::simd::internal {

constexpr RecurrentKernels kPortableRecurrentKernels = {
    .isa = Isa::kPortable,
    .multiply = Multiply<PortableFloats>,
    .lstm = FinishLstmRow<PortableFloats>,
    .gru_reset = ResetGruRow<PortableFloats>,
    .gru = FinishGruRow<PortableFloats>,
    .rnn = FinishRnnRow<PortableFloats>,
};

}  // namespace octet::simd::internal
