// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_API_CLASSIFICATION_H_
#define OCTET_SERVER_API_CLASSIFICATION_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "server/models/class_labels.h"
#include "server/models/loaded_model.h"

namespace octet {

// The most bytes that Classify() makes of one class beside its label.
inline constexpr int64_t kClassBytes = 64;

// The `classes` largest elements of each of `rows` rows of `spec` at `data`,
// largest first, of equal ones the first first; NaN comes last. Each is the
// text "value:index", or "value:index:label" where `labels`, which may be null,
// has one that is not empty, as an element of BYTES: a 32-bit length and the
// text.
//
// REQUIRES: 1 <= classes <= spec.row_elements(); a numeric type.
std::string Classify(const TensorSpec& spec, const void* data, int64_t rows,
                     int64_t classes, const ClassLabels* labels = nullptr);

}  // namespace octet

#endif  // OCTET_SERVER_API_CLASSIFICATION_H_
