// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_KERNEL_STEP_H_
#define OCTET_ENGINE_SIMD_KERNEL_STEP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/base/thread_pool.h"
#include "engine/plan/step.h"
#include "engine/simd/cpu_features.h"

// What the steps of this folder are made of.
namespace octet::simd {

// Work of one thread, in nanoseconds, above which waking the team pays.
inline constexpr int64_t kSharedWorkNs = 40'000;

// What a step whose kernel was chosen for this processor says of itself:
// "simd:relu:avx2".
inline std::string KernelName(absl::string_view what) {
  return absl::StrCat("simd:", what, ":", IsaName(ActiveIsa()));
}

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

// What a step says of its inputs; plan::Step has the terms.
struct InputUse {
  std::vector<size_t> packed;  // constants that the body does not read
  std::optional<size_t> overwritable;
};

// A step from a function object: `Body` is copied into each bound step and
// called as body(bindings) with pointers that stay the same from run to run.
template <typename Body>
class KernelStep : public plan::Step {
 public:
  KernelStep(std::string kernel, size_t scratch_bytes, Body body,
             InputUse inputs, absl::Span<const std::byte> first_weights)
      : kernel_(std::move(kernel)),
        scratch_bytes_(scratch_bytes),
        body_(std::move(body)),
        inputs_(std::move(inputs)),
        first_weights_(first_weights) {}

  std::string kernel() const override { return kernel_; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  bool reads_input(size_t index) const override {
    return std::find(inputs_.packed.begin(), inputs_.packed.end(), index) ==
           inputs_.packed.end();
  }
  std::optional<size_t> overwritable_input() const override {
    return inputs_.overwritable;
  }
  absl::Span<const std::byte> first_weights() const override {
    return first_weights_;
  }
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
          bindings_{inputs_, outputs_, bindings.scratch, bindings.pool,
                    bindings.next_weights},
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
  const InputUse inputs_;
  const absl::Span<const std::byte> first_weights_;  // of body_
};

template <typename Body>
std::unique_ptr<plan::Step> MakeKernelStep(
    std::string kernel, size_t scratch_bytes, Body body, InputUse inputs = {},
    absl::Span<const std::byte> first_weights = {}) {
  return std::make_unique<KernelStep<Body>>(std::move(kernel), scratch_bytes,
                                            std::move(body), std::move(inputs),
                                            first_weights);
}

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_KERNEL_STEP_H_
