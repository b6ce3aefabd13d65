// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/tensor_proto.h"

#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/base/half_tensors.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/external_data.h"
#include "engine/onnx/importer.h"

namespace octet::onnx {
namespace {

// Of TensorProto.DataType; the distribution's header may be older.
constexpr int32_t kUInt4 = 21;
constexpr int32_t kInt4 = 22;

absl::Status CountMismatch(const char* field, int64_t got, int64_t expected) {
  return absl::DataLossError(absl::StrCat(
      field, " holds ", got, " elements; the shape asks for ", expected));
}

// What a tensor holds, as its proto says.
struct ElementType {
  DType dtype = DType::kFloat32;  // as a Tensor holds it
  bool four_bits = false;         // two to a byte, the first one low

  // Of `count` elements as raw data.
  int64_t RawBytes(int64_t count) const {
    return four_bits ? (count + 1) / 2
                     : count * static_cast<int64_t>(SizeOf(dtype));
  }
};

absl::StatusOr<ElementType> ElementTypeOf(const pb::TensorProto& proto) {
  switch (proto.data_type()) {
    case kUInt4:
      return ElementType{DType::kUInt8, true};
    case kInt4:
      return ElementType{DType::kInt8, true};
    default:
      break;
  }
  OCTET_ASSIGN_OR_RETURN(const DType dtype, DTypeFromOnnx(proto.data_type()));
  return ElementType{dtype, false};
}

absl::StatusOr<Shape> ShapeOf(const pb::TensorProto& proto) {
  if (proto.dims_size() > static_cast<int>(kMaxRank)) {
    return absl::DataLossError(absl::StrCat(
        "it has ", proto.dims_size(), " axes; expected at most ", kMaxRank));
  }
  Shape shape(proto.dims().begin(), proto.dims().end());
  const auto count = CheckedElementCount(shape, kMaxElements);
  if (!count.ok()) return absl::DataLossError(count.status().message());
  return shape;
}

// Element `i` of those packed two to a byte.
std::byte Unpacked(std::byte pair, int64_t i, DType dtype) {
  const auto bits =
      static_cast<int>(i % 2 == 0 ? pair & std::byte{15} : pair >> 4);
  const bool negative = dtype == DType::kInt8 && bits > 7;
  return static_cast<std::byte>(negative ? bits - 16 : bits);
}

Tensor FromPacked(absl::Span<const std::byte> packed, DType dtype,
                  Shape shape) {
  Tensor tensor(dtype, std::move(shape));
  std::byte* out = tensor.mutable_bytes();
  for (int64_t i = 0; i < tensor.size(); ++i) {
    out[i] = Unpacked(packed[i / 2], i, dtype);
  }
  return tensor;
}

// Only 0 and 1 are values of a C++ bool.
void NormalizeBools(Tensor& tensor) {
  if (tensor.dtype() != DType::kBool) return;
  std::byte* bytes = tensor.mutable_bytes();
  for (int64_t i = 0; i < tensor.size(); ++i) {
    bytes[i] = std::byte{bytes[i] != std::byte{0}};
  }
}

absl::StatusOr<Tensor> FromRawData(const std::string& raw, ElementType type,
                                   Shape shape) {
  const int64_t expected = type.RawBytes(ElementCount(shape));
  if (static_cast<int64_t>(raw.size()) != expected) {
    return absl::DataLossError(absl::StrCat(
        "raw_data holds ", raw.size(), " bytes; the shape ",
        ShapeToString(shape), " of ", Name(type.dtype),
        type.four_bits ? " in 4 bits" : "", " asks for ", expected));
  }
  if (type.four_bits) {
    return FromPacked(
        {reinterpret_cast<const std::byte*>(raw.data()), raw.size()},
        type.dtype, std::move(shape));
  }
  Tensor tensor(type.dtype, std::move(shape));
  if (!raw.empty()) std::memcpy(tensor.mutable_bytes(), raw.data(), raw.size());
  NormalizeBools(tensor);
  return tensor;
}

absl::StatusOr<Tensor> FromExternalData(const pb::TensorProto& proto,
                                        ElementType type, Shape shape,
                                        ExternalData& external) {
  const int64_t bytes = type.RawBytes(ElementCount(shape));
  OCTET_RETURN_IF_ERROR(external.Check(proto, bytes));
  if (type.four_bits) {
    std::vector<std::byte> packed(static_cast<size_t>(bytes));
    OCTET_RETURN_IF_ERROR(external.Read(proto, absl::MakeSpan(packed)));
    return FromPacked(packed, type.dtype, std::move(shape));
  }
  Tensor tensor(type.dtype, std::move(shape));
  OCTET_RETURN_IF_ERROR(external.Read(
      proto, {tensor.mutable_bytes(), static_cast<size_t>(bytes)}));
  NormalizeBools(tensor);
  return tensor;
}

// Elements from one of the repeated fields, narrowed to To.
template <typename To, typename Field>
absl::StatusOr<Tensor> FromField(const char* name, const Field& field,
                                 DType dtype, Shape shape, int64_t count) {
  if (field.size() != count) return CountMismatch(name, field.size(), count);
  static_assert(sizeof(To) <= sizeof(field[0]));
  Tensor tensor(dtype, std::move(shape));
  std::byte* out = tensor.mutable_bytes();
  for (const auto element : field) {
    using From = std::remove_const_t<decltype(element)>;
    if constexpr (sizeof(To) < sizeof(From)) {
      if (element < static_cast<From>(std::numeric_limits<To>::min()) ||
          element > static_cast<From>(std::numeric_limits<To>::max())) {
        return absl::DataLossError(absl::StrCat(name, " holds ", element,
                                                ", which is no ", Name(dtype)));
      }
    }
    const To narrowed = static_cast<To>(element);
    std::memcpy(out, &narrowed, sizeof(narrowed));
    out += sizeof(narrowed);
  }
  return tensor;
}

absl::StatusOr<Tensor> FromTypedData(const pb::TensorProto& proto, DType dtype,
                                     Shape shape, int64_t count) {
  const auto& ints = proto.int32_data();
  switch (dtype) {
    case DType::kFloat32:
      return FromField<float>("float_data", proto.float_data(), dtype, shape,
                              count);
    case DType::kFloat64:
      return FromField<double>("double_data", proto.double_data(), dtype, shape,
                               count);
    case DType::kInt64:
      return FromField<int64_t>("int64_data", proto.int64_data(), dtype, shape,
                                count);
    case DType::kUInt64:
      return FromField<uint64_t>("uint64_data", proto.uint64_data(), dtype,
                                 shape, count);
    case DType::kUInt32:
      return FromField<uint32_t>("uint64_data", proto.uint64_data(), dtype,
                                 shape, count);
    case DType::kInt32:
      return FromField<int32_t>("int32_data", ints, dtype, shape, count);
    case DType::kInt16:
      return FromField<int16_t>("int32_data", ints, dtype, shape, count);
    case DType::kInt8:
      return FromField<int8_t>("int32_data", ints, dtype, shape, count);
    case DType::kFloat16:
    case DType::kBFloat16:
    case DType::kUInt16:
      return FromField<uint16_t>("int32_data", ints, dtype, shape, count);
    case DType::kUInt8:
      return FromField<uint8_t>("int32_data", ints, dtype, shape, count);
    case DType::kBool:
      return FromField<bool>("int32_data", ints, dtype, shape, count);
  }
  return absl::InternalError("element type without a field");
}

}  // namespace

absl::StatusOr<DType> DTypeFromOnnx(int32_t data_type) {
  switch (data_type) {
    case pb::TensorProto::FLOAT:
      return DType::kFloat32;
    case pb::TensorProto::DOUBLE:
      return DType::kFloat64;
    case pb::TensorProto::FLOAT16:
      return DType::kFloat16;
    case pb::TensorProto::BFLOAT16:
      return DType::kBFloat16;
    case pb::TensorProto::INT8:
      return DType::kInt8;
    case pb::TensorProto::UINT8:
      return DType::kUInt8;
    case pb::TensorProto::INT16:
      return DType::kInt16;
    case pb::TensorProto::UINT16:
      return DType::kUInt16;
    case pb::TensorProto::INT32:
      return DType::kInt32;
    case pb::TensorProto::UINT32:
      return DType::kUInt32;
    case pb::TensorProto::INT64:
      return DType::kInt64;
    case pb::TensorProto::UINT64:
      return DType::kUInt64;
    case pb::TensorProto::BOOL:
      return DType::kBool;
    default:
      return absl::UnimplementedError(absl::StrCat(
          "element type ", data_type,
          " of TensorProto.DataType; expected float32, float64, float16, "
          "bfloat16, bool or integers of 8 to 64 bits"));
  }
}

int32_t DTypeToOnnx(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return pb::TensorProto::FLOAT;
    case DType::kFloat64:
      return pb::TensorProto::DOUBLE;
    case DType::kFloat16:
      return pb::TensorProto::FLOAT16;
    case DType::kBFloat16:
      return pb::TensorProto::BFLOAT16;
    case DType::kInt8:
      return pb::TensorProto::INT8;
    case DType::kUInt8:
      return pb::TensorProto::UINT8;
    case DType::kInt16:
      return pb::TensorProto::INT16;
    case DType::kUInt16:
      return pb::TensorProto::UINT16;
    case DType::kInt32:
      return pb::TensorProto::INT32;
    case DType::kUInt32:
      return pb::TensorProto::UINT32;
    case DType::kInt64:
      return pb::TensorProto::INT64;
    case DType::kUInt64:
      return pb::TensorProto::UINT64;
    case DType::kBool:
      return pb::TensorProto::BOOL;
  }
  return pb::TensorProto::UNDEFINED;
}

std::optional<NarrowType> NarrowTypeFromOnnx(int32_t data_type) {
  switch (data_type) {
    case pb::TensorProto::FLOAT16:
      return NarrowType::kFloat16;
    case pb::TensorProto::BFLOAT16:
      return NarrowType::kBFloat16;
    case kInt4:
      return NarrowType::kInt4;
    case kUInt4:
      return NarrowType::kUInt4;
    default:
      return std::nullopt;
  }
}

std::optional<NarrowType> NarrowTypeOf(DType dtype) {
  return NarrowTypeFromOnnx(DTypeToOnnx(dtype));
}

absl::StatusOr<Tensor> TensorFromProto(const pb::TensorProto& proto,
                                       ExternalData* external) {
  if (proto.has_segment()) {
    return absl::UnimplementedError("the tensor is a segment of a larger one");
  }
  OCTET_ASSIGN_OR_RETURN(const ElementType type, ElementTypeOf(proto));
  OCTET_ASSIGN_OR_RETURN(Shape shape, ShapeOf(proto));
  if (proto.data_location() == pb::TensorProto::EXTERNAL ||
      proto.external_data_size() > 0) {
    ExternalData nowhere;
    return FromExternalData(proto, type, std::move(shape),
                            external == nullptr ? nowhere : *external);
  }
  if (proto.has_raw_data()) {
    return FromRawData(proto.raw_data(), type, std::move(shape));
  }
  const int64_t count = ElementCount(shape);
  if (!type.four_bits) {
    return FromTypedData(proto, type.dtype, std::move(shape), count);
  }
  // Two to an entry of int32_data, each of which holds a byte.
  const int64_t bytes = type.RawBytes(count);
  OCTET_ASSIGN_OR_RETURN(const Tensor packed,
                         FromField<uint8_t>("int32_data", proto.int32_data(),
                                            DType::kUInt8, {bytes}, bytes));
  return FromPacked({packed.bytes(), packed.byte_size()}, type.dtype,
                    std::move(shape));
}

absl::StatusOr<int64_t> RawByteSize(const pb::TensorProto& proto) {
  OCTET_ASSIGN_OR_RETURN(const ElementType type, ElementTypeOf(proto));
  OCTET_ASSIGN_OR_RETURN(const Shape shape, ShapeOf(proto));
  return type.RawBytes(ElementCount(shape));
}

Tensor Widened(Tensor tensor) { return WithoutHalves(std::move(tensor)); }

Tensor Narrowed(const Tensor& tensor, DType half) {
  return RoundedToHalf(tensor, half);
}

pb::TensorProto TensorToProto(const std::string& name, const Tensor& tensor) {
  pb::TensorProto proto;
  proto.set_name(name);
  proto.set_data_type(DTypeToOnnx(tensor.dtype()));
  for (int64_t dim : tensor.shape()) proto.add_dims(dim);
  proto.set_raw_data(reinterpret_cast<const char*>(tensor.bytes()),
                     tensor.byte_size());
  return proto;
}

absl::StatusOr<NamedTensor> ImportTensor(absl::string_view bytes) {
  pb::TensorProto proto;
  if (bytes.size() > std::numeric_limits<int>::max() ||
      !proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("the bytes are no serialized TensorProto");
  }
  auto tensor = TensorFromProto(proto);
  if (!tensor.ok()) {
    return absl::Status(tensor.status().code(),
                        absl::StrCat("tensor '", proto.name(),
                                     "': ", tensor.status().message()));
  }
  return NamedTensor{proto.name(), *std::move(tensor)};
}

}  // namespace octet::onnx
