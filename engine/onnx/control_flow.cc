// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/control_flow.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/limits.h"
#include "engine/onnx/subgraphs.h"

namespace octet::onnx {
namespace {

using Nodes = std::vector<const pb::NodeProto*>;

// A name that no other expansion of the file's nodes uses: outputs are unique.
std::string PrefixOf(const pb::NodeProto& node, absl::string_view part) {
  for (const std::string& output : node.output()) {
    if (!output.empty()) return absl::StrCat(output, "/", part, "/");
  }
  return absl::StrCat(node.name(), "/", part, "/");
}

absl::StatusOr<bool> ReadCondition(const NodeReader& node, GraphBuilder& graph,
                                   int input) {
  OCTET_ASSIGN_OR_RETURN(const Tensor condition,
                         graph.RequireConstant(node, input, "the condition"));
  if (condition.dtype() != DType::kBool || condition.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("the condition is ", Name(condition.dtype()),
                     ShapeToString(condition.shape()), "; expected one bool"));
  }
  return condition.data<bool>()[0];
}

// Puts copies of a graph's nodes into an expansion.
class Inliner {
 public:
  Inliner(std::string prefix, GraphBuilder& graph, Expansion& expansion)
      : prefix_(std::move(prefix)), graph_(graph), expansion_(expansion) {}

  // What a name of the graph is called outside.
  const std::string& NameOf(const std::string& name) const {
    const auto found = names_.find(name);
    return found == names_.end() ? name : found->second;
  }
  // The graph's input `name` is the value `outside`.
  void BindInput(const std::string& name, const std::string& outside) {
    names_[name] = outside;
  }
  absl::Status BindConstant(const std::string& name, Tensor tensor) {
    names_[name] = prefix_ + name;
    return graph_.Bind(names_[name], std::move(tensor));
  }

  absl::Status AddBody(const pb::GraphProto& body, Nodes& nodes) {
    if (body.sparse_initializer_size() > 0) {
      return absl::UnimplementedError("a graph has sparse initializers");
    }
    for (const pb::TensorProto& proto : body.initializer()) {
      OCTET_ASSIGN_OR_RETURN(Tensor tensor, Initializer(proto));
      OCTET_RETURN_IF_ERROR(BindConstant(proto.name(), std::move(tensor)));
    }
    for (const pb::NodeProto& node : body.node()) {
      for (const std::string& output : node.output()) {
        if (!output.empty()) names_[output] = prefix_ + output;
      }
    }
    for (const pb::NodeProto& node : body.node()) {
      OCTET_RETURN_IF_ERROR(
          graph_.Charge(static_cast<int64_t>(node.ByteSizeLong())));
      pb::NodeProto copy = Renamed(node, names_);
      if (!copy.name().empty()) copy.set_name(prefix_ + copy.name());
      OCTET_RETURN_IF_ERROR(Add(std::move(copy), nodes));
    }
    return absl::OkStatus();
  }

  absl::Status AddIdentity(const std::string& from, const std::string& to,
                           Nodes& nodes) {
    if (to.empty()) return absl::OkStatus();
    pb::NodeProto identity;
    identity.set_op_type("Identity");
    identity.add_input(from);
    identity.add_output(to);
    return Add(std::move(identity), nodes);
  }

  absl::Status Add(pb::NodeProto node, Nodes& nodes) {
    if (expansion_.earlier_nodes + expansion_.nodes.size() >= kMaxNodes) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "unrolling its loops takes more than ", kMaxNodes, " nodes"));
    }
    expansion_.nodes.push_back(std::move(node));
    nodes.push_back(&expansion_.nodes.back());
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<Tensor> Initializer(const pb::TensorProto& proto) {
    const auto known = expansion_.tensors.find(&proto);
    if (known != expansion_.tensors.end()) return known->second;
    OCTET_RETURN_IF_ERROR(
        graph_.Charge(static_cast<int64_t>(proto.ByteSizeLong())));
    OCTET_ASSIGN_OR_RETURN(Tensor tensor, TensorFromProto(proto));
    expansion_.tensors.emplace(&proto, tensor);
    return tensor;
  }

  const std::string prefix_;
  GraphBuilder& graph_;
  Expansion& expansion_;
  Renaming names_;
};

absl::StatusOr<Nodes> ExpandIf(const NodeReader& node,
                               const pb::NodeProto& proto, GraphBuilder& graph,
                               Expansion& expansion) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(const bool condition, ReadCondition(node, graph, 0));
  OCTET_ASSIGN_OR_RETURN(const pb::GraphProto* then_branch,
                         node.Subgraph("then_branch"));
  OCTET_ASSIGN_OR_RETURN(const pb::GraphProto* else_branch,
                         node.Subgraph("else_branch"));
  OCTET_RETURN_IF_ERROR(node.ExpectAllKnown());
  const pb::GraphProto& branch = condition ? *then_branch : *else_branch;
  if (branch.output_size() < node.output_count()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the branch has ", branch.output_size(),
                     " outputs; expected ", node.output_count()));
  }
  Nodes nodes;
  Inliner inliner(PrefixOf(proto, condition ? "then" : "else"), graph,
                  expansion);
  OCTET_RETURN_IF_ERROR(inliner.AddBody(branch, nodes));
  for (int i = 0; i < node.output_count(); ++i) {
    OCTET_RETURN_IF_ERROR(inliner.AddIdentity(
        inliner.NameOf(branch.output(i).name()), node.output(i), nodes));
  }
  return nodes;
}

// One step of a Loop: an iteration and the loop that is left, or its end.
class LoopExpander {
 public:
  LoopExpander(const NodeReader& node, const pb::NodeProto& proto,
               LoopProgress progress, GraphBuilder& graph, Expansion& expansion)
      : node_(node),
        proto_(proto),
        progress_(std::move(progress)),
        graph_(graph),
        expansion_(expansion) {}

  absl::StatusOr<Nodes> Expand() {
    const NodeReader loop(*progress_.loop, node_.opset());
    OCTET_ASSIGN_OR_RETURN(body_, loop.Subgraph("body"));
    OCTET_RETURN_IF_ERROR(loop.ExpectAllKnown());
    states_ = proto_.input_size() - 2;
    const int scans = body_->output_size() - 1 - states_;
    if (states_ < 0 || body_->input_size() != states_ + 2 || scans < 0 ||
        node_.output_count() > states_ + scans) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a body with ", body_->input_size(), " inputs and ",
          body_->output_size(), " outputs does not fit ", proto_.input_size(),
          " inputs and ", node_.output_count(), " outputs of the loop"));
    }
    OCTET_ASSIGN_OR_RETURN(const bool over, IsOver());
    if (over) return Finish();
    return Iterate();
  }

 private:
  absl::StatusOr<bool> IsOver() {
    const bool counted = node_.HasInput(0);
    const bool conditional = node_.HasInput(1);
    if (!counted && !conditional) {
      return absl::InvalidArgumentError(
          "neither a trip count nor a condition: it would never end");
    }
    if (conditional) {
      OCTET_ASSIGN_OR_RETURN(const bool goes_on,
                             ReadCondition(node_, graph_, 1));
      if (!goes_on) return true;
    }
    if (counted) {
      OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> trips,
                             graph_.RequireInts(node_, 0, "the trip count"));
      if (trips.size() != 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("the trip count has ", trips.size(), " elements"));
      }
      if (progress_.iteration >= trips[0]) return true;
    }
    if (progress_.iteration >= kMaxIterations) {
      return absl::ResourceExhaustedError(
          absl::StrCat("it takes more than ", kMaxIterations, " iterations"));
    }
    return false;
  }

  absl::StatusOr<Nodes> Iterate() {
    Nodes nodes;
    Inliner inliner(
        PrefixOf(*progress_.loop, absl::StrCat(progress_.iteration)), graph_,
        expansion_);
    OCTET_RETURN_IF_ERROR(
        inliner.BindConstant(body_->input(0).name(),
                             Tensor::Of<int64_t>({}, {progress_.iteration})));
    OCTET_RETURN_IF_ERROR(inliner.BindConstant(body_->input(1).name(),
                                               Tensor::Of<bool>({}, {true})));
    for (int i = 0; i < states_; ++i) {
      inliner.BindInput(body_->input(2 + i).name(), proto_.input(2 + i));
    }
    OCTET_RETURN_IF_ERROR(inliner.AddBody(*body_, nodes));
    pb::NodeProto next;
    next.set_op_type("Loop");
    next.set_name(node_.name());
    next.add_input(proto_.input(0));
    for (int i = 0; i <= states_; ++i) {
      next.add_input(inliner.NameOf(body_->output(i).name()));
    }
    *next.mutable_output() = proto_.output();
    std::vector<std::string> names;
    for (int i = 1 + states_; i < body_->output_size(); ++i) {
      names.push_back(inliner.NameOf(body_->output(i).name()));
      OCTET_RETURN_IF_ERROR(
          graph_.Charge(static_cast<int64_t>(names.back().size())));
    }
    progress_.pieces = std::make_shared<const LoopPieces>(
        std::move(names), std::move(progress_.pieces));
    ++progress_.iteration;
    OCTET_RETURN_IF_ERROR(inliner.Add(std::move(next), nodes));
    expansion_.loops.emplace(nodes.back(), std::move(progress_));
    return nodes;
  }

  absl::StatusOr<Nodes> Finish() {
    Nodes nodes;
    Inliner inliner(PrefixOf(*progress_.loop, "end"), graph_, expansion_);
    for (int i = 0; i < node_.output_count(); ++i) {
      if (i < states_) {
        OCTET_RETURN_IF_ERROR(
            inliner.AddIdentity(proto_.input(2 + i), node_.output(i), nodes));
      } else if (!node_.output(i).empty()) {
        OCTET_RETURN_IF_ERROR(AddScan(i - states_, inliner, nodes));
      }
    }
    return nodes;
  }

  // A scan output: what the iterations gave, stacked along a new leading axis.
  absl::Status AddScan(int scan, Inliner& inliner, Nodes& nodes) {
    const std::string& output = node_.output(states_ + scan);
    std::vector<std::string> pieces;
    for (const LoopPieces* at = progress_.pieces.get(); at != nullptr;
         at = at->before.get()) {
      pieces.push_back(at->names[scan]);
    }
    std::reverse(pieces.begin(), pieces.end());
    if (pieces.empty()) return BindEmptyScan(scan, output);
    const bool axes_are_input = node_.opset() >= 13;
    const std::string axes = absl::StrCat(output, "/axes");
    if (axes_are_input) {
      OCTET_RETURN_IF_ERROR(graph_.Bind(axes, Tensor::Of<int64_t>({1}, {0})));
    }
    pb::NodeProto concat;
    concat.set_op_type("Concat");
    AddInt("axis", 0, concat);
    concat.add_output(output);
    for (size_t i = 0; i < pieces.size(); ++i) {
      pb::NodeProto unsqueeze;
      unsqueeze.set_op_type("Unsqueeze");
      unsqueeze.add_input(pieces[i]);
      if (axes_are_input) {
        unsqueeze.add_input(axes);
      } else {
        pb::AttributeProto* attribute = unsqueeze.add_attribute();
        attribute->set_name("axes");
        attribute->set_type(pb::AttributeProto::INTS);
        attribute->add_ints(0);
      }
      unsqueeze.add_output(absl::StrCat(output, "/piece", i));
      concat.add_input(unsqueeze.output(0));
      OCTET_RETURN_IF_ERROR(inliner.Add(std::move(unsqueeze), nodes));
    }
    return inliner.Add(std::move(concat), nodes);
  }

  static void AddInt(const char* name, int64_t value, pb::NodeProto& node) {
    pb::AttributeProto* attribute = node.add_attribute();
    attribute->set_name(name);
    attribute->set_type(pb::AttributeProto::INT);
    attribute->set_i(value);
  }

  // No iteration: an empty tensor of what the body declares.
  absl::Status BindEmptyScan(int scan, const std::string& output) {
    const pb::ValueInfoProto& info = body_->output(1 + states_ + scan);
    if (!info.type().has_tensor_type()) {
      return absl::UnimplementedError(
          absl::StrCat("scan output ", scan, " is no tensor"));
    }
    OCTET_ASSIGN_OR_RETURN(
        const DType dtype,
        DTypeFromOnnx(info.type().tensor_type().elem_type()));
    Shape shape = {0};
    for (const auto& dim : info.type().tensor_type().shape().dim()) {
      shape.push_back(
          dim.has_dim_value() && dim.dim_value() > 0 ? dim.dim_value() : 0);
    }
    return graph_.Bind(output, Tensor(dtype, std::move(shape)));
  }

  const NodeReader& node_;
  const pb::NodeProto& proto_;
  LoopProgress progress_;
  GraphBuilder& graph_;
  Expansion& expansion_;
  const pb::GraphProto* body_ = nullptr;
  int states_ = 0;
};

}  // namespace

LoopPieces::~LoopPieces() {
  std::shared_ptr<const LoopPieces> next = std::move(before);
  while (next != nullptr && next.use_count() == 1) {
    // Nobody else sees it, so it may be taken apart.
    std::shared_ptr<const LoopPieces> rest = std::move(next->before);
    next = std::move(rest);
  }
}

absl::StatusOr<std::optional<std::vector<const pb::NodeProto*>>>
ExpandControlFlow(const NodeReader& node, const pb::NodeProto& proto,
                  const LoopProgress* progress, GraphBuilder& graph,
                  Expansion& expansion) {
  if (node.op_type() == "If") {
    return ExpandIf(node, proto, graph, expansion);
  }
  if (node.op_type() == "Loop") {
    LoopProgress start;
    start.loop = &proto;
    return LoopExpander(node, proto, progress == nullptr ? start : *progress,
                        graph, expansion)
        .Expand();
  }
  return std::nullopt;
}

}  // namespace octet::onnx
