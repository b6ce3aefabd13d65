// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <limits>
#include <random>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/engine.h"
#include "engine/loaded_model.h"
#include "engine/simd/peak.h"

namespace octet {
namespace {

using internal::LoadedModel;

constexpr int kFewestRuns = 5;

double NowMs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

// Small numbers wherever floats are read from.
void FillArena(Tensor& arena) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> real(-1, 1);
  auto* floats = reinterpret_cast<float*>(arena.mutable_bytes());
  std::generate_n(floats, arena.byte_size() / sizeof(float),
                  [&] { return real(random); });
}

// The best of a few runs, in thousand millions of products a second.
double PeakOf(int64_t (*run)(simd::Isa)) {
  constexpr int kRuns = 10;
  double best = 0;
  for (int i = 0; i < kRuns; ++i) {
    const double before = NowMs();
    const int64_t products = run(simd::ActiveIsa());
    const double ms = std::max(NowMs() - before, 1e-6);
    best = std::max(best, static_cast<double>(products) / ms * 1e-6);
  }
  return best;
}

}  // namespace

absl::StatusOr<std::vector<double>> TimeSteps(const Model& model, int rows,
                                              absl::Duration budget) {
  const auto* loaded = dynamic_cast<const LoadedModel*>(&model);
  if (loaded == nullptr) {
    return absl::FailedPreconditionError(
        "the model has dynamic shapes; its steps are not timed one by one");
  }
  const std::vector<int>& buckets = model.buckets();
  if (std::find(buckets.begin(), buckets.end(), rows) == buckets.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no plan for ", rows,
                     " rows; the largest is for ", buckets.back()));
  }
  const plan::Plan& plan = loaded->PlanFor(rows);
  ThreadPool pool(model.options().threads);
  Tensor arena(DType::kUInt8, {static_cast<int64_t>(plan.arena_bytes())});
  FillArena(arena);
  OCTET_ASSIGN_OR_RETURN(const std::vector<plan::Turn> turns,
                         plan.BindSteps(arena.mutable_bytes(), &pool));
  std::vector<double> least(plan.steps().size(),
                            std::numeric_limits<double>::infinity());
  std::vector<double> taken(least.size());
  const double end = NowMs() + absl::ToDoubleMilliseconds(budget);
  int runs = 0;
  do {
    std::fill(taken.begin(), taken.end(), 0);
    double before = NowMs();
    for (const plan::Turn& turn : turns) {
      OCTET_RETURN_IF_ERROR(turn.bound->Run());
      const double after = NowMs();
      taken[turn.step] += after - before;
      before = after;
    }
    for (size_t i = 0; i < least.size(); ++i) {
      least[i] = std::min(least[i], taken[i]);
    }
  } while (++runs < kFewestRuns || NowMs() < end);
  return least;
}

MachinePeak MeasurePeak() {
  static const MachinePeak peak = {PeakOf(simd::RunByteProducts),
                                   PeakOf(simd::RunFloatProducts)};
  return peak;
}

}  // namespace octet
