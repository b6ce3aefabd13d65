// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_TRIAL_SAMPLES_H_
#define OCTET_ENGINE_TRIAL_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace octet::internal {

// At most `most` of `samples`, evenly spaced.
std::vector<int64_t> EvenlySpaced(const std::vector<int64_t>& samples,
                                  size_t most);

// Which of the calibration samples a trial of a remedy is made from and which
// judge it: every fourth is held out, and of both kinds a few dozen are taken,
// spread over all there are, for what they tell apart shows on as many. Fewer
// than 16 samples do both. Immutable.
class TrialSamples {
 public:
  static constexpr size_t kMostFit = 48;
  static constexpr size_t kMostHeldOut = 32;

  // Of samples 0 to count - 1.
  explicit TrialSamples(int64_t count);

  const std::vector<int64_t>& all() const { return all_; }
  // What trials are made from; ascending.
  const std::vector<int64_t>& fit() const { return fit_; }
  // Those and the ones that are held out; ascending.
  const std::vector<int64_t>& trials() const { return trials_; }
  // Where in trials() those are that are held out, from 0.
  const std::vector<size_t>& held_out() const { return held_out_; }
  // Whether those that judge are others than those that trials are made from.
  bool holds_out() const { return trials_.size() > fit_.size(); }

 private:
  std::vector<int64_t> all_;
  std::vector<int64_t> fit_;
  std::vector<int64_t> trials_;
  std::vector<size_t> held_out_;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_TRIAL_SAMPLES_H_
