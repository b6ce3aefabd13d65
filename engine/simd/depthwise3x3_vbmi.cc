// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/depthwise3x3_vnni512.h"
#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal::vbmi {

void Depthwise3x3Rows(const Depthwise3x3& task) { RunDepthwise3x3(task); }

}  // namespace octet::simd::internal::vbmi
