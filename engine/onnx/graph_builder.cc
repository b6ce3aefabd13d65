// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/graph_builder.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"
#include "engine/ir/work.h"
#include "engine/onnx/limits.h"

namespace octet::onnx {
namespace {

// Marks the status of a rule that wants a value, which is its payload.
constexpr absl::string_view kValueWanted = "octet.onnx.value_wanted";

absl::Status ExpectRunnable(const ir::Op& op,
                            const std::vector<ir::TensorType>& inputs) {
  const bool needs_reals = std::holds_alternative<ir::Conv>(op);
  for (const ir::TensorType& type : inputs) {
    const bool plain =
        type.dtype != DType::kFloat32 && !type.quantization.has_value();
    if (needs_reals && plain) {
      return absl::UnimplementedError(
          absl::StrCat("an input is ", ir::TypeToString(type),
                       "; octet runs this operator on float32"));
    }
  }
  return absl::OkStatus();
}

absl::Status InputIsMissing(int i) {
  return absl::InvalidArgumentError(absl::StrCat("input ", i, " is missing"));
}

absl::Status ExpectSize(const ir::Dims& dims) {
  std::vector<int64_t> shape;
  for (const ir::Dim& dim : dims) shape.push_back(dim.value);
  const auto count = CheckedElementCount(shape, kMaxElements);
  if (!count.ok()) return count.status();
  if (*count == 0 && ir::HasRows(dims)) {
    return absl::UnimplementedError(
        absl::StrCat("rows of ", ir::DimsToString(dims), " are empty"));
  }
  if (dims.size() > kMaxRank) {
    return absl::UnimplementedError(absl::StrCat(
        "the result has ", dims.size(), " axes; octet runs up to ", kMaxRank));
  }
  return absl::OkStatus();
}

}  // namespace

GraphBuilder::GraphBuilder(BatchMode mode, const ModelFile& file,
                           ir::Evaluator evaluate)
    : mode_(mode),
      evaluate_(std::move(evaluate)),
      names_(file.names),
      narrow_(file.narrow) {
  for (const auto& [name, tensor] : file.initializers) {
    bindings_[name].constant = tensor;
  }
  for (const std::string& name : file.outputs) {
    const std::optional<DType> half = file.HalfOutput(name);
    if (half.has_value()) half_outputs_.emplace(name, *half);
  }
}

absl::Status GraphBuilder::AddInput(const std::string& name,
                                    ir::TensorType type) {
  if (type.dtype == DType::kFloat64) {
    return absl::UnimplementedError(
        absl::StrCat("input '", name, "' is ", Name(type.dtype),
                     "; octet takes float32: convert the model"));
  }
  if (absl::Status status = ExpectSize(type.dims); !status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat("input '", name, "': ", status.message()));
  }
  ir::ValueId id = graph_.AddValue({name, type, std::nullopt});
  graph_.mutable_inputs().push_back(id);
  if (const auto narrow = NarrowTypeOf(type.dtype)) {
    SetNarrow(name, *narrow);
    type.dtype = DType::kFloat32;
    id = graph_.AddNode(absl::StrCat("Cast(", name, ")"),
                        ir::Cast{DType::kFloat32}, {id},
                        FreshName(absl::StrCat(name, ".float32")), type);
  }
  bindings_[name].id = id;
  return absl::OkStatus();
}

std::optional<NarrowType> GraphBuilder::Narrow(const std::string& name) const {
  const auto found = narrow_.find(name);
  if (found == narrow_.end()) return std::nullopt;
  return found->second;
}

absl::Status GraphBuilder::Bind(const std::string& name, Tensor tensor) {
  Binding& binding = bindings_[name];
  if (binding.constant.has_value() || binding.id.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", name, "' has a value already"));
  }
  names_.insert(name);
  if (const auto narrow = NarrowTypeOf(tensor.dtype())) {
    SetNarrow(name, *narrow);
  }
  binding.constant = Widened(std::move(tensor));
  return absl::OkStatus();
}

std::optional<Tensor> GraphBuilder::KnownTensor(const std::string& name) const {
  const auto it = bindings_.find(name);
  if (it == bindings_.end()) return std::nullopt;
  return it->second.constant;
}

absl::StatusOr<GraphBuilder::Binding*> GraphBuilder::Find(
    const std::string& name) {
  const auto it = bindings_.find(name);
  if (it != bindings_.end() && it->second.integers.has_value()) {
    return absl::UnimplementedError(absl::StrCat(
        "computes with '", name, "', which holds the number of rows"));
  }
  if (it != bindings_.end()) return &it->second;
  return absl::UnimplementedError(absl::StrCat(
      "reads '", name,
      "', which nothing before it computes, or which is an output of its "
      "operator that octet does not compute"));
}

ir::ValueId GraphBuilder::Materialize(const std::string& name,
                                      Binding& binding) {
  if (!binding.id.has_value()) {
    // A quantized reader may have taken the tensor's own name.
    binding.id = graph_.AddConstant(
        binding.quantized.empty() ? name : FreshName(name), *binding.constant);
  }
  return *binding.id;
}

absl::StatusOr<ir::ValueId> GraphBuilder::Read(const NodeReader& node, int i) {
  if (!node.HasInput(i)) return InputIsMissing(i);
  OCTET_ASSIGN_OR_RETURN(Binding * binding, Find(node.input(i)));
  return Materialize(node.input(i), *binding);
}

std::optional<Tensor> GraphBuilder::Constant(const NodeReader& node,
                                             int i) const {
  if (!node.HasInput(i)) return std::nullopt;
  return KnownTensor(node.input(i));
}

std::optional<std::string> GraphBuilder::ValueWanted(
    const absl::Status& status) {
  const auto payload = status.GetPayload(kValueWanted);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

absl::StatusOr<Tensor> GraphBuilder::RequireConstant(
    const NodeReader& node, int i, absl::string_view what) const {
  std::optional<Tensor> tensor = Constant(node, i);
  if (tensor.has_value()) return *std::move(tensor);
  if (!node.HasInput(i)) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " (input ", i, ") is missing"));
  }
  absl::Status status = absl::UnimplementedError(absl::StrCat(
      what, " (input '", node.input(i), "') is computed; expected a constant"));
  status.SetPayload(kValueWanted, absl::Cord(node.input(i)));
  return status;
}

absl::StatusOr<std::vector<int64_t>> GraphBuilder::RequireInts(
    const NodeReader& node, int i, absl::string_view what) const {
  OCTET_ASSIGN_OR_RETURN(Tensor tensor, RequireConstant(node, i, what));
  if (tensor.shape().size() <= 1 && tensor.dtype() == DType::kInt64) {
    const auto data = tensor.data<int64_t>();
    return std::vector<int64_t>(data.begin(), data.end());
  }
  if (tensor.shape().size() <= 1 && tensor.dtype() == DType::kInt32) {
    const auto data = tensor.data<int32_t>();
    return std::vector<int64_t>(data.begin(), data.end());
  }
  return absl::InvalidArgumentError(absl::StrCat(
      what, " (input '", node.input(i), "') is ", Name(tensor.dtype()),
      ShapeToString(tensor.shape()), "; expected a list of int64"));
}

std::optional<IntegerList> GraphBuilder::Integers(const NodeReader& node,
                                                  int i) const {
  if (!node.HasInput(i)) return std::nullopt;
  const auto it = bindings_.find(node.input(i));
  if (it == bindings_.end()) return std::nullopt;
  if (it->second.integers.has_value()) return it->second.integers;
  if (!it->second.constant.has_value()) return std::nullopt;
  return AsIntegerList(*it->second.constant);
}

absl::StatusOr<ir::Dims> GraphBuilder::RequireDims(
    const NodeReader& node, int i, absl::string_view what) const {
  if (node.HasInput(i)) {
    const auto it = bindings_.find(node.input(i));
    if (it != bindings_.end() && it->second.integers.has_value()) {
      return it->second.integers->values;
    }
  }
  OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> values,
                         RequireInts(node, i, what));
  return ir::FixedDims(values);
}

absl::StatusOr<ir::ValueId> GraphBuilder::ReadQuantized(
    const NodeReader& node, int i, const ir::Quantization& q) {
  if (!node.HasInput(i)) return InputIsMissing(i);
  OCTET_ASSIGN_OR_RETURN(Binding * binding, Find(node.input(i)));
  if (binding->constant.has_value()) {
    for (const auto& [known, id] : binding->quantized) {
      if (known == q) return id;
    }
    const bool name_is_free =
        !binding->id.has_value() && binding->quantized.empty();
    const ir::ValueId id = graph_.AddConstant(
        name_is_free ? node.input(i) : FreshName(node.input(i)),
        *binding->constant, q);
    binding->quantized.emplace_back(q, id);
    return id;
  }
  const ir::ValueId id = *binding->id;
  ir::Value& value = graph_.mutable_value(id);
  if (value.type.quantization == q) return id;
  const bool is_read = std::any_of(
      graph_.nodes().begin(), graph_.nodes().end(), [id](const ir::Node& n) {
        return std::find(n.inputs.begin(), n.inputs.end(), id) !=
               n.inputs.end();
      });
  const auto& inputs = graph_.inputs();
  const bool is_input =
      std::find(inputs.begin(), inputs.end(), id) != inputs.end();
  if (value.type.quantization.has_value() || is_read || !is_input) {
    return absl::UnimplementedError(
        absl::StrCat("'", node.input(i), "' is ", ir::TypeToString(value.type),
                     " and is read with another scale or zero point"));
  }
  value.type.quantization = q;
  return id;
}

absl::StatusOr<ir::ValueId> GraphBuilder::AddConstant(
    const NodeReader& node, Tensor tensor,
    std::optional<ir::Quantization> quantization) {
  return graph_.AddConstant(
      FreshName(absl::StrCat(node.output(0), ".constant")), std::move(tensor),
      std::move(quantization));
}

absl::Status GraphBuilder::Charge(int64_t bytes) {
  if (bytes > kMaxChargedBytes - charged_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the model's constants expand by more than ",
                     kMaxChargedBytes, " bytes"));
  }
  charged_bytes_ += bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ir::ValueId>> GraphBuilder::AddNode(
    const NodeReader& node, ir::Op op, std::vector<ir::ValueId> inputs,
    const std::vector<std::string>& output_names) {
  std::vector<ir::TensorType> types;
  for (ir::ValueId id : inputs) types.push_back(graph_.type(id));
  OCTET_RETURN_IF_ERROR(ExpectRunnable(op, types));
  OCTET_ASSIGN_OR_RETURN(std::vector<ir::TensorType> results,
                         ir::InferTypes(op, types));
  for (const ir::TensorType& result : results) {
    OCTET_RETURN_IF_ERROR(ExpectSize(result.dims));
  }
  const double work = ir::WorkOf(op, types, results);
  OCTET_ASSIGN_OR_RETURN(auto folded, Fold(op, inputs, results, work));
  if (!folded.has_value()) OCTET_RETURN_IF_ERROR(ChargeWork(work));
  std::vector<ir::ValueId> outputs;
  for (size_t i = 0; i < results.size(); ++i) {
    const bool named = i < output_names.size() && !output_names[i].empty();
    const std::string name =
        named ? output_names[i] : FreshName(absl::StrCat(node.name(), ".", i));
    outputs.push_back(
        folded.has_value()
            ? graph_.AddConstant(name, std::move((*folded)[i]))
            : graph_.AddValue({name, std::move(results[i]), std::nullopt}));
  }
  if (folded.has_value()) return outputs;
  graph_.AppendNode({node.name(), std::move(op), std::move(inputs), outputs});
  return outputs;
}

absl::Status GraphBuilder::ChargeWork(double work) {
  graph_work_ += work;
  if (graph_work_ <= kMaxGraphWork) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("with it the graph takes about ", graph_work_,
                   " operations a row; expected at most ", kMaxGraphWork));
}

absl::StatusOr<std::optional<std::vector<Tensor>>> GraphBuilder::Fold(
    const ir::Op& op, const std::vector<ir::ValueId>& inputs,
    const std::vector<ir::TensorType>& results, double work) {
  // Its result's scale is set behind it.
  if (std::holds_alternative<ir::Quantize>(op)) return std::nullopt;
  ir::Graph graph;
  ir::Node node{"", op, {}, {}};
  for (ir::ValueId id : inputs) {
    const ir::Value& value = graph_.value(id);
    if (!value.is_constant() || value.type.quantization.has_value()) {
      return std::nullopt;
    }
    node.inputs.push_back(graph.AddValue(value));
  }
  for (const ir::TensorType& type : results) {
    if (ir::HasRows(type.dims) ||
        ElementCount(ir::ConcreteShape(type.dims)) > kMaxFoldedElements ||
        type.quantization.has_value()) {
      return std::nullopt;
    }
    node.outputs.push_back(graph.AddValue({"", type, std::nullopt}));
  }
  if (work > kMaxFoldedWork - folded_work_) return std::nullopt;
  folded_work_ += work;
  absl::StatusOr<std::vector<Tensor>> tensors = evaluate_(graph, node);
  if (absl::IsUnimplemented(tensors.status())) return std::nullopt;
  if (!tensors.ok()) return tensors.status();
  return *std::move(tensors);
}

absl::StatusOr<ir::ValueId> GraphBuilder::Compute(
    const NodeReader& node, ir::Op op, std::vector<ir::ValueId> inputs) {
  OCTET_ASSIGN_OR_RETURN(
      std::vector<ir::ValueId> outputs,
      AddNode(node, std::move(op), std::move(inputs),
              {FreshName(absl::StrCat(node.output(0), ".part"))}));
  nameless_.insert(outputs[0]);
  return outputs[0];
}

absl::StatusOr<std::vector<ir::ValueId>> GraphBuilder::ComputeAll(
    const NodeReader& node, ir::Op op, std::vector<ir::ValueId> inputs) {
  return AddNode(node, std::move(op), std::move(inputs), {});
}

absl::Status GraphBuilder::Result(const NodeReader& node, ir::Op op,
                                  std::vector<ir::ValueId> inputs) {
  OCTET_ASSIGN_OR_RETURN(
      std::vector<ir::ValueId> outputs,
      AddNode(node, std::move(op), std::move(inputs), {node.output(0)}));
  return ResultIs(node, outputs[0]);
}

absl::Status GraphBuilder::Results(const NodeReader& node, ir::Op op,
                                   std::vector<ir::ValueId> inputs) {
  std::vector<std::string> names;
  for (int i = 0; i < node.output_count(); ++i) names.push_back(node.output(i));
  OCTET_ASSIGN_OR_RETURN(
      std::vector<ir::ValueId> outputs,
      AddNode(node, std::move(op), std::move(inputs), names));
  for (size_t i = 0; i < outputs.size() && i < names.size(); ++i) {
    OCTET_RETURN_IF_ERROR(ResultIs(node, outputs[i], static_cast<int>(i)));
  }
  return absl::OkStatus();
}

absl::Status GraphBuilder::ResultQuantized(const NodeReader& node,
                                           ir::ValueId input, DType dtype,
                                           ir::Quantization q) {
  OCTET_RETURN_IF_ERROR(Result(node, ir::Quantize{}, {input}));
  ir::TensorType& type =
      graph_.mutable_value(*bindings_[node.output(0)].id).type;
  type.dtype = dtype;
  type.quantization = std::move(q);
  return absl::OkStatus();
}

absl::Status GraphBuilder::ResultIs(const NodeReader& node, ir::ValueId id,
                                    int output) {
  if (output >= node.output_count() || node.output(output).empty()) {
    return absl::OkStatus();
  }
  Binding& binding = bindings_[node.output(output)];
  binding.id = id;
  const ir::Value& value = graph_.value(id);
  if (value.is_constant() && !value.type.quantization.has_value()) {
    binding.constant = value.constant;
  }
  if (nameless_.erase(id) > 0) {
    graph_.mutable_value(id).name = node.output(output);
  }
  return absl::OkStatus();
}

absl::Status GraphBuilder::ResultConstant(const NodeReader& node, Tensor tensor,
                                          int output) {
  if (output >= node.output_count() || node.output(output).empty()) {
    return absl::OkStatus();
  }
  bindings_[node.output(output)].constant = std::move(tensor);
  return absl::OkStatus();
}

absl::Status GraphBuilder::ResultIntegers(const NodeReader& node,
                                          IntegerList list) {
  if (std::optional<Tensor> tensor = AsTensor(list)) {
    return ResultConstant(node, *std::move(tensor));
  }
  bindings_[node.output(0)].integers = std::move(list);
  return absl::OkStatus();
}

absl::StatusOr<ir::ValueId> GraphBuilder::NamedOutput(
    const std::string& name, const absl::flat_hash_set<std::string>& names) {
  OCTET_ASSIGN_OR_RETURN(Binding * binding, Find(name));
  const auto& inputs = graph_.inputs();
  // An input that is an output is that as it came, not widened and narrowed.
  const auto input = std::find_if(
      inputs.begin(), inputs.end(),
      [&](ir::ValueId given) { return graph_.value(given).name == name; });
  if (input != inputs.end()) return *input;
  const ir::ValueId id = Materialize(name, *binding);
  const auto half = half_outputs_.find(name);
  if (half != half_outputs_.end() && graph_.type(id).dtype == DType::kFloat32) {
    return NarrowOutput(name, id, half->second);
  }
  ir::Value& value = graph_.mutable_value(id);
  if (value.name == name) return id;
  // The output is another name for the value. It takes the new one unless the
  // old one is part of the signature or the value is a constant, which others
  // may share.
  const bool keeps_name =
      value.is_constant() || names.contains(value.name) ||
      std::find(inputs.begin(), inputs.end(), id) != inputs.end();
  if (!keeps_name) {
    value.name = name;
    return id;
  }
  ir::TensorType type = value.type;
  if (absl::Status status = ExpectSize(type.dims); !status.ok()) return status;
  ir::Reshape copy{type.dims};
  OCTET_RETURN_IF_ERROR(ir::InferType(copy, {&type, 1}).status());
  return graph_.AddNode(absl::StrCat("Identity(", name, ")"), std::move(copy),
                        {id}, name, std::move(type));
}

ir::ValueId GraphBuilder::NarrowOutput(const std::string& name, ir::ValueId id,
                                       DType half) {
  ir::Value& value = graph_.mutable_value(id);
  if (value.name == name) {
    value.name = FreshName(absl::StrCat(name, ".float32"));
  }
  ir::TensorType type = value.type;
  type.dtype = half;
  return graph_.AddNode(absl::StrCat("Cast(", name, ")"), ir::Cast{half}, {id},
                        name, std::move(type));
}

absl::StatusOr<ir::Graph> GraphBuilder::Finish(
    const std::vector<std::string>& names) {
  const absl::flat_hash_set<std::string> name_set(names.begin(), names.end());
  for (const std::string& name : names) {
    auto id = NamedOutput(name, name_set);
    if (!id.ok()) {
      return absl::Status(
          id.status().code(),
          absl::StrCat("output '", name, "': ", id.status().message()));
    }
    graph_.mutable_outputs().push_back(*id);
  }
  return graph_.Compacted();
}

std::string GraphBuilder::FreshName(absl::string_view stem) {
  int64_t& next = next_suffix_[std::string(stem)];
  while (true) {
    std::string name =
        next == 0 ? std::string(stem) : absl::StrCat(stem, ".", next);
    ++next;
    if (names_.insert(name).second) return name;
  }
}

}  // namespace octet::onnx
