// SPDX-License-Identifier: Apache-2.0
#include "engine/onednn/backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/onednn/dnnl_boundary.h"
#include "engine/onednn/steps.h"

namespace octet::onednn {
namespace {

using StepOr = absl::StatusOr<std::unique_ptr<plan::Step>>;

// Asks the operator's function where this backend has one.
class CreateVisitor {
 public:
  CreateVisitor(const plan::StepRequest& request, const BackendOptions& options)
      : request_(request), options_(options) {}

  StepOr operator()(const ir::Conv& op) const {
    if (!CanMultiply(IsDepthwise(op))) return Refusal();
    return CreateConvStep(request_, op);
  }
  StepOr operator()(const ir::ConvTranspose& op) const {
    return CreateConvTransposeStep(request_, op);
  }
  StepOr operator()(const ir::MatMul& op) const {
    if (!CanMultiply(/*depthwise=*/false)) return Refusal();
    return CreateMatMulStep(request_, op);
  }
  StepOr operator()(const ir::Pool& op) const {
    return CreatePoolStep(request_, op);
  }
  StepOr operator()(const ir::GlobalPool& op) const {
    return CreateGlobalPoolStep(request_, op);
  }
  StepOr operator()(const ir::Softmax& op) const {
    return CreateSoftmaxStep(request_, op);
  }
  template <typename Op>
  StepOr operator()(const Op&) const {
    return absl::UnimplementedError("not an operator of this backend");
  }

 private:
  using IntegerProducts = BackendOptions::IntegerProducts;

  bool IsDepthwise(const ir::Conv& op) const {
    const ir::Dims& weights = request_.graph.type(request_.node.inputs[1]).dims;
    return op.groups > 1 && weights[0].value == op.groups &&
           weights.back().value == 1;
  }
  bool CanMultiply(bool depthwise) const {
    const ir::TensorType& type = request_.graph.type(request_.node.inputs[0]);
    if (!type.quantization) return type.dtype == DType::kFloat32;
    return options_.integer_products == IntegerProducts::kAll ||
           (options_.integer_products == IntegerProducts::kDense && !depthwise);
  }
  StepOr Refusal() const {
    return absl::UnimplementedError(
        "products of this type, which another backend is to compute");
  }
  const plan::StepRequest& request_;
  const BackendOptions& options_;
};

class OneDnnBackend : public plan::Backend {
 public:
  explicit OneDnnBackend(const BackendOptions& options) : options_(options) {}

  absl::string_view name() const override { return "onednn"; }

  StepOr CreateStep(const plan::StepRequest& request) const override {
    const ScopedConcurrency concurrency(request.threads);
    return WithoutExceptions([&]() -> StepOr {
      return std::visit(CreateVisitor(request, options_), request.node.op);
    });
  }

 private:
  const BackendOptions options_;
};

}  // namespace

std::unique_ptr<plan::Backend> CreateOneDnnBackend(
    const BackendOptions& options) {
  return std::make_unique<OneDnnBackend>(options);
}

bool IntegerProductsAreExact() {
  const dnnl::cpu_isa isa = dnnl::get_effective_cpu_isa();
  switch (isa) {
    case dnnl::cpu_isa::isa_default:
    case dnnl::cpu_isa::sse41:
    case dnnl::cpu_isa::avx:
    case dnnl::cpu_isa::avx2:
    case dnnl::cpu_isa::avx512_core:
      return false;
    default:
      return true;
  }
}

std::string LibraryVersion() {
  const dnnl_version_t* version = dnnl_version();
  return absl::StrCat(version->major, ".", version->minor, ".", version->patch);
}

}  // namespace octet::onednn
