// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/backend.h"

#include <utility>
#include <variant>

#include "engine/reference/loop_step.h"
#include "engine/reference/steps.h"

namespace octet::reference {
namespace {

class ReferenceBackend : public plan::Backend {
 public:
  absl::string_view name() const override { return "reference"; }

  absl::StatusOr<std::unique_ptr<plan::Step>> CreateStep(
      const plan::StepRequest& request) const override {
    const NodeTypes node(request);
    if (request.node.outputs.size() != 1) {
      return node.Unsupported("it has more outputs than one");
    }
    return std::visit([&](const auto& op) { return MakeStep(op, node); },
                      request.node.op);
  }
};

}  // namespace

std::unique_ptr<plan::Backend> CreateReferenceBackend() {
  return std::make_unique<ReferenceBackend>();
}

}  // namespace octet::reference
