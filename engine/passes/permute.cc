// SPDX-License-Identifier: Apache-2.0
#include "engine/passes/permute.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace octet::passes {

std::vector<int> PermToLast(int rank) {
  std::vector<int> perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  if (rank >= 3) std::rotate(perm.begin() + 1, perm.begin() + 2, perm.end());
  return perm;
}

std::vector<int> PermToFirst(int rank) {
  std::vector<int> perm(rank);
  std::iota(perm.begin(), perm.end(), 0);
  if (rank >= 3) std::rotate(perm.begin() + 1, perm.end() - 1, perm.end());
  return perm;
}

int AxisToLast(int axis, int rank) {
  const std::vector<int> perm = PermToLast(rank);
  return static_cast<int>(std::find(perm.begin(), perm.end(), axis) -
                          perm.begin());
}

Tensor Permuted(const Tensor& tensor, const std::vector<int>& perm) {
  const Shape& from = tensor.shape();
  const auto rank = static_cast<int>(from.size());
  std::vector<int64_t> strides(rank, 1);
  for (int i = rank - 2; i >= 0; --i) strides[i] = strides[i + 1] * from[i + 1];
  Shape shape;
  std::vector<int64_t> source_strides;
  for (int axis : perm) {
    shape.push_back(from[axis]);
    source_strides.push_back(strides[axis]);
  }
  Tensor result(tensor.dtype(), shape);
  const size_t size = SizeOf(tensor.dtype());
  std::vector<int64_t> at(rank, 0);
  int64_t source = 0;
  for (int64_t i = 0; i < result.size(); ++i) {
    std::memcpy(result.mutable_bytes() + i * size,
                tensor.bytes() + source * size, size);
    for (int axis = rank - 1; axis >= 0; --axis) {
      source += source_strides[axis];
      if (++at[axis] < shape[axis]) break;
      source -= source_strides[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return result;
}

}  // namespace octet::passes
