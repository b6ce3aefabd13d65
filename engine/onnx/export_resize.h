// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_EXPORT_RESIZE_H_
#define OCTET_ENGINE_ONNX_EXPORT_RESIZE_H_

#include <onnx/onnx_pb.h>

#include "absl/status/status.h"
#include "engine/ir/op.h"
#include "engine/onnx/tensor_proto.h"

namespace octet::onnx {

// Sets the attributes of ONNX Resize-13 for `op` on an input of dimensions `x`;
// the node's scales are op.scales. UNIMPLEMENTED with the reason where opset 17
// cannot say what `op` does.
absl::Status SetResizeAttributes(const ir::Resize& op, const ir::Dims& x,
                                 pb::NodeProto* node);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_EXPORT_RESIZE_H_
