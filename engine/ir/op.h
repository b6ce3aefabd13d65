// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_H_
#define OCTET_ENGINE_IR_OP_H_

#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "engine/ir/op_axes.h"
#include "engine/ir/op_elementwise.h"
#include "engine/ir/op_look_up.h"
#include "engine/ir/op_move.h"
#include "engine/ir/op_product.h"
#include "engine/ir/op_traits.h"
#include "engine/ir/op_window.h"

// The closed set of IR operators as plain data. ONNX operators are lowered
// into these at import. An operator's struct, in op_*.h by family, says what it
// is (`kTraits`, engine/ir/op_traits.h); its shape rule and its reference loop
// are required by the compiler, kernels are offered by overload. README.md
// shows how one is added.
//
// Axes are always >= 0 here. Dense tensors, row-major. An operator whose data
// input has a quantized type computes in integers; see engine/ir/README.md
// for the arithmetic.
namespace octet::ir {

using Op = std::variant<
    // op_window.h
    Conv, ConvTranspose, Pool, MaxPoolIndices, GlobalPool, Resize, Lrn,
    RoiAlign, GridSample,
    // op_product.h
    MatMul, Attention, Recurrent,
    // op_elementwise.h
    Binary, Unary, Clamp, Where, BatchNorm, Cast, Quantize, Dequantize,
    Requantize,
    // op_look_up.h
    LookUp,
    // op_axes.h
    Softmax, Reduce, ArgReduce, TopK, CumSum, LayerNorm,
    // op_move.h
    Concat, Slice, Pad, Reshape, Transpose, Expand, Gather, GatherElements,
    GatherNd, ScatterElements, ScatterNd>;

// "Conv", "MatMul", ...; operators of several kinds give theirs: "Add".
absl::string_view OpName(const Op& op);

// The attributes as text for dumps: "strides=[2, 2] groups=32 relu6".
std::string OpAttributes(const Op& op);

// What the operator says of itself; see OpTraits.
bool Rounds(const Op& op);
// `rows` is the axis on which all inputs that have rows have them.
bool MixesRows(const Op& op, InputTypes inputs, int rows = 0);
// kMovable only where its attributes can be moved now, else kFixed.
AxisUse AxisUseOf(const Op& op);
// Rewrites the attributes for another order of axes.
// REQUIRES: AxisUseOf(op) is kMovable or kImage (which becomes channels last).
void MoveAxes(const AxisMap& map, Op& op);

// Whether `op` only moves elements, and so does the same to integers as to the
// reals they stand for, whatever scale and zero point its inputs share. Padding
// counts where it is by the real 0, which every zero point stands for exactly.
bool MovesElements(const Op& op);

// Whether `op` is an average pool, global or not.
bool IsAveragePool(const Op& op);

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_H_
