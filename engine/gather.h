// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_GATHER_H_
#define OCTET_ENGINE_GATHER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "engine/input_form.h"
#include "engine/plan/plan.h"
#include "engine/simd/elementwise.h"
#include "engine/simd/pixel_conversion.h"

namespace octet::internal {

// Moves rows of one model input from callers' memory into a plan's input
// buffer, converted from the callers' form, quantized and turned to channels
// last where the plan wants that, in one pass. Immutable and thread-safe.
class RowGatherer {
 public:
  // `input` is of a plan for any number of rows; `batches` says whether its
  // leading axis is the rows; `form` is the callers' where it is not the
  // model's own.
  static absl::StatusOr<RowGatherer> Create(
      const plan::PlanTensor& input, bool batches,
      const std::optional<ResolvedForm>& form);

  // Writes `rows` rows from `source` (row-major, as the model's signature has
  // them) behind the first `first_row` rows of the buffer at `landing`.
  void Gather(const void* source, int64_t first_row, int64_t rows,
              std::byte* landing) const;

 private:
  RowGatherer(const plan::PlanTensor& input, bool batches);

  plan::InputConversion conversion_;
  std::optional<simd::Quantizer> quantizer_;
  std::optional<simd::PixelConverter> converter_;  // from another form
  int64_t images_ = 1;                             // of one row
  int64_t channels_ = 1;                           // of one image
  int64_t pixels_ = 1;  // elements of one channel of one image
  int64_t row_elements_ = 0;
  size_t landing_row_bytes_ = 0;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_GATHER_H_
