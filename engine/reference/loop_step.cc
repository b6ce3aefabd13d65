// SPDX-License-Identifier: Apache-2.0
#include "engine/reference/loop_step.h"

#include <string>

namespace octet::reference {
namespace {

class BoundLoop : public plan::BoundStep {
 public:
  BoundLoop(std::shared_ptr<const Loop> loop, LoopMemory memory)
      : loop_(std::move(loop)), memory_(std::move(memory)) {}

  absl::Status Run() override {
    (*loop_)(memory_);
    return absl::OkStatus();
  }

 private:
  const std::shared_ptr<const Loop> loop_;
  const LoopMemory memory_;
};

class LoopStep : public plan::Step {
 public:
  LoopStep(Loop loop, size_t scratch_bytes)
      : loop_(std::make_shared<const Loop>(std::move(loop))),
        scratch_bytes_(scratch_bytes) {}

  std::string kernel() const override { return "reference"; }
  size_t scratch_bytes() const override { return scratch_bytes_; }

  absl::StatusOr<std::unique_ptr<plan::BoundStep>> Bind(
      const plan::Bindings& bindings) const override {
    LoopMemory memory;
    memory.inputs.assign(bindings.inputs.begin(), bindings.inputs.end());
    memory.outputs.assign(bindings.outputs.begin(), bindings.outputs.end());
    memory.scratch = bindings.scratch;
    memory.pool = bindings.pool;
    return std::make_unique<BoundLoop>(loop_, std::move(memory));
  }

 private:
  const std::shared_ptr<const Loop> loop_;
  const size_t scratch_bytes_;
};

}  // namespace

absl::Status NodeTypes::ExpectDType(DType dtype, int count) const {
  auto expect = [&](const ir::TensorType& type, absl::string_view role) {
    if (type.dtype == dtype && !type.quantization.has_value()) {
      return absl::OkStatus();
    }
    return Unsupported(absl::StrCat(role, " is ", ir::TypeToString(type),
                                    "; expected plain ", Name(dtype)));
  };
  for (int i = 0; i < count; ++i) {
    absl::Status status = expect(input(i), absl::StrCat("input ", i));
    if (!status.ok()) return status;
  }
  return expect(output(), "the output");
}

absl::Status NodeTypes::ExpectMoved(int i) const {
  const ir::TensorType& from = input(i);
  const ir::TensorType& to = output();
  // Per channel, the axis moves with the data, so the two differ rightly.
  const bool per_channel =
      from.quantization.has_value() && to.quantization.has_value() &&
      !from.quantization->per_tensor() && !to.quantization->per_tensor();
  if (from.dtype == to.dtype &&
      (per_channel || from.quantization == to.quantization)) {
    return absl::OkStatus();
  }
  return Unsupported(absl::StrCat("input ", i, " is ", ir::TypeToString(from),
                                  " and the output ", ir::TypeToString(to),
                                  "; expected one dtype and quantization"));
}

StepPtr MakeLoopStep(Loop loop, size_t scratch_bytes) {
  return std::make_unique<LoopStep>(std::move(loop), scratch_bytes);
}

}  // namespace octet::reference
