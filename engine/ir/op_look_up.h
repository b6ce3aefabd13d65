// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_OP_LOOK_UP_H_
#define OCTET_ENGINE_IR_OP_LOOK_UP_H_

#include <string>

#include "engine/base/tensor.h"
#include "engine/ir/op_traits.h"

namespace octet::ir {

// inputs: x of 8 bits. A function of one byte, told by its values: what a chain
// of float operators between Dequantize and Quantize comes to, all its
// roundings included.
struct LookUp {
  static constexpr OpTraits kTraits = {"LookUp", AxisUse::kNone, RowUse::kKeeps,
                                       /*rounds=*/true};
  // [256], of the output's dtype (int8, uint8 or float32): entry i is for the x
  // whose bits are i, so that of the int8 -1 is entry 255.
  Tensor table;
  // What the function was, for dumps: "Sigmoid Mul".
  std::string function;

  std::string Attributes() const { return " of=[" + function + "]"; }
};

}  // namespace octet::ir

#endif  // OCTET_ENGINE_IR_OP_LOOK_UP_H_
