// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/simd/broadcast.h"
#include "engine/simd/byte_product.h"
#include "engine/simd/elementwise.h"
#include "engine/simd/steps.h"

// Sums, differences and products of two 8-bit tensors that broadcast.
namespace octet::simd {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<plan::Step>>;

// An operand of a row: as it lies, or one byte again and again.
class RowOperand {
 public:
  static constexpr int64_t kPiece = 256;

  RowOperand(const std::byte* first, bool repeats) : first_(first) {
    if (!repeats) return;
    std::memset(repeated_.data(), static_cast<int>(*first), kPiece);
    first_ = repeated_.data();
    step_ = 0;
  }
  RowOperand(const RowOperand&) = delete;
  RowOperand& operator=(const RowOperand&) = delete;

  // Elements [begin, begin + kPiece).
  const std::byte* At(int64_t begin) const { return first_ + begin * step_; }

 private:
  const std::byte* first_;
  int64_t step_ = 1;
  std::array<std::byte, kPiece> repeated_;
};

// compute(a, b, y, count) for rows of the output; count is at most a piece
// where an operand repeats.
template <typename Compute>
StepOr MakeRowStep(absl::string_view name, const plan::StepRequest& request,
                   Compute compute) {
  const auto shape_of = [&](ir::ValueId id) {
    return ir::ConcreteShape(request.graph.type(id).dims);
  };
  OCTET_ASSIGN_OR_RETURN(const Broadcast broadcast,
                         Broadcast::Create(shape_of(request.node.outputs[0]),
                                           {shape_of(request.node.inputs[0]),
                                            shape_of(request.node.inputs[1])}));
  const auto y_bytes = static_cast<int64_t>(
      SizeOf(request.graph.type(request.node.outputs[0]).dtype));
  return MakeKernelStep(
      absl::StrCat("simd:", name, ":", IsaName(ActiveIsa())), 0,
      [=](const plan::Bindings& bindings) {
        const auto row = [&](int64_t i, const auto& at, int64_t count) {
          const RowOperand a(bindings.inputs[0] + at[0], broadcast.repeats(0));
          const RowOperand b(bindings.inputs[1] + at[1], broadcast.repeats(1));
          const bool whole = !broadcast.repeats(0) && !broadcast.repeats(1);
          const int64_t piece = whole ? count : RowOperand::kPiece;
          for (int64_t k = 0; k < count; k += piece) {
            compute(a.At(k), b.At(k), bindings.outputs[0] + (i + k) * y_bytes,
                    std::min(piece, count - k));
          }
        };
        ShareOut(bindings.pool, broadcast.size(), broadcast.size() / 2,
                 [&](int64_t begin, int64_t end) {
                   broadcast.ForRows(begin, end, row);
                 });
      });
}

StepOr MakeProduct(const plan::StepRequest& request, const ir::Binary& op) {
  const ir::TensorType& a = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& b = request.graph.type(request.node.inputs[1]);
  ByteProductParams params;
  OCTET_ASSIGN_OR_RETURN(params.a, ToByteType(a));
  OCTET_ASSIGN_OR_RETURN(params.b, ToByteType(b));
  OCTET_ASSIGN_OR_RETURN(
      const plan::FactorRequantization numbers,
      plan::RequantizeFactors(a, b, request.graph.type(request.node.outputs[0]),
                              op.activation));
  params.multiplier = numbers.multiplier;
  OCTET_ASSIGN_OR_RETURN(params.output, ToOutputSpec(numbers.output));
  OCTET_ASSIGN_OR_RETURN(const ByteProduct product,
                         ByteProduct::Create(params));
  return MakeRowStep(
      "multiply", request,
      [product](const std::byte* left, const std::byte* right, std::byte* y,
                int64_t count) { product.Run(left, right, y, count); });
}

StepOr MakeSum(const plan::StepRequest& request, const ir::Binary& op) {
  const ir::TensorType& a = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& b = request.graph.type(request.node.inputs[1]);
  SumParams params;
  OCTET_ASSIGN_OR_RETURN(params.a, ToByteType(a));
  OCTET_ASSIGN_OR_RETURN(const ByteType b_type, ToByteType(b));
  OCTET_ASSIGN_OR_RETURN(
      const plan::SumRequantization numbers,
      plan::RequantizeSum(a, b, request.graph.type(request.node.outputs[0]),
                          op.activation));
  const bool add = op.kind == ir::BinaryKind::kAdd;
  params.multiplier = numbers.a_multiplier;
  params.b =
      ResidualSpec{b_type, add ? numbers.b_multiplier : -numbers.b_multiplier};
  OCTET_ASSIGN_OR_RETURN(params.output, ToOutputSpec(numbers.output));
  OCTET_ASSIGN_OR_RETURN(const Sum sum, Sum::Create(params));
  return MakeRowStep(
      add ? "add" : "subtract", request,
      [sum](const std::byte* left, const std::byte* right, std::byte* y,
            int64_t count) { sum.Run(left, right, y, 0, count); });
}

}  // namespace

StepOr CreateByteBinaryStep(const plan::StepRequest& request,
                            const ir::Binary& op) {
  const ir::TensorType& a = request.graph.type(request.node.inputs[0]);
  const ir::TensorType& b = request.graph.type(request.node.inputs[1]);
  switch (op.kind) {
    case ir::BinaryKind::kAdd:
      if (a.dims == b.dims) return CreateAddStep(request, op);
      return MakeSum(request, op);
    case ir::BinaryKind::kSub:
      return MakeSum(request, op);
    case ir::BinaryKind::kMul:
      return MakeProduct(request, op);
    default:
      return absl::UnimplementedError("no kernel for this function of bytes");
  }
}

}  // namespace octet::simd
