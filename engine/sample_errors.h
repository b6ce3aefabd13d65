// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SAMPLE_ERRORS_H_
#define OCTET_ENGINE_SAMPLE_ERRORS_H_

#include <cstddef>
#include <vector>

#include "engine/output_error.h"

namespace octet::internal {

// By how much a model answers samples better than another.
struct Gain {
  // The mean of each sample's gain, and its standard error, from how much
  // samples differ in it.
  double db = 0;
  double standard_error_db = 0;
  // Of what TotalDecibels() gains, which few samples may rule.
  double total_standard_error_db = 0;
};

// What a quantized model's outputs lose, sample by sample, so that two models
// can be compared by few samples. Of a sum of squared errors one picture that a
// model is unsure of often has half; the mean of decibels lets each sample
// count. Thread-compatible.
class SampleErrors {
 public:
  // `sample` has seen the outputs for the next sample.
  void Add(const OutputError& sample);

  // 10 * log10(signal / (noise + floor)) of each sample; the signal is the mean
  // of all, for some have none, and the floor a thousandth of the mean noise:
  // what is exact to begin with decides nothing.
  std::vector<double> Decibels() const;

  // 10 * log10(signal / noise) of all samples together. REQUIRES: a sample.
  double TotalDecibels() const;

  // Those of some samples, counted from 0 as they were added.
  SampleErrors Of(const std::vector<size_t>& samples) const;

  // REQUIRES: `before` are errors of the same samples, at least one.
  Gain Over(const SampleErrors& before) const;

 private:
  std::vector<double> noises_;   // by sample
  std::vector<double> signals_;  // by sample
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_SAMPLE_ERRORS_H_
