// SPDX-License-Identifier: Apache-2.0
#include "engine/calibration_run.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/base/half_tensors.h"
#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/compile.h"
#include "engine/gather.h"
#include "engine/plan/plan.h"

namespace octet::internal {
namespace {

absl::Status CheckTensor(const TensorSpec& spec, const Tensor& tensor,
                         absl::string_view what) {
  Shape expected = spec.row_shape;
  expected.insert(expected.begin(),
                  tensor.shape().empty() ? 0 : tensor.shape()[0]);
  if (tensor.dtype() != spec.dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " tensor ", spec.name, " is ", Name(tensor.dtype()),
                     "; expected ", Name(spec.dtype)));
  }
  if (tensor.shape() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " tensor ", spec.name, " has shape ",
                     ShapeToString(tensor.shape()), "; expected [samples, ",
                     absl::StrJoin(spec.row_shape, ", "), "]"));
  }
  const Tensor reals = WithoutHalves(tensor);
  if (reals.dtype() != DType::kFloat32) return absl::OkStatus();
  const auto values = reals.data<float>();
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) {
    return !std::isfinite(value);
  });
  if (bad == values.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " tensor ", spec.name, " holds ", *bad, " at element ",
                   bad - values.begin(), "; expected finite values"));
}

// Runs a float graph for one sample and shows its values.
class ActivationRunner {
 public:
  ActivationRunner(const CalibrationRun& run, SampleRuns runs)
      : run_(run), runs_(std::move(runs)), pool_(runs_.threads) {}

  absl::Status Prepare(const quant::WatchedGraph& watched) {
    OCTET_ASSIGN_OR_RETURN(ir::Graph lowered,
                           Lower(watched.graph, watched.watched));
    lowered = lowered.WithRows(1);
    shown_from_ = watched.graph.outputs().size();
    const BackendSet backends(BackendChoice::kDefault);
    OCTET_ASSIGN_OR_RETURN(
        plan_, plan::Plan::Build(std::move(lowered), backends.in_order(),
                                 pool_.threads(), &weights_));
    arena_ =
        Tensor(DType::kUInt8, {static_cast<int64_t>(plan_->arena_bytes())});
    for (const plan::PlanTensor& input : plan_->inputs()) {
      const bool of_model = gatherers_.size() < run_.inputs();
      OCTET_ASSIGN_OR_RETURN(
          RowGatherer gatherer,
          RowGatherer::Create(input, of_model && runs_.batches, std::nullopt));
      gatherers_.push_back(std::move(gatherer));
    }
    OCTET_ASSIGN_OR_RETURN(bound_, plan_->Bind(arena_.mutable_bytes(), &pool_));
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> RunNext(const quant::ActivationSink& sink) {
    if (next_ == runs_.samples.size()) {
      next_ = 0;
      return 0;
    }
    for (size_t i = 0; i < gatherers_.size(); ++i) {
      const void* values = i < run_.inputs()
                               ? run_.Sample(i, runs_.samples[next_])
                               : runs_.further_input(i - run_.inputs()).data();
      gatherers_[i].Gather(values, 0, 1,
                           arena_.mutable_bytes() + plan_->inputs()[i].offset);
    }
    OCTET_RETURN_IF_ERROR(bound_->Run());
    for (size_t i = shown_from_; i < plan_->outputs().size(); ++i) {
      const plan::PlanTensor& shown = plan_->outputs()[i];
      const int64_t count = ElementCount(ir::ConcreteShape(shown.type.dims));
      const auto* values =
          reinterpret_cast<const float*>(arena_.bytes() + shown.offset);
      OCTET_RETURN_IF_ERROR(
          sink(i - shown_from_,
               absl::MakeConstSpan(values, static_cast<size_t>(count))));
    }
    ++next_;
    return 1;
  }

 private:
  const CalibrationRun& run_;
  const SampleRuns runs_;
  ThreadPool pool_;
  plan::WeightCache weights_;
  Tensor arena_;
  std::shared_ptr<const plan::Plan> plan_;
  std::unique_ptr<plan::BoundPlan> bound_;
  std::vector<RowGatherer> gatherers_;
  size_t shown_from_ = 0;  // outputs before it are the model's own
  size_t next_ = 0;        // of the samples
};

}  // namespace

absl::StatusOr<CalibrationRun> CalibrationRun::Create(
    const Model& model, absl::Span<const NamedTensor> calibration,
    absl::string_view what) {
  CalibrationRun run;
  for (const NamedTensor& named : calibration) {
    const bool known = std::any_of(
        model.inputs().begin(), model.inputs().end(),
        [&](const TensorSpec& spec) { return spec.name == named.name; });
    if (!known) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, " tensor ", named.name,
          " is no input of the model; its "
          "inputs are ",
          absl::StrJoin(model.inputs(), ", ",
                        [](std::string* out, const TensorSpec& spec) {
                          absl::StrAppend(out, spec.name);
                        })));
    }
  }
  for (const TensorSpec& spec : model.inputs()) {
    const auto named = std::find_if(
        calibration.begin(), calibration.end(),
        [&](const NamedTensor& tensor) { return tensor.name == spec.name; });
    if (named == calibration.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "no ", what, " tensor for the model's input ", spec.name));
    }
    Tensor tensor = named->tensor;
    if (IsHalf(spec.dtype) && tensor.dtype() == DType::kFloat32) {
      tensor = RoundedToHalf(tensor, spec.dtype);
    }
    OCTET_RETURN_IF_ERROR(CheckTensor(spec, tensor, what));
    const int64_t samples = tensor.shape()[0];
    if (!run.tensors_.empty() && samples != run.samples_) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, " tensor ", spec.name, " has ", samples,
                       " samples; the one before it has ", run.samples_));
    }
    run.samples_ = samples;
    run.tensors_.push_back(std::move(tensor));
  }
  if (run.samples_ == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("no ", what, " samples; expected at least one"));
  }
  return run;
}

const void* CalibrationRun::Sample(size_t input, int64_t sample) const {
  const Tensor& tensor = tensors_[input];
  return tensor.bytes() + tensor.byte_size() / samples_ * sample;
}

absl::StatusOr<quant::ActivationSource> CalibrationRun::ActivationsOf(
    const quant::WatchedGraph& watched, const SampleRuns& runs) const {
  auto runner = std::make_shared<ActivationRunner>(*this, runs);
  OCTET_RETURN_IF_ERROR(runner->Prepare(watched));
  return quant::ActivationSource([runner](const quant::ActivationSink& sink) {
    return runner->RunNext(sink);
  });
}

}  // namespace octet::internal
