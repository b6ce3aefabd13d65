// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/direct_depthwise_vnni512.h"
#include "engine/simd/kernels_avx512.h"

namespace octet::simd::internal::vnni {

void DirectDepthwiseRows(const DirectDepthwise& task) {
  DirectDepthwiseOf(task);
}

}  // namespace octet::simd::internal::vnni
