// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PASSES_PERMUTE_H_
#define OCTET_ENGINE_PASSES_PERMUTE_H_

#include <vector>

#include "engine/base/tensor.h"

namespace octet::passes {

// The permutation [N, C, spatial...] -> [N, spatial..., C]; identity below
// rank 3.
std::vector<int> PermToLast(int rank);
// Its inverse.
std::vector<int> PermToFirst(int rank);
// Where axis `axis` of channels-first data of `rank` axes is, channels last.
int AxisToLast(int axis, int rank);

// `values`, one per axis, in channels-last order.
template <typename T>
std::vector<T> PermuteToLast(const std::vector<T>& values) {
  std::vector<T> result;
  result.reserve(values.size());
  for (int axis : PermToLast(static_cast<int>(values.size()))) {
    result.push_back(values[axis]);
  }
  return result;
}

// The elements of `tensor` with axis i of the result = axis perm[i] of
// `tensor`.
Tensor Permuted(const Tensor& tensor, const std::vector<int>& perm);

}  // namespace octet::passes

#endif  // OCTET_ENGINE_PASSES_PERMUTE_H_
