// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/subgraphs.h"

#include "absl/container/flat_hash_set.h"

namespace octet::onnx {
namespace {

using NameSet = absl::flat_hash_set<std::string>;

// The names that `graph` gives values of its own.
NameSet NamesDefinedIn(const pb::GraphProto& graph) {
  NameSet names;
  for (const auto& input : graph.input()) names.insert(input.name());
  for (const auto& tensor : graph.initializer()) names.insert(tensor.name());
  for (const pb::NodeProto& node : graph.node()) {
    names.insert(node.output().begin(), node.output().end());
  }
  return names;
}

// Calls visit(graph) for each graph in the attributes of `node`.
template <typename Node, typename Visit>
void ForGraphs(Node& node, Visit visit) {
  for (int i = 0; i < node.attribute_size(); ++i) {
    if constexpr (std::is_const_v<Node>) {
      if (node.attribute(i).has_g()) visit(node.attribute(i).g());
      for (const auto& graph : node.attribute(i).graphs()) visit(graph);
    } else {
      auto* attribute = node.mutable_attribute(i);
      if (attribute->has_g()) visit(*attribute->mutable_g());
      for (auto& graph : *attribute->mutable_graphs()) visit(graph);
    }
  }
}

void AddNamesRead(const pb::NodeProto& node, std::vector<std::string>& names);

void AddNamesCaptured(const pb::GraphProto& graph,
                      std::vector<std::string>& names) {
  const NameSet own = NamesDefinedIn(graph);
  std::vector<std::string> read;
  for (const pb::NodeProto& node : graph.node()) AddNamesRead(node, read);
  for (const auto& output : graph.output()) read.push_back(output.name());
  for (std::string& name : read) {
    if (!own.contains(name)) names.push_back(std::move(name));
  }
}

void AddNamesRead(const pb::NodeProto& node, std::vector<std::string>& names) {
  for (const std::string& input : node.input()) {
    if (!input.empty()) names.push_back(input);
  }
  ForGraphs(node, [&](const pb::GraphProto& graph) {
    AddNamesCaptured(graph, names);
  });
}

void Rename(const Renaming& names, std::string* name) {
  const auto found = names.find(*name);
  if (found != names.end()) *name = found->second;
}

void RenameIn(pb::NodeProto& node, const Renaming& names);

void RenameCaptured(pb::GraphProto& graph, const Renaming& names) {
  Renaming outer = names;
  for (const std::string& own : NamesDefinedIn(graph)) outer.erase(own);
  for (pb::NodeProto& node : *graph.mutable_node()) RenameIn(node, outer);
  for (auto& output : *graph.mutable_output()) {
    Rename(outer, output.mutable_name());
  }
}

void RenameIn(pb::NodeProto& node, const Renaming& names) {
  for (std::string& input : *node.mutable_input()) Rename(names, &input);
  for (std::string& output : *node.mutable_output()) Rename(names, &output);
  ForGraphs(node, [&](pb::GraphProto& graph) { RenameCaptured(graph, names); });
}

}  // namespace

std::vector<std::string> NamesReadBy(const pb::NodeProto& node) {
  std::vector<std::string> names;
  AddNamesRead(node, names);
  return names;
}

pb::NodeProto Renamed(const pb::NodeProto& node, const Renaming& names) {
  pb::NodeProto renamed = node;
  RenameIn(renamed, names);
  return renamed;
}

}  // namespace octet::onnx
