// SPDX-License-Identifier: Apache-2.0
// Where the time of a model goes: each step of its plan timed on its own, the
// best of many runs of the whole plan. Run it pinned:
//   taskset -c 1 build/release/bin/step-bench model.onnx
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/compile.h"
#include "engine/loaded_model.h"
#include "engine/onnx/importer.h"
#include "engine/plan/plan.h"

namespace octet {
namespace {

struct Flags {
  std::string model;
  int batch = 1;
  int threads = 1;
  double seconds = 1;
  int rows = 25;  // of the table
};

double NowUs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::micro>(now).count();
}

// Small numbers wherever floats are read from.
void FillArena(Tensor& arena) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> real(-1, 1);
  auto* floats = reinterpret_cast<float*>(arena.mutable_bytes());
  std::generate_n(floats, arena.byte_size() / sizeof(float),
                  [&] { return real(random); });
}

struct TimedStep {
  const plan::PlannedStep* planned = nullptr;
  std::unique_ptr<plan::BoundStep> bound;
  double us = std::numeric_limits<double>::infinity();
};

absl::StatusOr<std::vector<TimedStep>> TimeSteps(const plan::Plan& plan,
                                                 const Flags& flags) {
  ThreadPool pool(flags.threads);
  Tensor arena(DType::kUInt8, {static_cast<int64_t>(plan.arena_bytes())});
  FillArena(arena);
  OCTET_ASSIGN_OR_RETURN(auto bound,
                         plan.BindSteps(arena.mutable_bytes(), &pool));
  std::vector<TimedStep> steps;
  for (size_t i = 0; i < bound.size(); ++i) {
    steps.push_back({&plan.steps()[i], std::move(bound[i])});
  }
  const double end = NowUs() + 1e6 * flags.seconds;
  int runs = 0;
  do {
    double before = NowUs();
    for (TimedStep& step : steps) {
      OCTET_RETURN_IF_ERROR(step.bound->Run());
      const double after = NowUs();
      step.us = std::min(step.us, after - before);
      before = after;
    }
  } while (++runs < 5 || NowUs() < end);
  for (TimedStep& step : steps) step.bound.reset();
  return steps;
}

absl::Status Run(const Flags& flags) {
  OCTET_ASSIGN_OR_RETURN(std::string bytes,
                         internal::ReadModelFile(flags.model));
  OCTET_ASSIGN_OR_RETURN(auto imported, onnx::ImportModel(bytes));
  ModelOptions options;
  options.threads = flags.threads;
  options.max_batch = flags.batch;
  OCTET_ASSIGN_OR_RETURN(
      auto model, internal::LoadedModel::Create(std::move(imported), options));
  const plan::Plan& plan = model->PlanFor(flags.batch);
  OCTET_ASSIGN_OR_RETURN(std::vector<TimedStep> steps, TimeSteps(plan, flags));
  double total = 0;
  std::map<std::string, std::pair<double, int>> backends;
  for (const TimedStep& step : steps) {
    total += step.us;
    const std::string kernel = step.planned->step->kernel();
    auto& [us, count] = backends[kernel.substr(0, kernel.find(':'))];
    us += step.us;
    ++count;
  }
  std::printf("%s: %zu steps, %.1f us\n", flags.model.c_str(), steps.size(),
              total);
  for (const auto& [name, sum] : backends) {
    std::printf("  %-10s %4d steps %10.1f us %5.1f %%\n", name.c_str(),
                sum.second, sum.first, 100 * sum.first / total);
  }
  std::stable_sort(
      steps.begin(), steps.end(),
      [](const TimedStep& a, const TimedStep& b) { return a.us > b.us; });
  for (size_t i = 0; i < steps.size() && i < size_t(flags.rows); ++i) {
    const ir::Node& node = steps[i].planned->node;
    std::printf("%9.1f us %5.1f %%  %-28s %-14s %s -> %s  %s\n", steps[i].us,
                100 * steps[i].us / total,
                steps[i].planned->step->kernel().c_str(),
                std::string(ir::OpName(node.op)).c_str(),
                ir::TypeToString(plan.graph().type(node.inputs[0])).c_str(),
                ir::TypeToString(plan.graph().type(node.outputs[0])).c_str(),
                node.name.c_str());
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) {
  octet::Flags flags;
  CLI::App app("Times each step of a model's plan");
  app.add_option("model", flags.model, "an ONNX file")->required();
  app.add_option("--batch", flags.batch, "rows")->capture_default_str();
  app.add_option("--threads", flags.threads)->capture_default_str();
  app.add_option("--seconds", flags.seconds)->capture_default_str();
  app.add_option("--rows", flags.rows, "of the table")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = octet::Run(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "step-bench: %s\n", status.ToString().c_str());
  return 1;
}
