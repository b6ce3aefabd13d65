// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_INPUT_RANGE_H_
#define OCTET_ENGINE_BASE_INPUT_RANGE_H_

#include <string>
#include <vector>

namespace octet {

// What an input of a model spans, real units.
struct InputRange {
  std::string input;  // empty: every picture that no other range names
  // One number each, or one for each channel of an input that is a picture.
  std::vector<float> min;
  std::vector<float> max;
};

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_INPUT_RANGE_H_
