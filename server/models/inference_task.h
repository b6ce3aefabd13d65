// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_INFERENCE_TASK_H_
#define OCTET_SERVER_MODELS_INFERENCE_TASK_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/base/tensor.h"
#include "engine/engine.h"
#include "server/models/inference_statistics.h"
#include "server/scheduler/task.h"

namespace octet {

class LoadedModel;

// One request's rows on their way through a model.
//
// The memory behind `inputs` and `outputs` belongs to the subclass and stays
// valid until Done() is called.
class InferenceTask : public Task {
 public:
  // Called exactly once for a task that LoadedModel::Enqueue() took, on a lane
  // or a thread of the caller's, never under a lock: the outputs are written
  // (OK), or the request failed or was dropped.
  virtual void Done(const absl::Status& status) = 0;

  void Drop(absl::Status reason) final;

  // The rows; valid while the task is.
  RowBlock block() const { return {rows(), inputs_, outputs_}; }

  // The inputs of a model with dynamic shapes, which takes them whole, and its
  // outputs, for Done().
  const std::vector<Tensor>& whole_inputs() const { return whole_inputs_; }
  const std::vector<Tensor>& whole_outputs() const { return whole_outputs_; }

  // Where the time went; for Done().
  const RequestTimes& times() const { return times_; }

 protected:
  // In the order of the model's inputs and outputs: RowBlock says the sizes.
  absl::InlinedVector<const void*, 4> inputs_;
  absl::InlinedVector<void*, 4> outputs_;
  // Instead of these where the model has dynamic shapes.
  std::vector<Tensor> whole_inputs_;

 private:
  friend class LoadedModel;

  // Keeps the model until the task is gone; set by Enqueue().
  std::shared_ptr<LoadedModel> model_;
  RequestTimes times_;
  std::vector<Tensor> whole_outputs_;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_INFERENCE_TASK_H_
