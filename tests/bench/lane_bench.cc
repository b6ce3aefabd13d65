// SPDX-License-Identifier: Apache-2.0
// What more cores bring to one model: several lanes of a thread (as many
// executors, which share the weights, each with requests of its own) and
// several threads on one request, both beside one lane of one thread, in turns:
//   build/release/bin/lane-bench model.onnx
// The machine's speed changes from second to second: believe the best of each.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/engine.h"

namespace octet {
namespace {

struct Flags {
  std::string model;
  int batch = 1;
  int lanes = 2;
  int rounds = 20;
  double seconds = 0.3;  // of every measurement
};

// One executor and what it computes again and again.
class Lane {
 public:
  static absl::StatusOr<Lane> Create(const std::shared_ptr<const Model>& model,
                                     int batch) {
    Lane lane;
    OCTET_ASSIGN_OR_RETURN(lane.executor_, Executor::Create(model));
    for (const TensorSpec& spec : model->inputs()) {
      Shape shape = spec.row_shape;
      if (model->batches()) shape.insert(shape.begin(), batch);
      lane.inputs_.emplace_back(spec.dtype, shape);
    }
    OCTET_RETURN_IF_ERROR(lane.Run());  // warms up
    return lane;
  }

  absl::Status Run() {
    return executor_->RunTensors(inputs_, nullptr).status();
  }

 private:
  std::unique_ptr<Executor> executor_;
  std::vector<Tensor> inputs_;
};

// Of the first `count` lanes together, each on a thread of its own.
double RunsPerSecond(std::vector<Lane>& lanes, int count, double seconds) {
  const absl::Time start = absl::Now();
  const absl::Time end = start + absl::Seconds(seconds);
  std::atomic<int64_t> runs = 0;
  const auto work = [&](Lane& lane) {
    for (; absl::Now() < end; ++runs) OCTET_CHECK(lane.Run().ok());
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < count; ++i) {
    threads.emplace_back(work, std::ref(lanes[i]));
  }
  work(lanes[0]);
  for (std::thread& thread : threads) thread.join();
  return static_cast<double>(runs) / absl::ToDoubleSeconds(absl::Now() - start);
}

absl::StatusOr<std::vector<Lane>> MakeLanes(const Flags& flags, int threads,
                                            int count) {
  ModelOptions options;
  options.threads = threads;
  options.max_batch = flags.batch;
  OCTET_ASSIGN_OR_RETURN(const std::shared_ptr<const Model> model,
                         Model::FromFile(flags.model, options));
  std::vector<Lane> lanes;
  for (int i = 0; i < count; ++i) {
    OCTET_ASSIGN_OR_RETURN(Lane lane, Lane::Create(model, flags.batch));
    lanes.push_back(std::move(lane));
  }
  return lanes;
}

absl::Status Run(const Flags& flags) {
  OCTET_ASSIGN_OR_RETURN(std::vector<Lane> lanes,
                         MakeLanes(flags, 1, flags.lanes));
  OCTET_ASSIGN_OR_RETURN(std::vector<Lane> wide,
                         MakeLanes(flags, flags.lanes, 1));
  double one = 0, several = 0, threads = 0;
  for (int round = 0; round < flags.rounds; ++round) {
    one = std::max(one, RunsPerSecond(lanes, 1, flags.seconds));
    several =
        std::max(several, RunsPerSecond(lanes, flags.lanes, flags.seconds));
    threads = std::max(threads, RunsPerSecond(wide, 1, flags.seconds));
  }
  std::printf("%s, batch %d, runs a second\n", flags.model.c_str(),
              flags.batch);
  std::printf("  1 lane of 1 thread   %8.1f\n", one);
  std::printf("  %d lanes of 1 thread  %8.1f  %.2f times\n", flags.lanes,
              several, several / one);
  std::printf("  1 lane of %d threads  %8.1f  %.2f times\n", flags.lanes,
              threads, threads / one);
  return absl::OkStatus();
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) {
  octet::Flags flags;
  CLI::App app("What more lanes, and more threads of one, bring to a model");
  app.add_option("model", flags.model, "an ONNX file")->required();
  app.add_option("--batch", flags.batch, "rows of each run")
      ->capture_default_str();
  app.add_option("--lanes", flags.lanes, "lanes, and threads, beside one")
      ->check(CLI::Range(2, 256))
      ->capture_default_str();
  app.add_option("--rounds", flags.rounds, "turns of each")
      ->capture_default_str();
  app.add_option("--seconds", flags.seconds, "of every measurement")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = octet::Run(flags);
  if (status.ok()) return 0;
  std::fprintf(stderr, "lane-bench: %s\n", status.ToString().c_str());
  return 1;
}
