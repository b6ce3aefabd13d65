// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/ir/recurrent_inputs.h"
#include "engine/ir/type_rules.h"

// The rule of LSTM, GRU and RNN.
namespace octet::ir::internal {
namespace {

absl::Status ExpectOperand(absl::string_view what, const TensorType& type,
                           DType dtype, const Dims& dims) {
  if (type.dtype == dtype && !type.quantization.has_value() &&
      type.dims == dims) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", TypeToString(type), "; expected ",
                   TypeToString({dtype, dims, std::nullopt})));
}

// W or R: floats, or s8 with scales for all or for each row of gates.
absl::Status ExpectWeights(absl::string_view what, const TensorType& type,
                           const Dims& dims) {
  if (type.dtype != DType::kInt8) {
    return ExpectOperand(what, type, DType::kFloat32, dims);
  }
  if (type.dims == dims && AreByteWeights(type)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " is ", TypeToString(type), "; expected int8", DimsToString(dims),
      " with zero points 0 and one scale or one for each index of axis "
      "1"));
}

absl::Status ExpectAttributes(const Recurrent& op) {
  if (op.hidden < 1 || op.hidden > kMaxExtent) {
    return absl::InvalidArgumentError(absl::StrCat(
        "hidden_size is ", op.hidden, "; expected 1 to ", kMaxExtent));
  }
  const int functions = FunctionCount(op.kind) * DirectionCount(op.direction);
  if (static_cast<int>(op.functions.size()) != functions) {
    return absl::InvalidArgumentError(
        absl::StrCat("got ", op.functions.size(),
                     " activation functions; expected ", functions));
  }
  for (const RecurrentFunction& function : op.functions) {
    if (!std::isfinite(function.alpha) || !std::isfinite(function.beta)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an activation function has alpha ", function.alpha, " and beta ",
          function.beta, "; expected finite numbers"));
    }
  }
  if (!(op.clip >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("clip is ", op.clip, "; expected a number >= 0"));
  }
  const bool lstm = op.kind == RecurrentKind::kLstm;
  if (!lstm && (op.has_initial_c || op.has_peepholes)) {
    return absl::InvalidArgumentError(
        absl::StrCat(op.Name(),
                     " has no cell; expected neither an initial "
                     "cell nor peepholes"));
  }
  return absl::OkStatus();
}

absl::Status ExpectOptionalOperands(const Recurrent& op, InputTypes inputs,
                                    const Dim& directions, const Dim& batch) {
  const RecurrentInputs at = InputsOf(op);
  const Dim hidden = Dim::Fixed(op.hidden);
  const Dims state = {directions, batch, hidden};
  const int64_t gates = GateCount(op.kind);
  const auto expect = [&](std::optional<int> index, absl::string_view what,
                          DType dtype, const Dims& dims) {
    if (!index.has_value()) return absl::OkStatus();
    return ExpectOperand(what, inputs[*index], dtype, dims);
  };
  OCTET_RETURN_IF_ERROR(
      expect(at.bias, "the bias", DType::kFloat32,
             {directions, Dim::Fixed(2 * gates * op.hidden)}));
  OCTET_RETURN_IF_ERROR(
      expect(at.sequence_lens, "sequence_lens", DType::kInt32, {batch}));
  OCTET_RETURN_IF_ERROR(
      expect(at.initial_h, "initial_h", DType::kFloat32, state));
  OCTET_RETURN_IF_ERROR(
      expect(at.initial_c, "initial_c", DType::kFloat32, state));
  return expect(at.peepholes, "the peepholes", DType::kFloat32,
                {directions, Dim::Fixed(3 * op.hidden)});
}

}  // namespace

absl::StatusOr<std::vector<TensorType>> InferOp(const Recurrent& op,
                                                InputTypes inputs) {
  OCTET_RETURN_IF_ERROR(ExpectAttributes(op));
  OCTET_RETURN_IF_ERROR(ExpectInputCount(inputs, InputsOf(op).count));
  const Dims& x = inputs[0].dims;
  if (x.size() != 3 || x[0].per_row || x[2].per_row) {
    return absl::InvalidArgumentError(
        absl::StrCat("the input has dimensions ", DimsToString(x),
                     "; expected [steps, batch, features], rows on no axis "
                     "but the batch"));
  }
  OCTET_RETURN_IF_ERROR(
      ExpectOperand("the input", inputs[0], DType::kFloat32, x));
  const Dim directions = Dim::Fixed(DirectionCount(op.direction));
  const Dim rows = Dim::Fixed(GateCount(op.kind) * op.hidden);
  const Dim hidden = Dim::Fixed(op.hidden);
  OCTET_RETURN_IF_ERROR(
      ExpectWeights("W", inputs[1], {directions, rows, x[2]}));
  OCTET_RETURN_IF_ERROR(
      ExpectWeights("R", inputs[2], {directions, rows, hidden}));
  OCTET_RETURN_IF_ERROR(ExpectOptionalOperands(op, inputs, directions, x[1]));
  const TensorType state = Computed({directions, x[1], hidden});
  std::vector<TensorType> outputs = {Computed({x[0], directions, x[1], hidden}),
                                     state};
  if (op.kind == RecurrentKind::kLstm) outputs.push_back(state);
  return outputs;
}

}  // namespace octet::ir::internal
