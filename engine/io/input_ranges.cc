// SPDX-License-Identifier: Apache-2.0
#include "engine/io/input_ranges.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "engine/base/status_macros.h"

namespace octet::io {
namespace {

// NAME=MIN,MAX.
absl::StatusOr<InputRange> ParseRange(const std::string& argument) {
  const size_t equals = argument.rfind('=');
  const std::vector<std::string> ends = absl::StrSplit(
      equals == std::string::npos ? "" : argument.substr(equals + 1), ',');
  float min = 0;
  float max = 0;
  if (equals == 0 || ends.size() != 2 || !absl::SimpleAtof(ends[0], &min) ||
      !absl::SimpleAtof(ends[1], &max)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--input-range ", argument, ": expected NAME=MIN,MAX"));
  }
  return InputRange{argument.substr(0, equals), {min}, {max}};
}

// Of pictures whose pixels --mean and --scale normalize.
absl::StatusOr<InputRange> RangeOfPixels(const RowForm& form) {
  const size_t means = form.mean.size();
  const size_t scales = form.scale.size();
  if (means > 1 && scales > 1 && means != scales) {
    return absl::InvalidArgumentError(absl::StrCat("--mean has ", means,
                                                   " numbers, --scale ", scales,
                                                   "; expected as many"));
  }
  InputRange range;
  for (size_t c = 0; c < std::max(means, scales); ++c) {
    const float mean = means == 0 ? 0 : form.mean[means > 1 ? c : 0];
    const float scale = scales == 0 ? 1 : form.scale[scales > 1 ? c : 0];
    const float ends[] = {(0 - mean) * scale, (255 - mean) * scale};
    range.min.push_back(std::min(ends[0], ends[1]));
    range.max.push_back(std::max(ends[0], ends[1]));
  }
  return range;
}

}  // namespace

absl::StatusOr<std::vector<InputRange>> ReadInputRanges(
    absl::Span<const std::string> arguments, const RowForm& form) {
  std::vector<InputRange> ranges;
  for (const std::string& argument : arguments) {
    OCTET_ASSIGN_OR_RETURN(ranges.emplace_back(), ParseRange(argument));
  }
  if (!form.mean.empty() || !form.scale.empty()) {
    OCTET_ASSIGN_OR_RETURN(ranges.emplace_back(), RangeOfPixels(form));
  }
  return ranges;
}

}  // namespace octet::io
