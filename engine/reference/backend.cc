// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/backend.h"

#include <utility>
#include <variant>

#include "engine/reference/loop_step.h"
#include "engine/reference/recurrent_step.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

class ReferenceBackend : public plan::Backend {
 public:
  explicit ReferenceBackend(FloatSums conv_sums) : conv_sums_(conv_sums) {}

  absl::string_view name() const override { return "reference"; }

  absl::StatusOr<std::unique_ptr<plan::Step>> CreateStep(
      const plan::StepRequest& request) const override {
    const NodeTypes node(request, conv_sums_);
    return std::visit(
        [&](const auto& op) -> absl::StatusOr<StepPtr> {
          if constexpr (requires { MakeStep(op, node); }) {
            return MakeStep(op, node);
          } else {
            return node.Unsupported("octet does not run this operator");
          }
        },
        request.node.op);
  }

 private:
  FloatSums conv_sums_;
};

}  // namespace

std::unique_ptr<plan::Backend> CreateReferenceBackend(FloatSums conv_sums) {
  return std::make_unique<ReferenceBackend>(conv_sums);
}

}  // namespace octet::reference
