// SPDX-License-Identifier: Apache-2.0
#include "engine/base/tensor.h"

#include <cstdlib>
#include <cstring>

namespace octet {
namespace {

// A cache line, and the width of the widest vector register.
constexpr size_t kAlignment = 64;

std::shared_ptr<std::byte> AllocateZeroed(size_t bytes) {
  // aligned_alloc() wants a multiple of the alignment; a multiple of at least
  // one line also gives empty tensors a valid address.
  const size_t rounded = (bytes / kAlignment + 1) * kAlignment;
  auto* memory =
      static_cast<std::byte*>(std::aligned_alloc(kAlignment, rounded));
  OCTET_CHECK(memory != nullptr);
  std::memset(memory, 0, rounded);
  return std::shared_ptr<std::byte>(memory, [](std::byte* p) { std::free(p); });
}

}  // namespace

Tensor::Tensor(DType dtype, Shape shape)
    : dtype_(dtype),
      shape_(std::move(shape)),
      size_(ElementCount(shape_)),
      bytes_(AllocateZeroed(size_ * SizeOf(dtype))) {}

Tensor Tensor::Reshaped(Shape shape) const {
  OCTET_CHECK(ElementCount(shape) == size_);
  Tensor result = *this;
  result.shape_ = std::move(shape);
  return result;
}

Tensor Tensor::Rows(int64_t begin, int64_t end) const {
  OCTET_CHECK(!shape_.empty() && 0 <= begin && begin <= end &&
              end <= shape_[0]);
  Shape shape = shape_;
  shape[0] = end - begin;
  Tensor result(dtype_, std::move(shape));
  const size_t row_bytes = shape_[0] == 0 ? 0 : byte_size() / shape_[0];
  std::memcpy(result.mutable_bytes(), bytes() + begin * row_bytes,
              result.byte_size());
  return result;
}

}  // namespace octet
