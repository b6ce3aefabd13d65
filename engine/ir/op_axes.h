// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_AXES_H_
#define OCTET_ENGINE_IR_OP_AXES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/ir/op_traits.h"

// Operators that combine the elements along axes.
namespace octet::ir {

// inputs: x. Over one axis, or, as ONNX Softmax before opset 13 has it, over
// all axes from `axis` on taken together.
struct Softmax {
  static constexpr OpTraits kTraits = {"Softmax", AxisUse::kMovable,
                                       RowUse::kAsksOp, /*rounds=*/true};
  int axis = 0;
  bool through_last_axis = false;
  bool log = false;

  absl::string_view Name() const { return log ? "LogSoftmax" : "Softmax"; }
  bool MixesRows(InputTypes, int rows) const {
    return through_last_axis ? axis <= rows : axis == rows;
  }
  bool CanMoveAxes() const { return !through_last_axis; }
  void MoveAxes(const AxisMap& map) { axis = map.to[axis]; }
  std::string Attributes() const;
};

enum class ReduceKind {
  kSum,
  kMean,
  kMax,
  kMin,
  kProd,
  kSumSquare,
  kL1,
  kL2,
  kLogSum,
  kLogSumExp,
};

// inputs: x. Over no elements: the neutral one (ONNX ReduceSum-13 and kin).
struct Reduce {
  static constexpr OpTraits kTraits = {"Reduce", AxisUse::kMovable,
                                       RowUse::kAsksOp, /*rounds=*/true};
  ReduceKind kind = ReduceKind::kMean;
  std::vector<int> axes;
  bool keep_dims = true;

  absl::string_view Name() const;
  bool MixesRows(InputTypes inputs, int rows) const;
  bool CanMoveAxes() const { return keep_dims; }
  void MoveAxes(const AxisMap& map);
  std::string Attributes() const;
};

// inputs: x. output int64: the index of the first (or last) largest (or
// smallest) element along the axis. ONNX ArgMax-13, ArgMin-13.
struct ArgReduce {
  static constexpr OpTraits kTraits = {"ArgReduce", AxisUse::kMovable,
                                       RowUse::kAsksOp};
  bool largest = true;
  int axis = 0;
  bool keep_dims = true;
  bool last_index = false;

  absl::string_view Name() const { return largest ? "ArgMax" : "ArgMin"; }
  bool MixesRows(InputTypes, int rows) const { return axis == rows; }
  bool CanMoveAxes() const { return keep_dims; }
  void MoveAxes(const AxisMap& map) { axis = map.to[axis]; }
  std::string Attributes() const;
};

// inputs: x. outputs: the k largest (or smallest) values along the axis, and
// their indices int64; equal ones by ascending index; always sorted.
// ONNX TopK-11.
struct TopK {
  static constexpr OpTraits kTraits = {"TopK", AxisUse::kMovable,
                                       RowUse::kAsksOp};
  int64_t k = 1;
  int axis = 0;
  bool largest = true;

  bool MixesRows(InputTypes, int rows) const { return axis == rows; }
  bool CanMoveAxes() const { return true; }
  void MoveAxes(const AxisMap& map) { axis = map.to[axis]; }
  std::string Attributes() const;
};

// inputs: x. ONNX CumSum-14.
struct CumSum {
  static constexpr OpTraits kTraits = {"CumSum", AxisUse::kMovable,
                                       RowUse::kAsksOp};
  int axis = 0;
  bool exclusive = false;  // the element itself is left out
  bool reverse = false;    // from the end

  bool MixesRows(InputTypes, int rows) const { return axis == rows; }
  bool CanMoveAxes() const { return true; }
  void MoveAxes(const AxisMap& map) { axis = map.to[axis]; }
  std::string Attributes() const;
};

// inputs: x, [scale], [bias], both shaped like x's axes from `axis` on.
// Over these axes taken together: (x - mean) / sqrt(variance + epsilon) * scale
// + bias; without the mean (RMS normalization): x / sqrt(mean(x^2) + epsilon).
// float32. ONNX LayerNormalization-17, RMSNormalization-23; Instance- and
// GroupNormalization are this behind a Reshape.
struct LayerNorm {
  static constexpr OpTraits kTraits = {"LayerNorm", AxisUse::kFixed,
                                       RowUse::kAsksOp, /*rounds=*/true};
  int axis = 0;
  float epsilon = 1e-5f;
  bool subtract_mean = true;
  bool has_scale = false;
  bool has_bias = false;

  bool MixesRows(InputTypes, int rows) const { return axis <= rows; }
  std::string Attributes() const;
};

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_AXES_H_
