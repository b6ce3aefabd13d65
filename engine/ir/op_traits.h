// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_TRAITS_H_
#define OCTET_ENGINE_IR_OP_TRAITS_H_

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/ir/tensor_type.h"

// What an operator of engine/ir/op.h says about itself, so that nothing outside
// its struct, its shape rule and its steps has to name it.
namespace octet::ir {

// What an operator's attributes say about the axes of its data.
enum class AxisUse {
  // They name none, and every input and output has the same axes: it runs in
  // any layout as it is.
  kNone,
  // Its `layout` says where the channels are; channels last is wanted.
  kImage,
  // MoveAxes() rewrites them for another order of the axes.
  kMovable,
  // They hold for the order of axes that the model has.
  kFixed,
};

// Whether row i of the output depends on row i of the inputs alone, given that
// all of these have the rows on one axis.
enum class RowUse {
  kMixes,   // no, or not known
  kKeeps,   // where that is the leading one; with kNone, wherever it is
  kAsksOp,  // ask MixesRows()
};

// Every operator has one as its `kTraits`.
struct OpTraits {
  // For dumps and messages; OpName() asks the operator for one by kind where
  // there are several.
  absl::string_view name;
  AxisUse axes = AxisUse::kFixed;
  RowUse rows = RowUse::kMixes;
  // Whether it computes reals, which it rounds where its output's type has a
  // quantization. The others keep the integers that they get.
  bool rounds = false;
};

// For MoveAxes(): axis i of what was is axis to[i] of what will be.
struct AxisMap {
  std::vector<int> to;

  // `values`, one per axis, in the new order.
  template <typename T>
  std::vector<T> Moved(const std::vector<T>& values) const {
    std::vector<T> moved(values.size());
    for (size_t i = 0; i < values.size(); ++i) moved[to[i]] = values[i];
    return moved;
  }
};

using InputTypes = absl::Span<const TensorType>;

// A clamp that an operator applies to its result, in real units.
struct Activation {
  float lower = -std::numeric_limits<float>::infinity();
  float upper = std::numeric_limits<float>::infinity();

  bool is_identity() const {
    return lower == -std::numeric_limits<float>::infinity() &&
           upper == std::numeric_limits<float>::infinity();
  }
  bool operator==(const Activation&) const = default;
};

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_TRAITS_H_
