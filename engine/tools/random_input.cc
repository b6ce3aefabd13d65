// SPDX-License-Identifier: Apache-2.0
#include "engine/tools/random_input.h"

#include <cstring>
#include <random>

namespace octet::tools {
namespace {

// The standard's distributions differ between libraries; its engines do not.
class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  uint64_t Bits() { return engine_(); }

  // Multiples of 2^-23 in [-1, 1), which every type up from float32 holds.
  double Unit() { return static_cast<double>(Bits() >> 40) / (1 << 23) - 1; }

 private:
  std::mt19937_64 engine_;
};

template <typename T>
void FillFloats(Random& random, Tensor* tensor) {
  for (T& value : tensor->mutable_data<T>()) {
    value = static_cast<T>(random.Unit());
  }
}

// Half types, by their bits: a random sign and fraction under the exponents
// from 2^-4 to 2^-1.
void FillHalves(Random& random, Tensor* tensor) {
  const bool brain = tensor->dtype() == DType::kBFloat16;
  const int fraction_bits = brain ? 7 : 10;
  const uint16_t lowest_exponent = brain ? 127 - 4 : 15 - 4;
  for (int64_t i = 0; i < tensor->size(); ++i) {
    const uint64_t bits = random.Bits();
    const uint16_t exponent = lowest_exponent + (bits & 3);
    const uint16_t fraction = (bits >> 2) & ((1 << fraction_bits) - 1);
    const uint16_t sign = (bits >> 63) << 15;
    const uint16_t value = sign | exponent << fraction_bits | fraction;
    std::memcpy(tensor->mutable_bytes() + i * sizeof(value), &value,
                sizeof(value));
  }
}

// Little-endian integers: any byte, or a lowest byte of 0 or 1.
void FillIntegers(Random& random, bool small, Tensor* tensor) {
  const size_t step = small ? SizeOf(tensor->dtype()) : 1;
  for (size_t i = 0; i < tensor->byte_size(); i += step) {
    const uint64_t bits = random.Bits();
    tensor->mutable_bytes()[i] =
        static_cast<std::byte>(small ? bits & 1 : bits & 0xff);
  }
}

}  // namespace

Tensor RandomRows(const TensorSpec& spec, int64_t rows, uint64_t seed) {
  Shape shape = {rows};
  shape.insert(shape.end(), spec.row_shape.begin(), spec.row_shape.end());
  Tensor tensor(spec.dtype, shape);
  Random random(seed);
  switch (spec.dtype) {
    case DType::kFloat32:
      FillFloats<float>(random, &tensor);
      break;
    case DType::kFloat64:
      FillFloats<double>(random, &tensor);
      break;
    case DType::kFloat16:
    case DType::kBFloat16:
      FillHalves(random, &tensor);
      break;
    case DType::kInt8:
    case DType::kUInt8:
    case DType::kInt16:
    case DType::kUInt16:
      FillIntegers(random, /*small=*/false, &tensor);
      break;
    case DType::kInt32:
    case DType::kUInt32:
    case DType::kInt64:
    case DType::kUInt64:
    case DType::kBool:
      FillIntegers(random, /*small=*/true, &tensor);
      break;
  }
  return tensor;
}

}  // namespace octet::tools
