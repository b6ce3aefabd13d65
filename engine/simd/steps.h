// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_STEPS_H_
#define OCTET_ENGINE_SIMD_STEPS_H_

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/plan/requantization.h"
#include "engine/plan/step.h"
#include "engine/simd/quantized_types.h"

// From nodes of a graph to kernels of this folder. Each Create function returns
// UNIMPLEMENTED with the reason where no kernel runs the node.
namespace octet::simd {

absl::StatusOr<std::unique_ptr<plan::Step>> CreateConvStep(
    const plan::StepRequest& request, const ir::Conv& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateMatMulStep(
    const plan::StepRequest& request, const ir::MatMul& op);

absl::StatusOr<std::unique_ptr<plan::Step>> CreatePoolStep(
    const plan::StepRequest& request, const ir::Pool& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateGlobalPoolStep(
    const plan::StepRequest& request, const ir::GlobalPool& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateAttentionStep(
    const plan::StepRequest& request, const ir::Attention& op);
// Additions only.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateAddStep(
    const plan::StepRequest& request, const ir::Binary& op);
// Any type of element: they copy.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateConcatStep(
    const plan::StepRequest& request, const ir::Concat& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreatePadStep(
    const plan::StepRequest& request, const ir::Pad& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateReshapeStep(
    const plan::StepRequest& request);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateResizeStep(
    const plan::StepRequest& request, const ir::Resize& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateSliceStep(
    const plan::StepRequest& request, const ir::Slice& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateTransposeStep(
    const plan::StepRequest& request, const ir::Transpose& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateRequantizeStep(
    const plan::StepRequest& request);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateQuantizeStep(
    const plan::StepRequest& request);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateDequantizeStep(
    const plan::StepRequest& request);

// Of float32 alone.
absl::StatusOr<std::unique_ptr<plan::Step>> CreateUnaryStep(
    const plan::StepRequest& request, const ir::Unary& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateClampStep(
    const plan::StepRequest& request, const ir::Clamp& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateFloatBinaryStep(
    const plan::StepRequest& request, const ir::Binary& op);

absl::StatusOr<std::unique_ptr<plan::Step>> CreateBatchNormStep(
    const plan::StepRequest& request, const ir::BatchNorm& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateLayerNormStep(
    const plan::StepRequest& request, const ir::LayerNorm& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateReduceStep(
    const plan::StepRequest& request, const ir::Reduce& op);
absl::StatusOr<std::unique_ptr<plan::Step>> CreateSoftmaxStep(
    const plan::StepRequest& request, const ir::Softmax& op);

// UNIMPLEMENTED unless all inputs and the output are plain float32.
absl::Status ExpectFloats(const plan::StepRequest& request);

// The kernels' form of an 8-bit activation's type; UNIMPLEMENTED for others.
absl::StatusOr<ByteType> ToByteType(const ir::TensorType& type);

// The kernels' form of the last step of an operator.
absl::StatusOr<OutputSpec> ToOutputSpec(const plan::OutputStage& stage);

// Work of one thread, in nanoseconds, above which waking the team pays.
inline constexpr int64_t kSharedWorkNs = 40'000;

// Roughly how long one thread takes to move `bytes`.
inline int64_t MoveNs(int64_t bytes) { return bytes / 8; }

// Calls body(begin, end) for all of [0, items): on the pool's threads where the
// whole takes one thread `ns` nanoseconds and that is worth it, else here.
template <typename Body>
void ShareOut(ThreadPool* pool, int64_t items, int64_t ns, Body body) {
  if (pool->threads() == 1 || ns < kSharedWorkNs) {
    if (items > 0) body(int64_t{0}, items);
    return;
  }
  pool->ParallelRanges(
      items, [&](int64_t begin, int64_t end, int) { body(begin, end); });
}

// A step from a function object: `Body` is copied into each bound step and
// called as body(bindings) with pointers that stay the same from run to run.
template <typename Body>
class KernelStep : public plan::Step {
 public:
  KernelStep(std::string kernel, size_t scratch_bytes, Body body)
      : kernel_(std::move(kernel)),
        scratch_bytes_(scratch_bytes),
        body_(std::move(body)) {}

  std::string kernel() const override { return kernel_; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  absl::StatusOr<std::unique_ptr<plan::BoundStep>> Bind(
      const plan::Bindings& bindings) const override {
    return std::make_unique<Bound>(bindings, body_);
  }

 private:
  class Bound : public plan::BoundStep {
   public:
    Bound(const plan::Bindings& bindings, const Body& body)
        : inputs_(bindings.inputs.begin(), bindings.inputs.end()),
          outputs_(bindings.outputs.begin(), bindings.outputs.end()),
          bindings_{inputs_, outputs_, bindings.scratch, bindings.pool},
          body_(body) {}

    absl::Status Run() override {
      body_(bindings_);
      return absl::OkStatus();
    }

   private:
    const std::vector<const std::byte*> inputs_;
    const std::vector<std::byte*> outputs_;
    const plan::Bindings bindings_;
    const Body body_;
  };

  const std::string kernel_;
  const size_t scratch_bytes_;
  const Body body_;
};

template <typename Body>
std::unique_ptr<plan::Step> MakeKernelStep(std::string kernel,
                                           size_t scratch_bytes, Body body) {
  return std::make_unique<KernelStep<Body>>(std::move(kernel), scratch_bytes,
                                            std::move(body));
}

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_STEPS_H_
