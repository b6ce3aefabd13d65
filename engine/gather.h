// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_GATHER_H_
#define OCTET_ENGINE_GATHER_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/input_form.h"
#include "engine/plan/plan.h"
#include "engine/simd/elementwise.h"
#include "engine/simd/pixel_conversion.h"

namespace octet::internal {

// Moves rows of one model input from callers' memory into a plan's input
// buffer, converted from the callers' form, padded, normalized, quantized and
// turned to channels last where the plan wants that, in one pass. Immutable and
// thread-safe.
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

  absl::Status MakeBorder(simd::PixelTarget target);
  // From where it is dense, at the end of `image`, to within its padding.
  void PadImage(std::byte* image) const;

  plan::InputConversion conversion_;
  std::optional<simd::Quantizer> quantizer_;
  // From another form, or into one.
  std::optional<simd::PixelConverter> converter_;
  int64_t images_ = 1;    // of one row
  int64_t channels_ = 1;  // of one image
  int64_t pixels_ = 1;    // elements of one channel of one image
  int64_t row_elements_ = 0;
  int64_t image_bytes_ = 0;          // of the plan's type, dense
  int64_t landing_image_bytes_ = 0;  // with its padding
  int64_t landing_row_bytes_ = 0;
  // With padding: the pixels of an image.
  int64_t height_ = 0;
  int64_t width_ = 0;
  int64_t landing_width_ = 0;
  std::vector<std::byte> border_;  // a row of pixels that 0 becomes
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_GATHER_H_
