// SPDX-License-Identifier: Apache-2.0
#include "engine/calibration_run.h"

#include <algorithm>
#include <atomic>
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
#include "engine/signature.h"

namespace octet::internal {
namespace {

absl::Status CheckTensor(const TensorSpec& spec, const SampleTensor& tensor,
                         absl::string_view what) {
  const bool rounded =
      IsHalf(spec.dtype) && tensor.dtype == DType::kFloat32;  // by Read()
  if (tensor.dtype != spec.dtype && !rounded) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " tensor ", spec.name, " is ", Name(tensor.dtype),
                     "; expected ", Name(spec.dtype)));
  }
  Shape expected = spec.row_shape;
  expected.insert(expected.begin(), tensor.shape.empty() ? 0 : tensor.shape[0]);
  if (tensor.shape != expected) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " tensor ", spec.name, " has shape ", ShapeToString(tensor.shape),
        "; expected [samples, ", absl::StrJoin(spec.row_shape, ", "), "]"));
  }
  return absl::OkStatus();
}

// `tensor` is sample `sample`.
absl::Status CheckFinite(const std::string& name, int64_t sample,
                         const Tensor& tensor, absl::string_view what) {
  const Tensor reals = WithoutHalves(tensor);
  if (reals.dtype() != DType::kFloat32) return absl::OkStatus();
  const auto values = reals.data<float>();
  const auto bad = std::find_if(values.begin(), values.end(), [](float value) {
    return !std::isfinite(value);
  });
  if (bad == values.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " tensor ", name, " holds ", *bad, " at element ",
                   sample * tensor.size() + (bad - values.begin()),
                   "; expected finite values"));
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
    OCTET_RETURN_IF_ERROR(CheckTensorsFit(lowered, kMaxArenaBytes));
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
    OCTET_ASSIGN_OR_RETURN(const Sample sample,
                           run_.Read(runs_.samples[next_]));
    for (size_t i = 0; i < gatherers_.size(); ++i) {
      const void* values = i < run_.inputs()
                               ? sample.inputs()[i]
                               : runs_.further_input(i - run_.inputs()).data();
      gatherers_[i].Gather(values, 0, 1,
                           arena_.mutable_bytes() + plan_->inputs()[i].offset);
    }
    OCTET_RETURN_IF_ERROR(bound_->Run());
    OCTET_RETURN_IF_ERROR(ShowAll(sink));
    ++next_;
    return 1;
  }

 private:
  absl::Status ShowAll(const quant::ActivationSink& sink) {
    std::vector<absl::Status> shown(plan_->outputs().size() - shown_from_);
    // Whoever is free takes the next: they differ in size.
    std::atomic<size_t> next = 0;
    pool_.ParallelRun(runs_.concurrent_sink ? pool_.threads() : 1,
                      [&](int64_t) {
                        for (size_t i = next++; i < shown.size(); i = next++) {
                          shown[i] = sink(i, ValuesOf(i));
                        }
                      });
    for (absl::Status& status : shown) {
      OCTET_RETURN_IF_ERROR(std::move(status));
    }
    return absl::OkStatus();
  }

  absl::Span<const float> ValuesOf(size_t shown) const {
    const plan::PlanTensor& tensor = plan_->outputs()[shown_from_ + shown];
    const int64_t count = ElementCount(ir::ConcreteShape(tensor.type.dims));
    const auto* values =
        reinterpret_cast<const float*>(arena_.bytes() + tensor.offset);
    return absl::MakeConstSpan(values, static_cast<size_t>(count));
  }

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

Sample::Sample(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
  for (const Tensor& tensor : tensors_) inputs_.push_back(tensor.bytes());
}

absl::StatusOr<CalibrationRun> CalibrationRun::Create(
    const Model& model, const SampleSource& source, absl::string_view what) {
  CalibrationRun run(source);
  const absl::Span<const SampleTensor> tensors = source.tensors();
  for (const SampleTensor& tensor : tensors) {
    const bool known = std::any_of(
        model.inputs().begin(), model.inputs().end(),
        [&](const TensorSpec& spec) { return spec.name == tensor.name; });
    if (!known) {
      return absl::InvalidArgumentError(absl::StrCat(
          what, " tensor ", tensor.name,
          " is no input of the model; its "
          "inputs are ",
          absl::StrJoin(model.inputs(), ", ",
                        [](std::string* out, const TensorSpec& spec) {
                          absl::StrAppend(out, spec.name);
                        })));
    }
  }
  for (const TensorSpec& spec : model.inputs()) {
    const auto tensor = std::find_if(
        tensors.begin(), tensors.end(),
        [&](const SampleTensor& t) { return t.name == spec.name; });
    if (tensor == tensors.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "no ", what, " tensor for the model's input ", spec.name));
    }
    OCTET_RETURN_IF_ERROR(CheckTensor(spec, *tensor, what));
    const int64_t samples = tensor->shape[0];
    if (!run.inputs_.empty() && samples != run.samples_) {
      return absl::InvalidArgumentError(
          absl::StrCat(what, " tensor ", spec.name, " has ", samples,
                       " samples; the one before it has ", run.samples_));
    }
    run.samples_ = samples;
    run.inputs_.push_back(
        {static_cast<size_t>(tensor - tensors.begin()), spec});
  }
  if (run.samples_ == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("no ", what, " samples; expected at least one"));
  }
  for (int64_t s = 0; s < run.samples_; ++s) {
    OCTET_ASSIGN_OR_RETURN(const Sample sample, run.Read(s));
    for (size_t i = 0; i < run.inputs_.size(); ++i) {
      OCTET_RETURN_IF_ERROR(
          CheckFinite(run.inputs_[i].spec.name, s, sample.tensor(i), what));
    }
  }
  return run;
}

absl::StatusOr<Sample> CalibrationRun::Read(int64_t sample) const {
  std::vector<Tensor> tensors;
  for (const Input& input : inputs_) {
    OCTET_ASSIGN_OR_RETURN(Tensor tensor, source_->Read(input.tensor, sample));
    if (tensor.dtype() != input.spec.dtype) {
      tensor = RoundedToHalf(tensor, input.spec.dtype);
    }
    tensors.push_back(std::move(tensor));
  }
  return Sample(std::move(tensors));
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
