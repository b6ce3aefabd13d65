// SPDX-License-Identifier: Apache-2.0
// Where the time of a model goes: each step of its plan timed on its own, the
// best of many runs of the whole plan, the slowest first and summed by source
// and operator. Run it pinned:
//   taskset -c 1 build/release/bin/step-bench model.onnx
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "engine/base/status_macros.h"
#include "engine/engine.h"

namespace octet {
namespace {

struct Flags {
  std::string model;
  int batch = 1;
  int threads = 1;
  double seconds = 1;
  int rows = 25;  // of the table
};

struct TimedStep {
  StepDescription step;
  double ms = 0;
};

// The steps' times summed by `name_of(step)`.
template <typename NameOf>
void PrintSums(const std::vector<TimedStep>& steps, double total,
               NameOf name_of) {
  std::map<std::string, std::pair<double, int>> sums;
  for (const TimedStep& step : steps) {
    auto& [ms, count] = sums[name_of(step.step)];
    ms += step.ms;
    ++count;
  }
  for (const auto& [name, sum] : sums) {
    std::printf("  %-32s %4d steps %10.1f us %5.1f %%\n", name.c_str(),
                sum.second, 1e3 * sum.first, 100 * sum.first / total);
  }
}

absl::Status Run(const Flags& flags) {
  ModelOptions options;
  options.threads = flags.threads;
  options.max_batch = flags.batch;
  OCTET_ASSIGN_OR_RETURN(auto model, Model::FromFile(flags.model, options));
  OCTET_ASSIGN_OR_RETURN(
      const std::vector<double> times,
      TimeSteps(*model, flags.batch, absl::Seconds(flags.seconds)));
  std::vector<TimedStep> steps;
  double total = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    steps.push_back({model->Steps()[i], times[i]});
    total += times[i];
  }
  std::printf("%s: %zu steps, %.1f us\n", flags.model.c_str(), steps.size(),
              1e3 * total);
  PrintSums(steps, total, [](const StepDescription& step) {
    return step.kernel.substr(0, step.kernel.find(':'));
  });
  PrintSums(steps, total, [](const StepDescription& step) {
    return step.op + " " + step.types;
  });
  std::stable_sort(
      steps.begin(), steps.end(),
      [](const TimedStep& a, const TimedStep& b) { return a.ms > b.ms; });
  for (size_t i = 0; i < steps.size() && i < size_t(flags.rows); ++i) {
    const StepDescription& step = steps[i].step;
    std::printf("%9.1f us %5.1f %%  %-28s %-14s %s  %s\n", 1e3 * steps[i].ms,
                100 * steps[i].ms / total, step.kernel.c_str(), step.op.c_str(),
                step.types.c_str(), step.name.c_str());
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
