// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/status_macros.h"
#include "engine/ir/infer_types.h"

namespace octet::ir {
namespace {

template <typename T>
std::pair<int64_t, int64_t> LimitsOf() {
  return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
}

// The zero points that integers of `dtype` may have; an empty range for types
// that cannot be quantized.
std::pair<int64_t, int64_t> ZeroPointLimits(DType dtype) {
  switch (dtype) {
    case DType::kInt8:
      return LimitsOf<int8_t>();
    case DType::kUInt8:
      return LimitsOf<uint8_t>();
    case DType::kInt16:
      return LimitsOf<int16_t>();
    case DType::kUInt16:
      return LimitsOf<uint16_t>();
    case DType::kInt32:
      return LimitsOf<int32_t>();
    default:
      return {1, 0};
  }
}

absl::Status VerifyQuantization(const TensorType& type) {
  const Quantization& q = *type.quantization;
  const auto [lowest, highest] = ZeroPointLimits(type.dtype);
  if (lowest > highest) {
    return absl::InternalError(absl::StrCat(
        Name(type.dtype), " has a quantization; expected an integer type"));
  }
  if (q.scales.empty() || q.scales.size() != q.zero_points.size()) {
    return absl::InternalError(absl::StrCat(
        "got ", q.scales.size(), " scales and ", q.zero_points.size(),
        " zero points; expected equally many, at least one"));
  }
  if (!q.per_tensor() &&
      (q.axis < 0 || static_cast<size_t>(q.axis) >= type.dims.size() ||
       type.dims[q.axis] !=
           Dim::Fixed(static_cast<int64_t>(q.scales.size())))) {
    return absl::InternalError(absl::StrCat("got ", q.scales.size(),
                                            " scales along axis ", q.axis,
                                            " of ", DimsToString(type.dims)));
  }
  for (size_t i = 0; i < q.scales.size(); ++i) {
    if (!(q.scales[i] > 0) || !std::isfinite(q.scales[i])) {
      return absl::InternalError(absl::StrCat("scale ", i, " is ", q.scales[i],
                                              "; expected a positive number"));
    }
    if (q.zero_points[i] < lowest || q.zero_points[i] > highest) {
      return absl::InternalError(absl::StrCat("zero point ", i, " is ",
                                              q.zero_points[i], "; expected ",
                                              lowest, " to ", highest));
    }
  }
  return absl::OkStatus();
}

absl::Status VerifyValue(const Value& value) {
  for (const Dim& dim : value.type.dims) {
    if (dim.value < 0) {
      return absl::InternalError(absl::StrCat("dimensions ",
                                              DimsToString(value.type.dims),
                                              " have a negative one"));
    }
  }
  if (value.is_constant()) {
    if (HasRows(value.type.dims) ||
        value.constant->shape() != ConcreteShape(value.type.dims) ||
        value.constant->dtype() != value.type.dtype) {
      return absl::InternalError(
          absl::StrCat("a constant ", Name(value.constant->dtype()),
                       ShapeToString(value.constant->shape()), " has the type ",
                       TypeToString(value.type)));
    }
  }
  if (!value.type.quantization.has_value()) return absl::OkStatus();
  return VerifyQuantization(value.type);
}

absl::Status VerifyResult(const Node& node, const TensorType& input,
                          const TensorType& inferred,
                          const TensorType& declared) {
  const bool is_quantize = std::holds_alternative<Quantize>(node.op);
  if (declared == inferred && !is_quantize) return absl::OkStatus();
  // Rounding to integers is the output's choice.
  const bool may_round = is_quantize || input.quantization.has_value();
  if (declared.dims == inferred.dims && may_round && Rounds(node.op) &&
      declared.quantization.has_value() &&
      (declared.dtype == DType::kInt8 || declared.dtype == DType::kUInt8 ||
       (is_quantize && (declared.dtype == DType::kInt16 ||
                        declared.dtype == DType::kUInt16)))) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat("computes ", TypeToString(inferred),
                                          ", but its output is declared ",
                                          TypeToString(declared)));
}

class Verifier {
 public:
  explicit Verifier(const Graph& graph)
      : graph_(graph), defined_(graph.values().size(), false) {}

  absl::Status Verify() {
    OCTET_RETURN_IF_ERROR(VerifyValues());
    OCTET_RETURN_IF_ERROR(VerifyInputs());
    for (const Node& node : graph_.nodes()) {
      const absl::Status status = VerifyNode(node);
      if (!status.ok()) {
        return absl::InternalError(absl::StrCat("node '", node.name, "' (",
                                                OpName(node.op),
                                                "): ", status.message()));
      }
    }
    for (ValueId id : graph_.outputs()) {
      if (!IsDefined(id)) {
        return absl::InternalError(
            absl::StrCat("output ", Describe(id), " is computed by nothing"));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status VerifyValues() {
    absl::flat_hash_set<absl::string_view> names;
    for (size_t i = 0; i < graph_.values().size(); ++i) {
      const Value& value = graph_.values()[i];
      if (value.name.empty() || !names.insert(value.name).second) {
        return absl::InternalError(
            absl::StrCat("value ", i, " is called '", value.name,
                         "'; expected a name that no other value has"));
      }
      const absl::Status status = VerifyValue(value);
      if (!status.ok()) {
        return absl::InternalError(
            absl::StrCat("value '", value.name, "': ", status.message()));
      }
      defined_[i] = value.is_constant();
    }
    return absl::OkStatus();
  }

  absl::Status VerifyInputs() {
    for (ValueId id : graph_.inputs()) {
      if (!InRange(id) || defined_[id]) {
        return absl::InternalError(absl::StrCat(
            "input ", Describe(id), " is a constant or an input already"));
      }
      defined_[id] = true;
    }
    return absl::OkStatus();
  }

  absl::Status VerifyNode(const Node& node) {
    std::vector<TensorType> types;
    for (ValueId id : node.inputs) {
      if (!IsDefined(id)) {
        return absl::InternalError(absl::StrCat(
            "reads ", Describe(id), ", which is not computed before it"));
      }
      types.push_back(graph_.type(id));
    }
    if (types.empty()) return absl::InternalError("it has no inputs");
    auto inferred = InferTypes(node.op, types);
    if (!inferred.ok()) return inferred.status();
    if (node.outputs.size() != inferred->size()) {
      return absl::InternalError(absl::StrCat("got ", node.outputs.size(),
                                              " outputs; expected ",
                                              inferred->size()));
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const ValueId output = node.outputs[i];
      if (!InRange(output) || defined_[output]) {
        return absl::InternalError(absl::StrCat(
            "output ", i, ": expected one that nothing else computes"));
      }
      defined_[output] = true;
      OCTET_RETURN_IF_ERROR(
          VerifyResult(node, types[0], (*inferred)[i], graph_.type(output)));
    }
    return absl::OkStatus();
  }

  bool InRange(ValueId id) const {
    return id >= 0 && static_cast<size_t>(id) < defined_.size();
  }
  bool IsDefined(ValueId id) const { return InRange(id) && defined_[id]; }
  std::string Describe(ValueId id) const {
    if (!InRange(id)) return absl::StrCat("value ", id, " (no such value)");
    return absl::StrCat("'", graph_.value(id).name, "'");
  }

  const Graph& graph_;
  std::vector<bool> defined_;  // constants, inputs, results so far
};

}  // namespace

absl::Status VerifyGraph(const Graph& graph) {
  return Verifier(graph).Verify();
}

}  // namespace octet::ir
