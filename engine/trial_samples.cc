// SPDX-License-Identifier: Apache-2.0
#include "engine/trial_samples.h"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace octet::internal {
namespace {

constexpr int64_t kFewest = 16;

}  // namespace

std::vector<int64_t> EvenlySpaced(const std::vector<int64_t>& samples,
                                  size_t most) {
  if (samples.size() <= most) return samples;
  std::vector<int64_t> some;
  for (size_t i = 0; i < most; ++i) {
    some.push_back(samples[i * samples.size() / most]);
  }
  return some;
}

TrialSamples::TrialSamples(int64_t count) : all_(count) {
  std::iota(all_.begin(), all_.end(), 0);
  std::vector<int64_t> held_out;
  for (int64_t sample : all_) {
    const bool holds = count < kFewest || sample % 4 == 3;
    const bool fits = count < kFewest || sample % 4 != 3;
    if (holds) held_out.push_back(sample);
    if (fits) fit_.push_back(sample);
  }
  fit_ = EvenlySpaced(fit_, kMostFit);
  held_out = EvenlySpaced(held_out, kMostHeldOut);
  std::set_union(fit_.begin(), fit_.end(), held_out.begin(), held_out.end(),
                 std::back_inserter(trials_));
  for (size_t i = 0; i < trials_.size(); ++i) {
    if (std::binary_search(held_out.begin(), held_out.end(), trials_[i])) {
      held_out_.push_back(i);
    }
  }
}

}  // namespace octet::internal
