// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONEDNN_PRODUCT_H_
#define OCTET_ENGINE_ONEDNN_PRODUCT_H_

#include <dnnl.hpp>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/onednn/dnnl_boundary.h"
#include "engine/onednn/layouts.h"
#include "engine/plan/step.h"

// What Conv and MatMul have in common: packed weights, bias, and the arithmetic
// behind the products.
namespace octet::onednn {

// The attributes and constants of a Conv or MatMul, float or integer.
struct ProductSetup {
  dnnl::primitive_attr attributes;
  // float32 [channels], in units of the output's scale; absent without a bias.
  std::optional<Tensor> bias;
  // Integers only: what the attributes leave to the run.
  std::optional<Tensor> multipliers;        // float32 [channels]
  std::optional<Tensor> input_zero_point;   // int32 [1]
  std::optional<Tensor> output_zero_point;  // int32 [1]
};

// How a node multiplies: which inputs are what.
struct ProductNode {
  int channel_axis = 0;  // of the weights as the node has them
  int scale_mask = 1;    // of the weights as oneDNN names their dimensions
  std::optional<size_t> bias_input;
  std::optional<size_t> residual_input;
  ir::Activation activation;
};

// `max(m * acc + bias + residual ...)` of engine/ir/README.md as attributes.
absl::StatusOr<ProductSetup> SetUpProduct(const plan::StepRequest& request,
                                          const ProductNode& product);

// Packs weights and run-time attributes and completes the step. `bias` is the
// primitive's bias descriptor. `weights` is the node's plain weights.
struct ProductPrimitive {
  dnnl::primitive primitive;
  std::string implementation;
  dnnl::memory::desc source, weights, packed_weights, destination, scratchpad;
  std::optional<dnnl::memory::desc> bias;
  int64_t repeats = 1;  // as PrimitiveStepParts
};
absl::StatusOr<std::unique_ptr<plan::Step>> FinishProduct(
    const plan::StepRequest& request, const ProductNode& product,
    const ProductSetup& setup, const ProductPrimitive& primitive);

// The packed layout that another plan of the model chose for these weights, if
// one did: using it too makes the plans share one copy.
std::optional<dnnl::memory::desc> ChosenWeights(
    const plan::StepRequest& request);

// Whether a oneDNN implementation, as it calls itself, is its plain loops:
// hundreds of times slower than its kernels.
bool IsPlainLoops(const std::string& implementation);

// Makes a primitive descriptor with `create(weights)`: with the layout that
// another plan chose where a kernel of oneDNN takes it, else with the one it
// likes best, for which the plan then has a copy of its own. Which layouts its
// kernels take depends on batch and threads; its plain loops take all.
template <typename Create>
auto WithSharedWeights(const plan::StepRequest& request,
                       const dnnl::memory::desc& plain, Create create) {
  if (std::optional<dnnl::memory::desc> chosen = ChosenWeights(request)) {
    auto desc = create(*chosen, /*allow_empty=*/true);
    if (desc && !IsPlainLoops(desc.impl_info_str())) return desc;
  }
  return create(AnyLayout(plain), /*allow_empty=*/false);
}

}  // namespace octet::onednn

#endif  // OCTET_ENGINE_ONEDNN_PRODUCT_H_
