// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"
#include "engine/tools/command_line.h"
#include "engine/tools/commands.h"
#include "engine/tools/random_input.h"
#include "engine/tools/report.h"
#include "engine/tools/run_model.h"
#include "engine/tools/step_table.h"

namespace octet::tools {
namespace {

// Caches and clock frequency settle within it; at least one run is discarded.
constexpr double kWarmUpMs = 300;
constexpr int kMaxIterations = 10'000'000;

struct BenchFlags {
  std::string model;
  int batch = 1;
  double seconds = 3;
  int iterations = 0;               // 0: as many as fit `seconds`
  std::vector<std::string> inputs;  // NAME=FILE, with dynamic shapes only
  bool per_step = false;
  std::string against;  // a model to put beside it, step by step
  ModelFlags load;
  bool json = false;
};

double NowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

struct Timing {
  std::vector<double> ms;  // of each run, ascending
  double total_ms = 0;
};

// The smallest time that a share of `quantile` of the runs did not exceed.
double Quantile(const Timing& timing, double quantile) {
  const size_t rank = static_cast<size_t>(
      std::ceil(quantile * static_cast<double>(timing.ms.size())));
  return timing.ms[std::clamp<size_t>(rank, 1, timing.ms.size()) - 1];
}

// Input and output memory of one run, and the executor.
class Bench {
 public:
  static absl::StatusOr<std::unique_ptr<Bench>> Create(
      std::shared_ptr<const Model> model, int batch) {
    OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(model));
    return std::unique_ptr<Bench>(
        new Bench(*model, batch, std::move(executor)));
  }

  // Of a model with dynamic shapes on these tensors.
  static absl::StatusOr<std::unique_ptr<Bench>> CreateWhole(
      std::shared_ptr<const Model> model, std::vector<Tensor> inputs) {
    OCTET_ASSIGN_OR_RETURN(auto executor, Executor::Create(model));
    return std::unique_ptr<Bench>(
        new Bench(std::move(inputs), std::move(executor)));
  }

  absl::StatusOr<double> RunMs() {
    const RowBlock block{rows_, from_, to_};
    const double start = NowMs();
    if (whole_) {
      OCTET_RETURN_IF_ERROR(executor_->RunTensors(inputs_, nullptr).status());
      return NowMs() - start;
    }
    OCTET_RETURN_IF_ERROR(executor_->Run({&block, 1}, nullptr));
    return NowMs() - start;
  }

 private:
  Bench(const Model& model, int batch, std::unique_ptr<Executor> executor)
      : rows_(batch), executor_(std::move(executor)) {
    for (size_t i = 0; i < model.inputs().size(); ++i) {
      inputs_.push_back(RandomRows(model.inputs()[i], batch, /*seed=*/i));
      from_.push_back(inputs_.back().bytes());
    }
    for (const TensorSpec& spec : model.outputs()) {
      outputs_.emplace_back(spec.row_bytes() * batch);
      to_.push_back(outputs_.back().data());
    }
  }

  Bench(std::vector<Tensor> inputs, std::unique_ptr<Executor> executor)
      : rows_(1),
        whole_(true),
        executor_(std::move(executor)),
        inputs_(std::move(inputs)) {}

  const int64_t rows_;
  const bool whole_ = false;
  const std::unique_ptr<Executor> executor_;
  std::vector<Tensor> inputs_;
  std::vector<std::vector<std::byte>> outputs_;
  std::vector<const void*> from_;
  std::vector<void*> to_;
};

absl::StatusOr<Timing> Measure(Bench& bench, const BenchFlags& flags) {
  const double warm = NowMs() + kWarmUpMs;
  do {
    OCTET_RETURN_IF_ERROR(bench.RunMs().status());
  } while (NowMs() < warm);

  Timing timing;
  const double end = NowMs() + 1e3 * flags.seconds;
  const size_t wanted = flags.iterations;
  while (wanted > 0 ? timing.ms.size() < wanted
                    : timing.ms.empty() || NowMs() < end) {
    OCTET_ASSIGN_OR_RETURN(const double ms, bench.RunMs());
    timing.ms.push_back(ms);
    timing.total_ms += ms;
  }
  std::sort(timing.ms.begin(), timing.ms.end());
  return timing;
}

absl::StatusOr<Timing> LoadAndMeasure(const BenchFlags& flags) {
  ModelFlags load = flags.load;
  load.max_batch = flags.batch;  // the whole batch in one run of the plan
  OCTET_ASSIGN_OR_RETURN(auto model,
                         Model::FromFile(flags.model, load.ToOptions()));
  if (!model->batches() && flags.batch != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("--batch ", flags.batch,
                     ": the model does not batch; give --batch 1. It is so "
                     "because ",
                     model->why_not_batched()));
  }
  if (model->has_dynamic_shapes()) {
    if (flags.inputs.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("the model's shapes are not known before it runs (",
                       model->why_dynamic(),
                       "); give --input NAME=FILE.npy for each input"));
    }
    OCTET_ASSIGN_OR_RETURN(auto inputs, ReadInputs(*model, flags.inputs));
    OCTET_ASSIGN_OR_RETURN(auto bench,
                           Bench::CreateWhole(model, std::move(inputs)));
    return Measure(*bench, flags);
  }
  OCTET_ASSIGN_OR_RETURN(auto bench, Bench::Create(model, flags.batch));
  return Measure(*bench, flags);
}

absl::Status RunPerStep(const BenchFlags& flags) {
  ModelFlags load = flags.load;
  load.max_batch = flags.batch;
  OCTET_ASSIGN_OR_RETURN(auto model,
                         Model::FromFile(flags.model, load.ToOptions()));
  std::shared_ptr<const Model> other;
  if (!flags.against.empty()) {
    OCTET_ASSIGN_OR_RETURN(other,
                           Model::FromFile(flags.against, load.ToOptions()));
  }
  absl::StatusOr<StepTable> table = MakeStepTable(
      *model, other.get(), flags.batch, absl::Seconds(flags.seconds));
  if (!table.ok()) return InContextOf(flags.model, table.status());
  if (flags.json) {
    PrintJson(StepTableToJson(*table));
  } else {
    PrintStepTable(*table, model->quantized());
  }
  return absl::OkStatus();
}

absl::Status RunBench(const BenchFlags& flags) {
  if (flags.per_step) return RunPerStep(flags);
  const absl::StatusOr<Timing> timing = LoadAndMeasure(flags);
  if (!timing.ok()) return InContextOf(flags.model, timing.status());
  const double p50 = Quantile(*timing, 0.5);
  const double p90 = Quantile(*timing, 0.9);
  const double minimum = timing->ms.front();
  const double items_per_second =
      1e3 * flags.batch * timing->ms.size() / timing->total_ms;
  const MachineDescription machine = DescribeMachine();
  if (flags.json) {
    PrintJson({{"model", flags.model},
               {"backend", flags.load.backend},
               {"batch", flags.batch},
               {"threads", flags.load.threads},
               {"iterations", timing->ms.size()},
               {"min_ms", minimum},
               {"p50_ms", p50},
               {"p90_ms", p90},
               {"items_per_second", items_per_second},
               {"machine", {{"cpu", machine.cpu}, {"isa", machine.isa}}}});
    return absl::OkStatus();
  }
  std::printf("%s: batch %d, threads %d, %zu runs, %s %s\n",
              flags.model.c_str(), flags.batch, flags.load.threads,
              timing->ms.size(), machine.cpu.c_str(), machine.isa.c_str());
  std::printf(
      "a run of the whole batch: p50 %.4g ms, p90 %.4g ms, min %.4g "
      "ms\n%.4g items per second\n",
      p50, p90, minimum, items_per_second);
  return absl::OkStatus();
}

}  // namespace

void AddBenchCommand(CLI::App& app, Command* command) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* bench = app.add_subcommand(
      "bench", "Time runs of a model on random input, warm-up discarded");
  AddModelArgument(*bench, "model", &flags->model);
  bench->add_option("--batch", flags->batch, "rows of each run")
      ->check(CLI::Range(1, kMaxBatch))
      ->capture_default_str();
  CLI::Option* seconds = bench
                             ->add_option("--seconds", flags->seconds,
                                          "how long to measure, in seconds")
                             ->check(CLI::Range(0.001, 86400.0))
                             ->capture_default_str();
  bench
      ->add_option("--iterations", flags->iterations,
                   "how many runs to measure (default: what fits --seconds)")
      ->check(CLI::Range(1, kMaxIterations))
      ->excludes(seconds);
  AddNamedFiles(*bench, "--input", &flags->inputs,
                "for a model with dynamic shapes: the tensor of an input. "
                "Repeated, once for each input");
  CLI::Option* per_step =
      bench->add_flag("--per-step", flags->per_step,
                      "each step of the plan on its own: types, kernel, time, "
                      "share of the peak of this machine");
  bench
      ->add_option("--against", flags->against,
                   "with --per-step: a model whose times of the same nodes "
                   "stand beside, the float one of a quantized model")
      ->check(CLI::ExistingFile)
      ->needs(per_step);
  AddModelFlags(*bench, &flags->load);
  AddJsonFlag(*bench, &flags->json);
  bench->footer(
      "Times are milliseconds of one run of the whole batch; items_per_second "
      "counts rows over all runs measured.\nThe input is the same every time: "
      "floats in [-1, 1), 8 and 16-bit integers of any value, others 0 or 1.");
  bench->callback([=] { *command = [=] { return RunBench(*flags); }; });
}

}  // namespace octet::tools
