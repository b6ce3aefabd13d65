// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_TENSOR_PROTO_H_
#define OCTET_ENGINE_ONNX_TENSOR_PROTO_H_

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/base/dtype.h"
#include "engine/base/tensor.h"
#include "engine/onnx/limits.h"

namespace octet::onnx {

// The namespace of the generated classes, told apart from ours.
namespace pb = ::onnx;

class ExternalData;

// The element type with this number in TensorProto.DataType. UNIMPLEMENTED for
// strings, complex numbers, sub-byte types and numbers from newer versions.
absl::StatusOr<DType> DTypeFromOnnx(int32_t data_type);
int32_t DTypeToOnnx(DType dtype);

// Element types that nothing computes in: tensors of them are widened when they
// are read, halves to float32, the others to the 8-bit type of their sign.
enum class NarrowType { kFloat16, kBFloat16, kInt4, kUInt4 };

// Of the number in TensorProto.DataType; nullopt for other types.
std::optional<NarrowType> NarrowTypeFromOnnx(int32_t data_type);
std::optional<NarrowType> NarrowTypeOf(DType dtype);

// The tensor's elements, copied, as they are (4-bit ones widened to 8); memory
// is bounded by the size of `proto` or of the file that has them. The messages
// don't name the tensor; the caller adds that.
// DATA_LOSS      bytes or elements don't fit the shape.
// UNIMPLEMENTED  segments, an element type we don't hold.
// others         as ExternalData; without one, elements in another file are
//                FAILED_PRECONDITION.
absl::StatusOr<Tensor> TensorFromProto(const pb::TensorProto& proto,
                                       ExternalData* external = nullptr);

// Bytes of the elements as raw data.
absl::StatusOr<int64_t> RawByteSize(const pb::TensorProto& proto);

// Half types as float32, others as they are.
Tensor Widened(Tensor tensor);
// float32 rounded to a half type.
Tensor Narrowed(const Tensor& tensor, DType half);

// The inverse, with the elements as raw data.
pb::TensorProto TensorToProto(const std::string& name, const Tensor& tensor);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_TENSOR_PROTO_H_
