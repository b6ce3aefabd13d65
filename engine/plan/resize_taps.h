// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PLAN_RESIZE_TAPS_H_
#define OCTET_ENGINE_PLAN_RESIZE_TAPS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/ir/op.h"

// Which elements an ir::Resize reads and how much each of them counts; shared
// by every backend, so that all of them sample the same places.
namespace octet::plan {

// One axis. Element `o` of the output is the sum over t in [0, taps) of element
// first[o] + t of the input times weights[o * taps + t]; all of these exist.
struct ResizeTaps {
  int64_t taps = 1;
  std::vector<int64_t> first;
  std::vector<double> weights;
  // Whether `o` lies outside the input, so that the whole element is the
  // extrapolation value; empty where none can.
  std::vector<bool> outside;
};

// Whether axis `axis` of `op`, of `inputs` elements, stays as it is.
bool IsLeftAlone(const ir::Resize& op, size_t axis, int64_t inputs);

// The taps of axis `axis`, which has `inputs` elements before.
// REQUIRES: `op` passed ir::InferType() on such an input, without rows;
// inputs >= 1. Weights are computed in double; for sizes that the scale divides
// exactly, positions are quotients of whole numbers. (ONNX Resize-19; cubic:
// Keys 1981, with cubic_a as its parameter.)
ResizeTaps MakeResizeTaps(const ir::Resize& op, size_t axis, int64_t inputs);

}  // namespace octet::plan

#endif  // OCTET_ENGINE_PLAN_RESIZE_TAPS_H_
