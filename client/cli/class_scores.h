// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_CLIENT_CLI_CLASS_SCORES_H_
#define OCTET_CLIENT_CLI_CLASS_SCORES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/tensor.h"

// A model's output read as one score a class.
namespace octet::cli {

struct ClassScore {
  int64_t index = 0;  // of the class, from 0
  float score = 0;    // in the output's own units
};

// The elements as floats. UNIMPLEMENTED for 16-bit floats.
absl::StatusOr<std::vector<float>> ToFloats(const Tensor& tensor);

// The `count` best classes of each row of `output` ([rows, ...], a row's
// elements are its classes), best first; of equals the lower index first.
// INVALID_ARGUMENT for an output without rows or classes.
absl::StatusOr<std::vector<std::vector<ClassScore>>> BestClasses(
    const Tensor& output, int64_t count);

// The lines of a text file: line i names class i.
absl::StatusOr<std::vector<std::string>> ReadClassNames(
    const std::string& path);

// The name of a class: its line of `names`, or its number where `names` has
// none.
std::string ClassName(absl::Span<const std::string> names, int64_t index);

}  // namespace octet::cli

#endif  // OCTET_CLIENT_CLI_CLASS_SCORES_H_
