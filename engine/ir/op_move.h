// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_MOVE_H_
#define OCTET_ENGINE_IR_OP_MOVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/ir/op_traits.h"

// Operators that move elements without looking at them; any element type.
namespace octet::ir {

// inputs: one or more, equal but for `axis`. ONNX Concat-13.
struct Concat {
  static constexpr OpTraits kTraits = {"Concat", AxisUse::kMovable,
                                       RowUse::kAsksOp};
  int axis = 0;

  bool MixesRows(InputTypes, int rows) const { return axis == rows; }
  bool CanMoveAxes() const { return true; }
  void MoveAxes(const AxisMap& map) { axis = map.to[axis]; }
  std::string Attributes() const;
};

// inputs: x. One entry per axis of x; ends exclusive (-1 with a negative step
// means "before the first"). Dimensions that carry rows are whole.
struct Slice {
  static constexpr OpTraits kTraits = {"Slice", AxisUse::kMovable,
                                       RowUse::kKeeps};
  std::vector<int64_t> starts;
  std::vector<int64_t> steps;
  std::vector<int64_t> sizes;  // entries taken; 0 on the rows axis = all

  bool CanMoveAxes() const { return true; }
  void MoveAxes(const AxisMap& map);
  std::string Attributes() const;
};

enum class PadMode { kConstant, kReflect, kEdge, kWrap };

// inputs: x. One entry per axis, none negative. `value` is in real units, for
// kConstant. ONNX Pad-21, whose negative entries become a Slice at import.
struct Pad {
  static constexpr OpTraits kTraits = {"Pad", AxisUse::kMovable,
                                       RowUse::kKeeps};
  std::vector<int64_t> begin;
  std::vector<int64_t> end;
  float value = 0;
  PadMode mode = PadMode::kConstant;

  bool CanMoveAxes() const { return true; }
  void MoveAxes(const AxisMap& map);
  std::string Attributes() const;
};

// inputs: x. `dims` is the whole target, rows included.
struct Reshape {
  static constexpr OpTraits kTraits = {"Reshape", AxisUse::kFixed,
                                       RowUse::kKeeps};
  Dims dims;

  std::string Attributes() const;
};

// inputs: x. output axis i is input axis perm[i].
struct Transpose {
  static constexpr OpTraits kTraits = {"Transpose", AxisUse::kFixed,
                                       RowUse::kKeeps};
  std::vector<int> perm;

  std::string Attributes() const;
};

// inputs: x, which broadcasts to `dims`, the whole target. ONNX Expand-13; Tile
// is this between two Reshapes.
struct Expand {
  static constexpr OpTraits kTraits = {"Expand", AxisUse::kFixed,
                                       RowUse::kKeeps};
  Dims dims;

  std::string Attributes() const;
};

// inputs: x, indices int32 or int64 (negative ones count from the end) of any
// rank. output: axis `axis` of x replaced by the axes of `indices`. An index
// out of range takes the nearest entry: what comes from outside is never used
// unchecked. ONNX Gather-13.
struct Gather {
  static constexpr OpTraits kTraits = {"Gather", AxisUse::kFixed,
                                       RowUse::kAsksOp};
  int axis = 0;

  bool MixesRows(InputTypes inputs, int rows) const;
  std::string Attributes() const;
};

// inputs: x, indices of x's rank. output shaped like the indices: their entry
// takes the place of x's index along the axis; out of range as Gather has it.
// ONNX GatherElements-13.
struct GatherElements {
  static constexpr OpTraits kTraits = {"GatherElements", AxisUse::kFixed,
                                       RowUse::kAsksOp};
  int axis = 0;

  bool MixesRows(InputTypes, int rows) const { return axis == rows; }
  std::string Attributes() const;
};

// inputs: x, indices [..., L] whose last axis holds L leading coordinates of
// x's axes behind the first `batch_dims`; out of range as Gather has it.
// ONNX GatherND-13.
struct GatherNd {
  static constexpr OpTraits kTraits = {"GatherND", AxisUse::kFixed,
                                       RowUse::kAsksOp};
  int batch_dims = 0;

  bool MixesRows(InputTypes, int rows) const { return batch_dims <= rows; }
  std::string Attributes() const;
};

enum class ScatterReduction { kNone, kAdd, kMul, kMin, kMax };

// inputs: x, indices, updates. output: x with updates put in (or combined)
// where the indices say, as GatherElements reads; entries out of range are
// dropped. ONNX ScatterElements-18.
struct ScatterElements {
  static constexpr OpTraits kTraits = {"ScatterElements", AxisUse::kFixed,
                                       RowUse::kAsksOp};
  int axis = 0;
  ScatterReduction reduction = ScatterReduction::kNone;

  bool MixesRows(InputTypes, int rows) const { return axis == rows; }
  std::string Attributes() const;
};

// The same as GatherNd reads (batch_dims 0). ONNX ScatterND-18.
struct ScatterNd {
  static constexpr OpTraits kTraits = {"ScatterND"};
  ScatterReduction reduction = ScatterReduction::kNone;

  std::string Attributes() const;
};

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_MOVE_H_
