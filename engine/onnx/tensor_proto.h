// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_TENSOR_PROTO_H_
#define OCTET_ENGINE_ONNX_TENSOR_PROTO_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/dtype.h"
#include "engine/base/tensor.h"

namespace octet::onnx {

// The namespace of the generated classes, told apart from ours.
namespace pb = ::onnx;

// The most elements that one tensor of an imported model may have.
inline constexpr int64_t kMaxElements = int64_t{1} << 31;

// The element type with this number in TensorProto.DataType. UNIMPLEMENTED for
// strings, complex numbers, sub-byte types and numbers from newer versions.
absl::StatusOr<DType> DTypeFromOnnx(int32_t data_type);
int32_t DTypeToOnnx(DType dtype);

// The tensor's elements, copied; memory is bounded by the size of `proto`. The
// messages don't name the tensor; the caller adds that.
// DATA_LOSS      bytes or elements don't fit the shape.
// UNIMPLEMENTED  external data, segments, an element type we don't hold.
absl::StatusOr<Tensor> TensorFromProto(const pb::TensorProto& proto);

// The inverse, with the elements as raw data.
pb::TensorProto TensorToProto(const std::string& name, const Tensor& tensor);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_TENSOR_PROTO_H_
