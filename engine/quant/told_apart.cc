// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/told_apart.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/ir/op.h"

namespace octet::quant {
namespace {

// A function at places that are evenly spread over a range, both ends among
// them.
using Curve = std::vector<double>;
constexpr int kPlaces = 2049;

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double Softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
}

// Nothing for kinds that level out nowhere, nor help others to.
std::optional<double> ValueOf(const ir::Unary& unary, double x) {
  const double a = unary.alpha;
  switch (unary.kind) {
    case ir::UnaryKind::kAbs:
      return std::fabs(x);
    case ir::UnaryKind::kNeg:
      return -x;
    case ir::UnaryKind::kExp:
      return std::exp(x);
    case ir::UnaryKind::kErf:
      return std::erf(x);
    case ir::UnaryKind::kSigmoid:
      return Sigmoid(x);
    case ir::UnaryKind::kTanh:
      return std::tanh(x);
    case ir::UnaryKind::kSoftplus:
      return Softplus(x);
    case ir::UnaryKind::kMish:
      return x * std::tanh(Softplus(x));
    case ir::UnaryKind::kSwish:
      return x * Sigmoid(a * x);
    case ir::UnaryKind::kHardSwish:
      return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
    case ir::UnaryKind::kHardSigmoid:
      return std::clamp(a * x + unary.beta, 0.0, 1.0);
    case ir::UnaryKind::kGelu:
    case ir::UnaryKind::kGeluTanh:  // the two differ by less than 0.001
      return x * std::erfc(-x / std::sqrt(2.0)) / 2;
    case ir::UnaryKind::kLeakyRelu:
      return x < 0 ? a * x : x;
    case ir::UnaryKind::kElu:
      return x < 0 ? a * std::expm1(x) : x;
    default:
      return std::nullopt;
  }
}

std::optional<double> ValueOf(const ir::Binary& binary, double a, double b) {
  switch (binary.kind) {
    case ir::BinaryKind::kAdd:
      return a + b;
    case ir::BinaryKind::kSub:
      return a - b;
    case ir::BinaryKind::kMul:
      return a * b;
    case ir::BinaryKind::kDiv:
      return a / b;
    case ir::BinaryKind::kMin:
      return std::min(a, b);
    case ir::BinaryKind::kMax:
      return std::max(a, b);
    default:
      return std::nullopt;
  }
}

// The functions of one value, element by element, that the nodes behind it
// compute: one such as x * sigmoid(x) may be several nodes.
class Functions {
 public:
  Functions(const ir::Graph& graph, ir::ValueId root, const Range& range)
      : graph_(graph) {
    Curve& curve = curves_[root];
    for (int i = 0; i < kPlaces; ++i) {
      curve.push_back(range.min + (static_cast<double>(range.max) - range.min) *
                                      i / (kPlaces - 1));
    }
  }

  // What `node` computes, or null where it is no such function.
  const Curve* Of(const ir::Node& node) {
    std::vector<const Curve*> inputs;
    for (ir::ValueId id : node.inputs) {
      const Curve* curve = CurveOf(id);
      if (curve == nullptr) return nullptr;
      inputs.push_back(curve);
    }
    Curve result;
    for (int i = 0; i < kPlaces; ++i) {
      std::optional<double> y;
      if (const auto* clamp = std::get_if<ir::Clamp>(&node.op)) {
        // A file may have the limits the wrong way round: the upper one wins.
        y = std::min<double>(
            std::max<double>((*inputs[0])[i], clamp->range.lower),
            clamp->range.upper);
      } else if (const auto* unary = std::get_if<ir::Unary>(&node.op)) {
        y = ValueOf(*unary, (*inputs[0])[i]);
      } else if (const auto* binary = std::get_if<ir::Binary>(&node.op)) {
        y = ValueOf(*binary, (*inputs[0])[i], (*inputs[1])[i]);
      }
      if (!y) return nullptr;
      result.push_back(*y);
    }
    return &(curves_[node.outputs[0]] = std::move(result));
  }

 private:
  const Curve* CurveOf(ir::ValueId id) {
    const auto known = curves_.find(id);
    if (known != curves_.end()) return &known->second;
    const ir::Value& value = graph_.value(id);
    if (!value.is_constant() || value.constant->size() != 1 ||
        value.type.dtype != DType::kFloat32) {
      return nullptr;
    }
    return &(curves_[id] = Curve(kPlaces, value.constant->data<float>()[0]));
  }

  const ir::Graph& graph_;
  std::map<ir::ValueId, Curve> curves_;
};

// The last place from `first` on, in steps of `step`, up to which the curve
// stays within `tolerance` of where it has been.
int LevelUntil(const Curve& curve, int first, int step, double tolerance) {
  double least = curve[first];
  double most = least;
  int level = first;
  for (int i = first; i >= 0 && i < kPlaces; i += step) {
    least = std::min(least, curve[i]);
    most = std::max(most, curve[i]);
    if (!(most - least <= tolerance)) break;
    level = i;
  }
  return level;
}

// By value of the graph: how many share its scale, it included.
std::vector<int> GroupSizes(const QuantizationSites& sites) {
  std::vector<int> count(sites.group.size(), 0);
  for (ir::ValueId id : sites.group) ++count[id];
  std::vector<int> sizes;
  for (ir::ValueId id : sites.group) sizes.push_back(count[id]);
  return sizes;
}

// Sees how much of one value's range the rounded results of the functions of
// it tell apart.
class Shortening {
 public:
  Shortening(const ir::Graph& graph, const QuantizationSites& sites,
             const std::vector<Range>& ranges)
      : graph_(graph),
        index_(graph),
        sharing_(GroupSizes(sites)),
        ranges_(ranges) {
    for (size_t i = 0; i < sites.rounded.size(); ++i) {
      site_of_[sites.rounded[i]] = i;
    }
  }

  Range Of(ir::ValueId id) {
    Range range = ranges_[site_of_.at(id)];
    if (sharing_[id] > 1) return range;
    const Range whole = {std::min(range.min, 0.0f), std::max(range.max, 0.0f)};
    Functions functions(graph_, id, whole);
    first_ = kPlaces - 1;
    last_ = 0;
    waiting_.clear();
    if (!Follow(id, functions) || !waiting_.empty() || first_ >= last_) {
      return range;
    }
    const double width =
        (static_cast<double>(whole.max) - whole.min) / (kPlaces - 1);
    range.min =
        std::max(range.min, static_cast<float>(whole.min + width * first_));
    range.max =
        std::min(range.max, static_cast<float>(whole.min + width * last_));
    return range;
  }

 private:
  // Whether all that is made of `id` are functions whose results are rounded.
  bool Follow(ir::ValueId id, Functions& functions) {
    if (index_.IsOutput(id) || index_.Readers(id).empty()) return false;
    for (const ir::Node* reader : index_.Readers(id)) {
      const Curve* curve = functions.Of(*reader);
      if (curve == nullptr) {
        // Another reader may give the other operand.
        if (!std::holds_alternative<ir::Binary>(reader->op)) return false;
        waiting_.insert(reader);
        continue;
      }
      waiting_.erase(reader);
      const auto site = site_of_.find(reader->outputs[0]);
      if (site == site_of_.end()) {
        if (!Follow(reader->outputs[0], functions)) return false;
        continue;
      }
      const Range& results = ranges_[site->second];
      const double step = (static_cast<double>(std::max(results.max, 0.0f)) -
                           std::min(results.min, 0.0f)) /
                          255;
      first_ = std::min(first_, LevelUntil(*curve, 0, 1, step / 4));
      last_ = std::max(last_, LevelUntil(*curve, kPlaces - 1, -1, step / 4));
    }
    return true;
  }

  const ir::Graph& graph_;
  const ir::GraphIndex index_;
  const std::vector<int> sharing_;
  const std::vector<Range>& ranges_;
  std::map<ir::ValueId, size_t> site_of_;
  std::set<const ir::Node*> waiting_;  // for their other operand
  // The places that all results seen so far tell apart.
  int first_ = 0;
  int last_ = 0;
};

}  // namespace

std::vector<Range> ToldApart(const ir::Graph& graph,
                             const QuantizationSites& sites,
                             const std::vector<Range>& ranges) {
  Shortening shortening(graph, sites, ranges);
  std::vector<Range> result;
  for (ir::ValueId id : sites.rounded) result.push_back(shortening.Of(id));
  return result;
}

}  // namespace octet::quant
