// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/byte_product.h"

#include <cmath>

#include "engine/base/status_macros.h"
#include "engine/simd/epilogue_portable.h"

namespace octet::simd {
namespace internal::portable {

void MultiplyBytes(const ByteProductTask& task) {
  const ByteProductParams& params = *task.params;
  for (int64_t i = 0; i < task.count; ++i) {
    const int32_t a =
        ReadByte(task.a + i, params.a.dtype) - params.a.zero_point;
    const int32_t b =
        ReadByte(task.b + i, params.b.dtype) - params.b.zero_point;
    StoreValue(static_cast<float>(a * b) * params.multiplier, params.output,
               task.out, i);
  }
}

}  // namespace internal::portable

absl::StatusOr<ByteProduct> ByteProduct::Create(const ByteProductParams& params,
                                                Isa isa) {
  OCTET_RETURN_IF_ERROR(CheckByteType(params.a, "product input a"));
  OCTET_RETURN_IF_ERROR(CheckByteType(params.b, "product input b"));
  OCTET_RETURN_IF_ERROR(CheckOutputSpec(params.output));
  if (!std::isfinite(params.multiplier)) {
    return absl::InvalidArgumentError("product: the multiplier is not finite");
  }
  constexpr double kLargestProduct = 255.0 * 255.0;
  const bool fits =
      FitsRounding(kLargestProduct, params.multiplier, /*residual=*/nullptr);
  return ByteProduct(params, fits && isa >= Isa::kAvx2
                                 ? internal::avx2::MultiplyBytes
                                 : internal::portable::MultiplyBytes);
}

void ByteProduct::Run(const void* a, const void* b, void* out,
                      int64_t count) const {
  if (count <= 0) return;
  kernel_({&params_, static_cast<const uint8_t*>(a),
           static_cast<const uint8_t*>(b), out, count});
}

}  // namespace octet::simd
