// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IR_TYPE_RULES_H_
#define OCTET_ENGINE_IR_TYPE_RULES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/ir/op.h"
#include "engine/ir/tensor_type.h"

// The rules behind InferTypes(), one per operator: the type of its output, or
// a list for one with several. Private to engine/ir.
namespace octet::ir::internal {

// Window entries and tensor dimensions are at most this, so that products of
// two and sums of a few cannot overflow.
inline constexpr int64_t kMaxExtent = int64_t{1} << 31;

absl::StatusOr<TensorType> InferOp(const Conv& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const ConvTranspose& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const MatMul& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Attention& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Pool& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const MaxPoolIndices& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const GlobalPool& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Resize& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Lrn& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const RoiAlign& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const GridSample& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Binary& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Unary& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Clamp& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Where& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const BatchNorm& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Softmax& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Concat& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Slice& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Pad& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Reshape& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Transpose& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Expand& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Gather& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const GatherElements& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const GatherNd& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const ScatterElements& op,
                                   InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const ScatterNd& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Reduce& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const ArgReduce& op, InputTypes inputs);
absl::StatusOr<std::vector<TensorType>> InferOp(const TopK& op,
                                                InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const CumSum& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const LayerNorm& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Cast& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Quantize& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Dequantize& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const Requantize& op, InputTypes inputs);
absl::StatusOr<TensorType> InferOp(const LookUp& op, InputTypes inputs);
absl::StatusOr<std::vector<TensorType>> InferOp(const Recurrent& op,
                                                InputTypes inputs);

absl::Status ExpectInputCount(InputTypes inputs, size_t expected);
// One of `dims`, counted from the first.
absl::Status ExpectAxis(int axis, const Dims& dims);
// float32, or 8-bit integers with a quantization.
absl::Status ExpectReal(absl::string_view what, const TensorType& type);
// A [lower, upper] that holds at least one number.
absl::Status ExpectActivation(const Activation& activation);
// The types of weights `w` (their channels on `channel_axis`) and of a bias:
// integers iff `x` is.
absl::Status ExpectWeights(const TensorType& x, const TensorType& w,
                           int channel_axis);
absl::Status ExpectBias(const TensorType& x, const TensorType& bias,
                        const Dim& channels);

// An image tensor: a batch axis, a channel axis and one to three spatial axes;
// only the batch axis may depend on the rows.
absl::Status ExpectImage(const TensorType& x);

// What `a` and `b` broadcast to, as numpy does. INVALID_ARGUMENT if they don't.
absl::StatusOr<Dims> BroadcastDims(const Dims& a, const Dims& b);

// float32 of these dimensions: what an operator computes unless its output's
// type says that it rounds to integers.
TensorType Computed(Dims dims);

}  // namespace octet::ir::internal

#endif  // OCTET_ENGINE_IR_TYPE_RULES_H_
