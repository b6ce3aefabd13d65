// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_IMPORT_WINDOW_H_
#define OCTET_ENGINE_ONNX_IMPORT_WINDOW_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/ir/op.h"
#include "engine/ir/tensor_type.h"
#include "engine/onnx/node_reader.h"

// Attributes that the operators with a sliding window share.
namespace octet::onnx {

// UNIMPLEMENTED unless `x` is [N, C, spatial...] with 1 to 3 spatial axes and
// fixed numbers behind the batch axis.
absl::Status ExpectImage(const ir::Dims& x);

// UNIMPLEMENTED unless `type` is float32 and stands for itself.
absl::Status ExpectFloat32(absl::string_view what, const ir::TensorType& type);

// The attribute `name` of `count` entries from `absent` up; all of them
// `absent` where it is not given.
absl::StatusOr<std::vector<int64_t>> WindowEntries(const NodeReader& node,
                                                   absl::string_view name,
                                                   size_t count,
                                                   int64_t absent);

struct SlidingWindow {
  ir::Window window;
  // By auto_pad SAME_* or VALID, which say how many windows there are.
  bool auto_padded = false;
};

// The window of a node on an input of dimensions `x`, [N, C, spatial...].
// `kernel` stands in where the attribute kernel_shape is absent.
absl::StatusOr<SlidingWindow> ReadWindow(const NodeReader& node,
                                         const ir::Dims& x,
                                         std::vector<int64_t> kernel);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_IMPORT_WINDOW_H_
