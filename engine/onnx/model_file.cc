// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/model_file.h"

#include <functional>
#include <memory>
#include <queue>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/node_reader.h"
#include "engine/onnx/op_registry.h"
#include "engine/onnx/subgraphs.h"

namespace octet::onnx {
namespace {

absl::Status Prefixed(const absl::Status& status, absl::string_view prefix) {
  return absl::Status(status.code(), absl::StrCat(prefix, status.message()));
}

absl::StatusOr<int64_t> DefaultOpset(const pb::ModelProto& proto) {
  int64_t opset = 0;
  for (const auto& import : proto.opset_import()) {
    if (import.domain().empty() || import.domain() == "ai.onnx") {
      opset = import.version();
    }
  }
  if (opset < kOldestOpset || opset > kNewestOpset) {
    return absl::UnimplementedError(
        absl::StrCat("the model asks for opset ", opset,
                     " of the default domain; octet "
                     "knows ",
                     kOldestOpset, " to ", kNewestOpset));
  }
  return opset;
}

absl::StatusOr<DeclaredTensor> ReadDeclared(const pb::ValueInfoProto& proto) {
  if (!proto.type().has_tensor_type() ||
      !proto.type().tensor_type().has_shape()) {
    return absl::UnimplementedError(
        "has no shape or is no tensor; octet needs its number of axes");
  }
  const auto& type = proto.type().tensor_type();
  DeclaredTensor input;
  input.name = proto.name();
  OCTET_ASSIGN_OR_RETURN(input.dtype, DTypeFromOnnx(type.elem_type()));
  for (const auto& dim : type.shape().dim()) {
    // Some exporters write an unknown dimension as 0 or -1.
    if (dim.has_dim_value() && dim.dim_value() > 0) {
      input.dims.push_back(dim.dim_value());
    } else {
      input.dims.push_back(std::nullopt);
      input.writes_zero |= dim.has_dim_value() && dim.dim_value() == 0;
    }
  }
  return input;
}

absl::Status CheckName(const std::string& name) {
  if (name.size() <= kMaxNameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a name has ", name.size(), " bytes ('", name.substr(0, 32),
                   "...'); expected at most ", kMaxNameBytes));
}

// Holds `graph` and those within it to the limits; adds their nodes to `nodes`.
// Protobuf bounds how deep they lie.
absl::Status CheckLimits(const pb::GraphProto& graph, size_t& nodes) {
  nodes += static_cast<size_t>(graph.node_size());
  if (nodes > kMaxNodes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the model has more than ", kMaxNodes, " nodes, which is the limit"));
  }
  for (const auto& input : graph.input()) {
    OCTET_RETURN_IF_ERROR(CheckName(input.name()));
  }
  for (const pb::TensorProto& tensor : graph.initializer()) {
    OCTET_RETURN_IF_ERROR(CheckName(tensor.name()));
  }
  for (const pb::NodeProto& node : graph.node()) {
    OCTET_RETURN_IF_ERROR(CheckName(node.name()));
    OCTET_RETURN_IF_ERROR(CheckName(node.op_type()));
    for (const std::string& name : node.input()) {
      OCTET_RETURN_IF_ERROR(CheckName(name));
    }
    for (const std::string& name : node.output()) {
      OCTET_RETURN_IF_ERROR(CheckName(name));
    }
    for (const pb::AttributeProto& attribute : node.attribute()) {
      OCTET_RETURN_IF_ERROR(CheckName(attribute.name()));
      if (attribute.has_g()) {
        OCTET_RETURN_IF_ERROR(CheckLimits(attribute.g(), nodes));
      }
      for (const pb::GraphProto& inner : attribute.graphs()) {
        OCTET_RETURN_IF_ERROR(CheckLimits(inner, nodes));
      }
    }
  }
  return absl::OkStatus();
}

// Connects names to what they stand for.
class NameTable {
 public:
  NameTable(ModelFile& file, ExternalData& external)
      : file_(file), external_(external) {}

  absl::Status Build() {
    OCTET_RETURN_IF_ERROR(AddInitializers());
    OCTET_RETURN_IF_ERROR(AddInputs());
    OCTET_RETURN_IF_ERROR(AddNodeOutputs());
    OCTET_RETURN_IF_ERROR(CheckNodeInputs());
    return AddOutputs();
  }

  // The node that computes `name`; nullopt for inputs and initializers.
  std::optional<int> Producer(const std::string& name) const {
    const auto it = producers_.find(name);
    if (it == producers_.end()) return std::nullopt;
    return it->second;
  }

  // Converts an initializer at its first use and frees the file's bytes.
  absl::Status UseInitializer(const std::string& name) {
    const auto it = initializers_.find(name);
    if (it == initializers_.end() || file_.initializers.contains(name)) {
      return absl::OkStatus();
    }
    auto tensor = TensorFromProto(*it->second, &external_);
    if (!tensor.ok()) {
      return Prefixed(tensor.status(),
                      absl::StrCat("initializer '", name, "': "));
    }
    const auto narrow = NarrowTypeFromOnnx(it->second->data_type());
    if (narrow.has_value()) file_.narrow.emplace(name, *narrow);
    file_.initializers.emplace(name, Widened(*std::move(tensor)));
    if (it->second->has_raw_data()) {
      std::unique_ptr<std::string> freed(it->second->release_raw_data());
    }
    return absl::OkStatus();
  }

 private:
  pb::GraphProto& graph() { return *file_.proto.mutable_graph(); }

  absl::Status AddInitializers() {
    for (pb::TensorProto& tensor : *graph().mutable_initializer()) {
      if (tensor.name().empty() ||
          !initializers_.emplace(tensor.name(), &tensor).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("an initializer is called '", tensor.name(),
                         "'; expected a name that no other has"));
      }
      file_.names.insert(tensor.name());
    }
    if (graph().sparse_initializer_size() > 0) {
      return absl::UnimplementedError(
          "the model has sparse initializers; octet runs dense ones");
    }
    return absl::OkStatus();
  }

  absl::Status AddInputs() {
    absl::flat_hash_set<std::string> seen;
    for (const pb::ValueInfoProto& proto : graph().input()) {
      if (proto.name().empty() || !seen.insert(proto.name()).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("an input is called '", proto.name(),
                         "'; expected a name that no other has"));
      }
      // A default that a caller could replace; we don't let him.
      if (initializers_.contains(proto.name())) continue;
      auto input = ReadDeclared(proto);
      if (!input.ok()) {
        return Prefixed(input.status(),
                        absl::StrCat("input '", proto.name(), "': "));
      }
      file_.names.insert(proto.name());
      file_.inputs.push_back(*std::move(input));
    }
    return absl::OkStatus();
  }

  absl::Status AddNodeOutputs() {
    for (int i = 0; i < graph().node_size(); ++i) {
      for (const std::string& output : graph().node(i).output()) {
        if (output.empty()) continue;
        if (!file_.names.insert(output).second) {
          return absl::InvalidArgumentError(absl::StrCat(
              "node '", NodeReader(graph().node(i), file_.opset).name(),
              "' computes '", output, "', which has a value already"));
        }
        producers_.emplace(output, i);
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckNodeInputs() {
    for (const pb::NodeProto& node : graph().node()) {
      for (const std::string& input : NamesReadBy(node)) {
        if (!file_.names.contains(input)) {
          return absl::InvalidArgumentError(
              absl::StrCat("node '", NodeReader(node, file_.opset).name(),
                           "' reads '", input, "', which nothing computes"));
        }
      }
    }
    return absl::OkStatus();
  }

  absl::Status AddOutputs() {
    absl::flat_hash_set<std::string> seen;
    for (const pb::ValueInfoProto& output : graph().output()) {
      if (!file_.names.contains(output.name()) ||
          !seen.insert(output.name()).second) {
        return absl::InvalidArgumentError(
            absl::StrCat("output '", output.name(),
                         "' is computed by nothing or given twice"));
      }
      file_.outputs.push_back(output.name());
      // What the file says of an output is only a hint.
      auto declared = ReadDeclared(output);
      file_.declared_outputs.push_back(
          declared.ok()
              ? *std::move(declared)
              : DeclaredTensor{output.name(), DType::kFloat32, {}, false});
    }
    if (file_.outputs.empty()) {
      return absl::InvalidArgumentError("the model has no outputs");
    }
    return absl::OkStatus();
  }

  ModelFile& file_;
  ExternalData& external_;
  absl::flat_hash_map<std::string, pb::TensorProto*> initializers_;
  absl::flat_hash_map<std::string, int> producers_;
};

// Which nodes the outputs need; reads their initializers.
absl::StatusOr<std::vector<bool>> NeededNodes(ModelFile& file,
                                              NameTable& table) {
  const pb::GraphProto& graph = file.proto.graph();
  std::vector<bool> needed(graph.node_size(), false);
  std::vector<int> pending;
  const auto visit = [&](const std::string& name) {
    const std::optional<int> producer = table.Producer(name);
    if (producer.has_value() && !needed[*producer]) {
      needed[*producer] = true;
      pending.push_back(*producer);
    }
    return table.UseInitializer(name);
  };
  for (const std::string& output : file.outputs) {
    OCTET_RETURN_IF_ERROR(visit(output));
  }
  while (!pending.empty()) {
    const pb::NodeProto& node = graph.node(pending.back());
    pending.pop_back();
    for (const std::string& input : NamesReadBy(node)) {
      OCTET_RETURN_IF_ERROR(visit(input));
    }
  }
  return needed;
}

// Puts the needed nodes in an order in which each follows what it reads; where
// the file's own order allows it, that.
absl::Status SortNodes(const NameTable& table, const std::vector<bool>& needed,
                       ModelFile& file) {
  const pb::GraphProto& graph = file.proto.graph();
  std::vector<std::vector<int>> readers(needed.size());
  std::vector<int> missing(needed.size(), 0);
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  size_t count = 0;
  for (int i = 0; i < graph.node_size(); ++i) {
    if (!needed[i]) continue;
    ++count;
    for (const std::string& input : NamesReadBy(graph.node(i))) {
      if (const std::optional<int> producer = table.Producer(input)) {
        readers[*producer].push_back(i);
        ++missing[i];
      }
    }
    if (missing[i] == 0) ready.push(i);
  }
  while (!ready.empty()) {
    const int index = ready.top();
    ready.pop();
    file.nodes.push_back(&graph.node(index));
    for (int reader : readers[index]) {
      if (--missing[reader] == 0) ready.push(reader);
    }
  }
  if (file.nodes.size() == count) return absl::OkStatus();
  for (int i = 0; i < graph.node_size(); ++i) {
    if (needed[i] && missing[i] > 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("node '", NodeReader(graph.node(i), file.opset).name(),
                       "' is part of a cycle or behind one"));
    }
  }
  return absl::InternalError("sorting lost a node");
}

}  // namespace

std::optional<DType> ModelFile::HalfOutput(const std::string& name) const {
  for (const DeclaredTensor& output : declared_outputs) {
    if (output.name == name && NarrowTypeOf(output.dtype).has_value()) {
      return output.dtype;
    }
  }
  return std::nullopt;
}

absl::StatusOr<ModelFile> ReadModel(ModelSource source) {
  size_t nodes = 0;
  OCTET_RETURN_IF_ERROR(CheckLimits(source.proto.graph(), nodes));
  OCTET_RETURN_IF_ERROR(EmbedExternalData(source, /*initializers=*/false));
  ModelFile file;
  file.proto = std::move(source.proto);
  OCTET_ASSIGN_OR_RETURN(file.opset, DefaultOpset(file.proto));
  NameTable table(file, source.external);
  OCTET_RETURN_IF_ERROR(table.Build());
  OCTET_ASSIGN_OR_RETURN(const std::vector<bool> needed,
                         NeededNodes(file, table));
  OCTET_RETURN_IF_ERROR(SortNodes(table, needed, file));
  return file;
}

}  // namespace octet::onnx
