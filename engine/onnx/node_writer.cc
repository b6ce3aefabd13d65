// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/node_writer.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace octet::onnx {
namespace {

// Whether each row of a tensor of `dims` is empty.
bool HasNoElements(const ir::Dims& dims) {
  return std::any_of(dims.begin(), dims.end(),
                     [](const ir::Dim& dim) { return dim.value == 0; });
}

}  // namespace

NodeWriter::NodeWriter(const ir::Graph& graph, const ir::Node& node,
                       ModelWriter& model)
    : graph_(graph),
      node_(node),
      model_(model),
      output_(graph.value(node.outputs[0]).name),
      dequantized_(node.inputs.size()) {}

std::string NodeWriter::Input(int i) {
  return dequantized_[i].empty() ? model_.Name(node_.inputs[i])
                                 : dequantized_[i];
}

std::vector<std::string> NodeWriter::Inputs(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) {
    names.push_back(Input(static_cast<int>(i)));
  }
  return names;
}

std::string NodeWriter::Initializer(absl::string_view suffix,
                                    const Tensor& tensor) {
  return model_.AddInitializer(Stem(suffix), tensor);
}

std::string NodeWriter::Ints(absl::string_view suffix,
                             absl::Span<const int64_t> values) {
  return model_.AddInts(Stem(suffix), values);
}

std::string NodeWriter::Float(absl::string_view suffix, float value) {
  return model_.AddFloat(Stem(suffix), value);
}

absl::StatusOr<std::string> NodeWriter::Rows() {
  std::string rows = model_.Rows();
  if (rows.empty()) return Unsupported("it makes rows that no input has");
  return rows;
}

std::string NodeWriter::Stem(absl::string_view suffix) const {
  return absl::StrCat(output_, ".", suffix);
}

void NodeWriter::WriteInFloat() {
  quantizes_ = OutputType().quantization.has_value();
  for (size_t i = 0; i < node_.inputs.size(); ++i) {
    const ir::ValueId id = node_.inputs[i];
    if (!graph_.type(id).quantization.has_value()) continue;
    dequantized_[i] = model_.FreshName(Stem("real"));
    SetChannelAxis(
        id,
        model_.AddNode("DequantizeLinear",
                       absl::StrCat(node_.name, "/DequantizeLinear"),
                       ConversionInputs(model_.Name(id), id), dequantized_[i]));
  }
}

void NodeWriter::FinishInFloat() {
  if (quantizes_) AddQuantize(current_, output_id());
}

void NodeWriter::Expect(int nodes) {
  remaining_ = nodes + (quantizes_ ? 1 : 0);
}

pb::NodeProto* NodeWriter::Add(absl::string_view op_type,
                               std::vector<std::string> inputs) {
  --remaining_;
  current_ = remaining_ == 0 ? output_ : model_.FreshName(Stem("part"));
  std::string name = node_.name;
  if (remaining_ > 0 || added_ > 0) absl::StrAppend(&name, "/", op_type);
  ++added_;
  return model_.AddNode(op_type, name, std::move(inputs), current_);
}

void NodeWriter::AddOtherOutputs(pb::NodeProto* last) const {
  for (size_t i = 1; i < node_.outputs.size(); ++i) {
    last->add_output(graph_.value(node_.outputs[i]).name);
  }
}

void NodeWriter::SkipFirstOutput(pb::NodeProto* last) {
  last->add_output(last->output(0));
  last->set_output(0, model_.FreshName(Stem("unread")));
}

pb::NodeProto* NodeWriter::AddMicrosoft(absl::string_view op_type,
                                        std::vector<std::string> inputs) {
  pb::NodeProto* node = Add(op_type, std::move(inputs));
  model_.SetMicrosoftDomain(node);
  return node;
}

void NodeWriter::AddActivation(const ir::Activation& range,
                               const std::string& x) {
  constexpr float kUnbounded = std::numeric_limits<float>::infinity();
  if (range.lower == 0 && range.upper == kUnbounded) {
    Add("Relu", {x});
    return;
  }
  std::vector<std::string> inputs = {x};
  inputs.push_back(range.lower == -kUnbounded ? "" : Float("min", range.lower));
  if (range.upper != kUnbounded) {
    inputs.push_back(Float("max", range.upper));
  }
  Add("Clip", std::move(inputs));
}

void NodeWriter::AddConversion(absl::string_view op_type, const std::string& x,
                               ir::ValueId like) {
  std::vector<std::string> inputs = ConversionInputs(x, like);
  SetChannelAxis(like, Add(op_type, std::move(inputs)));
}

std::vector<std::string> NodeWriter::ConversionInputs(const std::string& x,
                                                      ir::ValueId like) {
  const auto& [scale, zero_point] = model_.Quantization(like);
  std::vector<std::string> inputs = {x, scale};
  if (!zero_point.empty()) inputs.push_back(zero_point);
  return inputs;
}

void NodeWriter::SetChannelAxis(ir::ValueId like, pb::NodeProto* node) const {
  const ir::Quantization& q = *graph_.type(like).quantization;
  if (!q.per_tensor()) SetInt(node, "axis", q.axis);
}

absl::Status NodeWriter::Unsupported(absl::string_view why) const {
  return absl::UnimplementedError(
      absl::StrCat("node '", node_.name, "' (", ir::OpName(node_.op),
                   ") has no form in an ONNX file: ", why));
}

absl::Status NodeWriter::CheckReshape(const ir::Dims& dims) const {
  const auto rows = std::count_if(dims.begin(), dims.end(),
                                  [](ir::Dim dim) { return dim.per_row; });
  if (rows > 1) return Unsupported("rows on two axes");
  // The rows are what is left of the elements, so there must be some.
  if (rows == 1 && HasNoElements(dims)) {
    return Unsupported("rows of no elements");
  }
  return absl::OkStatus();
}

void NodeWriter::AddReshape(const std::string& x, const ir::Dims& dims) {
  std::vector<int64_t> target;
  for (const ir::Dim& dim : dims) {
    target.push_back(dim.per_row ? -1 : dim.value);
  }
  pb::NodeProto* node = Add("Reshape", {x, Ints("shape", target)});
  // Else a 0 copies what the input has.
  if (HasNoElements(dims)) SetInt(node, "allowzero", 1);
}

}  // namespace octet::onnx
