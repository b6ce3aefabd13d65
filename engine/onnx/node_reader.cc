// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/node_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"

namespace octet::onnx {
namespace {

std::string DescribeNode(const pb::NodeProto& proto) {
  if (!proto.name().empty()) return proto.name();
  return absl::StrCat(proto.op_type(), "(",
                      proto.output_size() > 0 ? proto.output(0) : "", ")");
}

}  // namespace

NodeReader::NodeReader(const pb::NodeProto& proto, int64_t opset)
    : proto_(proto), opset_(opset), name_(DescribeNode(proto)) {
  for (const pb::AttributeProto& attribute : proto.attribute()) {
    attributes_.emplace(attribute.name(), &attribute);
  }
}

absl::Status NodeReader::ExpectInputs(int least, int most) const {
  if (proto_.input_size() > most) {
    return absl::InvalidArgumentError(absl::StrCat(
        "got ", proto_.input_size(), " inputs; expected at most ", most));
  }
  for (int i = 0; i < least; ++i) {
    if (!HasInput(i)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input ", i, " is missing; expected at least ", least, " inputs"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<const pb::AttributeProto*> NodeReader::Find(
    absl::string_view name, int32_t type) const {
  Ignore(name);
  const auto it = attributes_.find(name);
  if (it == attributes_.end()) return nullptr;
  if (!it->second->ref_attr_name().empty()) {
    return absl::UnimplementedError(absl::StrCat(
        "attribute '", name, "' refers to an attribute of a function"));
  }
  // Files of IR version 1 leave the type out.
  if (it->second->type() != type &&
      it->second->type() != pb::AttributeProto::UNDEFINED) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute '", name, "' has type ", it->second->type(),
                     " of AttributeProto.AttributeType; expected ", type));
  }
  return it->second;
}

absl::StatusOr<const pb::GraphProto*> NodeReader::Subgraph(
    absl::string_view name) const {
  OCTET_ASSIGN_OR_RETURN(const auto* attribute,
                         Find(name, pb::AttributeProto::GRAPH));
  if (attribute == nullptr || !attribute->has_g()) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute '", name, "', a graph, is missing"));
  }
  return &attribute->g();
}

absl::StatusOr<int64_t> NodeReader::Int(absl::string_view name,
                                        int64_t absent) const {
  OCTET_ASSIGN_OR_RETURN(const auto* attribute,
                         Find(name, pb::AttributeProto::INT));
  return attribute == nullptr ? absent : attribute->i();
}

absl::StatusOr<float> NodeReader::Float(absl::string_view name,
                                        float absent) const {
  OCTET_ASSIGN_OR_RETURN(const auto* attribute,
                         Find(name, pb::AttributeProto::FLOAT));
  return attribute == nullptr ? absent : attribute->f();
}

absl::StatusOr<std::string> NodeReader::String(
    absl::string_view name, const std::string& absent) const {
  OCTET_ASSIGN_OR_RETURN(const auto* attribute,
                         Find(name, pb::AttributeProto::STRING));
  return attribute == nullptr ? absent : attribute->s();
}

absl::StatusOr<std::optional<std::vector<int64_t>>> NodeReader::Ints(
    absl::string_view name) const {
  OCTET_ASSIGN_OR_RETURN(const auto* attribute,
                         Find(name, pb::AttributeProto::INTS));
  if (attribute == nullptr) return std::nullopt;
  return std::vector<int64_t>(attribute->ints().begin(),
                              attribute->ints().end());
}

absl::StatusOr<std::optional<std::vector<float>>> NodeReader::Floats(
    absl::string_view name) const {
  OCTET_ASSIGN_OR_RETURN(const auto* attribute,
                         Find(name, pb::AttributeProto::FLOATS));
  if (attribute == nullptr) return std::nullopt;
  return std::vector<float>(attribute->floats().begin(),
                            attribute->floats().end());
}

absl::StatusOr<std::optional<std::vector<std::string>>> NodeReader::Strings(
    absl::string_view name) const {
  OCTET_ASSIGN_OR_RETURN(const auto* attribute,
                         Find(name, pb::AttributeProto::STRINGS));
  if (attribute == nullptr) return std::nullopt;
  return std::vector<std::string>(attribute->strings().begin(),
                                  attribute->strings().end());
}

absl::StatusOr<std::optional<Tensor>> NodeReader::TensorValue(
    absl::string_view name) const {
  OCTET_ASSIGN_OR_RETURN(const auto* attribute,
                         Find(name, pb::AttributeProto::TENSOR));
  if (attribute == nullptr) return std::nullopt;
  const std::optional<NarrowType> narrow =
      NarrowTypeFromOnnx(attribute->t().data_type());
  if (narrow == NarrowType::kInt4 || narrow == NarrowType::kUInt4) {
    return absl::UnimplementedError(
        absl::StrCat("attribute '", name,
                     "' has elements of 4 bits; octet "
                     "reads them from initializers"));
  }
  OCTET_ASSIGN_OR_RETURN(Tensor tensor, TensorFromProto(attribute->t()));
  return Widened(std::move(tensor));
}

absl::Status NodeReader::ExpectAllKnown() const {
  for (const pb::AttributeProto& attribute : proto_.attribute()) {
    if (!known_.contains(attribute.name())) {
      return absl::UnimplementedError(
          absl::StrCat("attribute '", attribute.name(), "'"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> NormalizedAxis(int64_t axis, size_t rank) {
  const int64_t signed_rank = static_cast<int64_t>(rank);
  if (axis < -signed_rank || axis >= signed_rank) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis, " of a tensor with ", rank, " axes"));
  }
  return static_cast<int>(axis < 0 ? axis + signed_rank : axis);
}

}  // namespace octet::onnx
