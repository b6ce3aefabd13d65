// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_REFERENCE_LOOP_STEP_H_
#define OCTET_ENGINE_REFERENCE_LOOP_STEP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/thread_pool.h"
#include "engine/ir/tensor_type.h"
#include "engine/plan/step.h"
#include "engine/reference/backend.h"

namespace octet::reference {

using StepPtr = std::unique_ptr<plan::Step>;

// The types around the node that a step is made for. Valid as long as the
// request that it was made from.
class NodeTypes {
 public:
  explicit NodeTypes(const plan::StepRequest& request,
                     FloatSums conv_sums = FloatSums::kDouble)
      : request_(request), conv_sums_(conv_sums) {}

  int input_count() const {
    return static_cast<int>(request_.node.inputs.size());
  }
  const ir::TensorType& input(int i) const {
    return request_.graph.type(request_.node.inputs[i]);
  }
  const ir::TensorType& output(int i = 0) const {
    return request_.graph.type(request_.node.outputs[i]);
  }
  Shape input_shape(int i) const { return ir::ConcreteShape(input(i).dims); }
  Shape output_shape(int i = 0) const {
    return ir::ConcreteShape(output(i).dims);
  }
  int threads() const { return request_.threads; }
  FloatSums conv_sums() const { return conv_sums_; }

  // UNIMPLEMENTED with the reason; the plan adds the node's name.
  absl::Status Unsupported(absl::string_view reason) const {
    return absl::UnimplementedError(reason);
  }
  // Unsupported() unless inputs [0, count) and the output all have `dtype`.
  absl::Status ExpectDType(DType dtype, int count) const;
  // For operators that only move integers: Unsupported() unless input `i` and
  // the output have one dtype and, where per tensor, one quantization.
  absl::Status ExpectMoved(int i) const;

 private:
  const plan::StepRequest& request_;
  FloatSums conv_sums_;
};

// The memory of one bound step.
struct LoopMemory {
  std::vector<const std::byte*> inputs;
  std::vector<std::byte*> outputs;
  std::byte* scratch = nullptr;
  ThreadPool* pool = nullptr;

  template <typename T>
  const T* in(int i) const {
    return reinterpret_cast<const T*>(inputs[i]);
  }
  template <typename T>
  T* out(int i = 0) const {
    return reinterpret_cast<T*>(outputs[i]);
  }
};

// Computes the outputs of a node from its inputs. Allocates nothing and keeps
// no state, so that any number of executors may run it at once.
using Loop = std::function<void(const LoopMemory&)>;

// The step that runs `loop`, with `scratch_bytes` of scratch in all.
StepPtr MakeLoopStep(Loop loop, size_t scratch_bytes = 0);

// `make(T())` for the one of `Types` that is the C++ type of `dtype`;
// Unsupported() if none is.
template <typename... Types, typename Make>
absl::StatusOr<StepPtr> ForType(const NodeTypes& node, DType dtype, Make make) {
  absl::StatusOr<StepPtr> step =
      node.Unsupported(absl::StrCat("there is no loop for ", Name(dtype)));
  ((DTypeOf<Types>() == dtype && (step = make(Types()), true)) || ...);
  return step;
}

}  // namespace octet::reference

#endif  // OCTET_ENGINE_REFERENCE_LOOP_STEP_H_
