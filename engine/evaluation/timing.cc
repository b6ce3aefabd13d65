// SPDX-License-Identifier: Apache-2.0
#include "engine/evaluation/timing.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/evaluation/estimates.h"
#include "engine/gather.h"

namespace octet::internal {
namespace {

constexpr size_t kLeastPairs = 5;
constexpr size_t kMostPairs = 5000;

double NowUs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(now).count();
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + values.size() / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// One model with the memory of a run.
class WholeRun {
 public:
  static absl::StatusOr<WholeRun> Create(
      const std::shared_ptr<const LoadedModel>& model,
      const CalibrationRun& samples) {
    WholeRun run;
    OCTET_ASSIGN_OR_RETURN(run.executor_, Executor::Create(model));
    OCTET_ASSIGN_OR_RETURN(run.sample_, samples.Read(0));
    for (const TensorSpec& spec : model->outputs()) {
      run.outputs_.emplace_back(spec.dtype, spec.row_shape);
      run.addresses_.push_back(run.outputs_.back().mutable_bytes());
    }
    return run;
  }

  absl::StatusOr<double> Us() {
    const RowBlock block{1, sample_->inputs(), addresses_};
    const double start = NowUs();
    OCTET_RETURN_IF_ERROR(executor_->Run({&block, 1}, nullptr));
    return NowUs() - start;
  }

 private:
  std::unique_ptr<Executor> executor_;
  std::optional<Sample> sample_;
  std::vector<Tensor> outputs_;
  std::vector<void*> addresses_;
};

// A plan with its steps bound one by one.
class SteppedRun {
 public:
  static absl::StatusOr<std::unique_ptr<SteppedRun>> Create(
      const LoadedModel& model, const CalibrationRun& samples) {
    auto run = std::unique_ptr<SteppedRun>(new SteppedRun());
    const plan::Plan& plan = model.PlanFor(1);
    run->arena_ =
        Tensor(DType::kUInt8, {static_cast<int64_t>(plan.arena_bytes())});
    OCTET_ASSIGN_OR_RETURN(run->sample_, samples.Read(0));
    for (size_t i = 0; i < plan.inputs().size(); ++i) {
      OCTET_ASSIGN_OR_RETURN(
          RowGatherer gatherer,
          RowGatherer::Create(plan.inputs()[i], model.batches(), std::nullopt));
      run->gatherers_.push_back(std::move(gatherer));
      run->landings_.push_back(run->arena_.mutable_bytes() +
                               plan.inputs()[i].offset);
    }
    OCTET_ASSIGN_OR_RETURN(
        run->bound_, plan.BindSteps(run->arena_.mutable_bytes(), &run->pool_));
    for (const plan::PlannedStep& planned : plan.steps()) {
      run->times_.push_back({plan.graph().value(planned.node.outputs[0]).name,
                             planned.step->kernel(),
                             std::numeric_limits<double>::infinity()});
    }
    return run;
  }

  absl::Status Run() {
    for (size_t i = 0; i < gatherers_.size(); ++i) {
      gatherers_[i].Gather(sample_->inputs()[i], 0, 1, landings_[i]);
    }
    double before = NowUs();
    for (size_t i = 0; i < bound_.size(); ++i) {
      OCTET_RETURN_IF_ERROR(bound_[i].bound->Run());
      const double after = NowUs();
      times_[i].us = std::min(times_[i].us, after - before);
      before = after;
    }
    return absl::OkStatus();
  }

  const std::vector<StepTime>& times() const { return times_; }

 private:
  SteppedRun() : pool_(1) {}

  ThreadPool pool_;
  Tensor arena_;
  std::vector<RowGatherer> gatherers_;
  std::optional<Sample> sample_;
  std::vector<std::byte*> landings_;
  std::vector<plan::Turn> bound_;  // one a step, as there is one row
  std::vector<StepTime> times_;
};

RunTiming Summary(const std::vector<double>& us) {
  return {*std::min_element(us.begin(), us.end()) / 1e3, Median(us) / 1e3};
}

}  // namespace

absl::StatusOr<PairedTiming> TimeInPairs(const TimedModels& models,
                                         const CalibrationRun& samples,
                                         absl::Duration budget) {
  OCTET_ASSIGN_OR_RETURN(WholeRun exact,
                         WholeRun::Create(models.exact, samples));
  OCTET_ASSIGN_OR_RETURN(WholeRun rounded,
                         WholeRun::Create(models.rounded, samples));
  // Caches and clock frequency settle within a tenth of the time.
  const double budget_us = absl::ToDoubleMicroseconds(budget);
  for (const double end = NowUs() + budget_us / 10;;) {
    OCTET_RETURN_IF_ERROR(exact.Us().status());
    OCTET_RETURN_IF_ERROR(rounded.Us().status());
    if (NowUs() >= end) break;
  }
  std::vector<double> exact_us;
  std::vector<double> rounded_us;
  const double end = NowUs() + budget_us;
  while (exact_us.size() < kLeastPairs ||
         (exact_us.size() < kMostPairs && NowUs() < end)) {
    OCTET_ASSIGN_OR_RETURN(exact_us.emplace_back(), exact.Us());
    OCTET_ASSIGN_OR_RETURN(rounded_us.emplace_back(), rounded.Us());
  }
  PairedTiming timing;
  timing.pairs = static_cast<int64_t>(exact_us.size());
  timing.exact = Summary(exact_us);
  timing.rounded = Summary(rounded_us);
  // Of each pair: what slows one run down for long slows its partner too.
  timing.speedup =
      Bootstrap(exact_us.size(), [&](absl::Span<const size_t> drawn) {
        std::vector<double> ratios;
        ratios.reserve(drawn.size());
        for (size_t index : drawn) {
          ratios.push_back(exact_us[index] / rounded_us[index]);
        }
        return Median(std::move(ratios));
      });
  return timing;
}

absl::StatusOr<StepTimes> TimeSteps(const TimedModels& models,
                                    const CalibrationRun& samples,
                                    absl::Duration budget) {
  OCTET_ASSIGN_OR_RETURN(auto exact,
                         SteppedRun::Create(*models.exact, samples));
  OCTET_ASSIGN_OR_RETURN(auto rounded,
                         SteppedRun::Create(*models.rounded, samples));
  const double end = NowUs() + absl::ToDoubleMicroseconds(budget);
  for (size_t runs = 0; runs < kLeastPairs || NowUs() < end; ++runs) {
    OCTET_RETURN_IF_ERROR(exact->Run());
    OCTET_RETURN_IF_ERROR(rounded->Run());
  }
  return StepTimes{exact->times(), rounded->times()};
}

}  // namespace octet::internal
