// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/model_writer.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace octet::onnx {
namespace {

// Scales per channel came with opset 13, LayerNormalization with 17; from 18 on
// the axes of reductions are inputs.
constexpr int64_t kIrVersion = 8;
constexpr int64_t kOpset = 17;
constexpr char kMicrosoftDomain[] = "com.microsoft";

void WriteType(const ir::TensorType& type, pb::ValueInfoProto* info) {
  auto* tensor = info->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(DTypeToOnnx(type.dtype));
  auto* shape = tensor->mutable_shape();
  for (const ir::Dim& dim : type.dims) {
    auto* out = shape->add_dim();
    if (!dim.per_row) {
      out->set_dim_value(dim.value);
    } else {
      out->set_dim_param(dim.is_rows() ? "N" : absl::StrCat(dim.value, "*N"));
    }
  }
}

// The zero points as a tensor of the quantized type: a scalar per tensor.
template <typename T>
Tensor ZeroPoints(const ir::Quantization& q, const Shape& shape) {
  const std::vector<T> values(q.zero_points.begin(), q.zero_points.end());
  return Tensor::Of<T>(shape, values);
}

}  // namespace

ModelWriter::ModelWriter(const ir::Graph& graph) : graph_(graph) {
  for (const ir::Value& value : graph.values()) names_.insert(value.name);
  model_.set_ir_version(kIrVersion);
  model_.set_producer_name("octet");
  auto* opset = model_.add_opset_import();
  opset->set_domain("");
  opset->set_version(kOpset);
  model_.mutable_graph()->set_name("octet");
}

const std::string& ModelWriter::Name(ir::ValueId id) {
  const ir::Value& value = graph_.value(id);
  if (value.is_constant() && written_.insert(id).second) {
    *model_.mutable_graph()->add_initializer() =
        TensorToProto(value.name, *value.constant);
  }
  return value.name;
}

std::string ModelWriter::FreshName(absl::string_view stem) {
  std::string name(stem);
  for (int i = 1; !names_.insert(name).second; ++i) {
    name = absl::StrCat(stem, ".", i);
  }
  return name;
}

std::string ModelWriter::AddInitializer(absl::string_view stem,
                                        const Tensor& tensor) {
  std::string name = FreshName(stem);
  *model_.mutable_graph()->add_initializer() = TensorToProto(name, tensor);
  return name;
}

std::string ModelWriter::AddInts(absl::string_view stem,
                                 absl::Span<const int64_t> values) {
  const auto count = static_cast<int64_t>(values.size());
  return AddInitializer(stem, Tensor::Of<int64_t>({count}, values));
}

std::string ModelWriter::AddFloat(absl::string_view stem, float value) {
  return AddInitializer(stem, Tensor::Of<float>({}, {value}));
}

const std::pair<std::string, std::string>& ModelWriter::Quantization(
    ir::ValueId id) {
  const auto it = quantizations_.find(id);
  if (it != quantizations_.end()) return it->second;
  const ir::Value& value = graph_.value(id);
  const ir::Quantization& q = *value.type.quantization;
  const Shape shape =
      q.per_tensor() ? Shape{} : Shape{static_cast<int64_t>(q.scales.size())};
  std::pair<std::string, std::string> names;
  names.first = AddInitializer(absl::StrCat(value.name, ".scale"),
                               Tensor::Of<float>(shape, q.scales));
  const std::string stem = absl::StrCat(value.name, ".zero_point");
  if (value.type.dtype == DType::kUInt8) {
    names.second = AddInitializer(stem, ZeroPoints<uint8_t>(q, shape));
  } else if (value.type.dtype == DType::kInt8) {
    names.second = AddInitializer(stem, ZeroPoints<int8_t>(q, shape));
  }
  return quantizations_.emplace(id, std::move(names)).first->second;
}

pb::NodeProto* ModelWriter::AddNode(absl::string_view op_type,
                                    const std::string& name,
                                    std::vector<std::string> inputs,
                                    const std::string& output) {
  pb::NodeProto* node = model_.mutable_graph()->add_node();
  node->set_op_type(std::string(op_type));
  // Other runtimes refuse files in which two nodes have one name; nodes without
  // are fine.
  std::string unique = name;
  for (int i = 1; !name.empty() && !node_names_.insert(unique).second; ++i) {
    unique = absl::StrCat(name, "_", i);
  }
  node->set_name(unique);
  for (std::string& input : inputs) node->add_input(std::move(input));
  node->add_output(output);
  return node;
}

const std::string& ModelWriter::Rows() {
  if (!rows_.empty()) return rows_;
  for (ir::ValueId id : graph_.inputs()) {
    const ir::Dims& dims = graph_.type(id).dims;
    if (dims.empty() || !dims[0].is_rows()) continue;
    rows_ = FreshName("rows");
    pb::NodeProto* shape = AddNode("Shape", rows_, {Name(id)}, rows_);
    SetInt(shape, "start", 0);
    SetInt(shape, "end", 1);
    break;
  }
  return rows_;
}

void ModelWriter::SetMicrosoftDomain(pb::NodeProto* node) {
  node->set_domain(kMicrosoftDomain);
  if (model_.opset_import_size() > 1) return;
  auto* opset = model_.add_opset_import();
  opset->set_domain(kMicrosoftDomain);
  opset->set_version(1);
}

void ModelWriter::AddMetadata(const std::string& key,
                              const std::string& value) {
  pb::StringStringEntryProto* entry = model_.add_metadata_props();
  entry->set_key(key);
  entry->set_value(value);
}

absl::StatusOr<std::string> ModelWriter::Finish() {
  pb::GraphProto* graph = model_.mutable_graph();
  for (ir::ValueId id : graph_.inputs()) {
    pb::ValueInfoProto* info = graph->add_input();
    info->set_name(graph_.value(id).name);
    WriteType(graph_.type(id), info);
  }
  for (ir::ValueId id : graph_.outputs()) {
    pb::ValueInfoProto* info = graph->add_output();
    info->set_name(Name(id));
    WriteType(graph_.type(id), info);
  }
  std::string bytes;
  if (!model_.SerializeToString(&bytes)) {
    return absl::ResourceExhaustedError(
        "the model does not fit a protobuf of 2 GB");
  }
  return bytes;
}

void SetInt(pb::NodeProto* node, const char* name, int64_t value) {
  pb::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(pb::AttributeProto::INT);
  attribute->set_i(value);
}

void SetFloat(pb::NodeProto* node, const char* name, float value) {
  pb::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(pb::AttributeProto::FLOAT);
  attribute->set_f(value);
}

void SetString(pb::NodeProto* node, const char* name, const char* value) {
  pb::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(pb::AttributeProto::STRING);
  attribute->set_s(value);
}

void SetFloats(pb::NodeProto* node, const char* name,
               const std::vector<float>& values) {
  pb::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(pb::AttributeProto::FLOATS);
  attribute->mutable_floats()->Add(values.begin(), values.end());
}

void SetStrings(pb::NodeProto* node, const char* name,
                const std::vector<std::string>& values) {
  pb::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(pb::AttributeProto::STRINGS);
  for (const std::string& value : values) attribute->add_strings(value);
}

}  // namespace octet::onnx
