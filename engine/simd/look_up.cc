// SPDX-License-Identifier: Apache-2.0
#include "engine/simd/look_up.h"

namespace octet::simd {
namespace internal {
namespace {

ByteLookUp LookUpFor(Isa isa) {
  if (isa >= Isa::kAvx512) return avx512::LookUpBytes;
  return isa >= Isa::kAvx2 ? avx2::LookUpBytes : portable::LookUpBytes;
}

}  // namespace

namespace portable {

void LookUpBytes(const ByteTable& table, const uint8_t* x, uint8_t* y,
                 int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = table.values[x[i]];
}

}  // namespace portable
}  // namespace internal

ByteFunction::ByteFunction(const std::array<uint8_t, 256>& values, Isa isa)
    : look_up_(internal::LookUpFor(isa)) {
  for (int i = 0; i < 256; ++i) {
    table_.values[i] = values[i];
    const int before = i % 128 < 16 ? 0 : values[i - 16];
    table_.steps[i] = static_cast<uint8_t>(values[i] ^ before);
  }
}

void ByteFunction::Run(const void* x, void* y, int64_t begin,
                       int64_t end) const {
  if (begin >= end) return;
  look_up_(table_, static_cast<const uint8_t*>(x) + begin,
           static_cast<uint8_t*>(y) + begin, end - begin);
}

}  // namespace octet::simd
