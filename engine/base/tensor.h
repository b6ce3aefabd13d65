// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_TENSOR_H_
#define OCTET_ENGINE_BASE_TENSOR_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "engine/base/check.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace octet {

// A dense row-major tensor: a dtype, a shape, and 64-byte aligned bytes.
//
// Copies are cheap and share the bytes, so write through mutable_*() only
// before the first copy is handed out; after that a Tensor is immutable and
// may be read from any thread.
class Tensor {
 public:
  // An empty float32 tensor of shape [0].
  Tensor() : Tensor(DType::kFloat32, Shape{0}) {}

  // Zero-filled. REQUIRES: a shape that is small enough to allocate
  // (CheckedElementCount() for untrusted ones).
  Tensor(DType dtype, Shape shape);

  // A tensor of `shape` with the given elements in row-major order.
  // REQUIRES: values.size() == ElementCount(shape).
  template <typename T>
  static Tensor Of(Shape shape, absl::Span<const T> values) {
    Tensor tensor(DTypeOf<T>(), std::move(shape));
    OCTET_CHECK(static_cast<int64_t>(values.size()) == tensor.size());
    std::copy(values.begin(), values.end(), tensor.mutable_data<T>().begin());
    return tensor;
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t size() const { return size_; }  // elements
  size_t byte_size() const { return size_ * SizeOf(dtype_); }

  const std::byte* bytes() const { return bytes_.get(); }
  std::byte* mutable_bytes() { return bytes_.get(); }

  // The elements. REQUIRES: T is the element type of dtype().
  template <typename T>
  absl::Span<const T> data() const {
    OCTET_CHECK(DTypeOf<T>() == dtype_);
    return absl::Span<const T>(reinterpret_cast<const T*>(bytes_.get()),
                               static_cast<size_t>(size_));
  }
  template <typename T>
  absl::Span<T> mutable_data() {
    OCTET_CHECK(DTypeOf<T>() == dtype_);
    return absl::Span<T>(reinterpret_cast<T*>(bytes_.get()),
                         static_cast<size_t>(size_));
  }

  // The same bytes under another shape.
  // REQUIRES: ElementCount(shape) == size().
  Tensor Reshaped(Shape shape) const;

  // Rows [begin, end) of the leading axis, copied.
  // REQUIRES: rank >= 1 and 0 <= begin <= end <= shape()[0].
  Tensor Rows(int64_t begin, int64_t end) const;

 private:
  DType dtype_;
  Shape shape_;
  int64_t size_;
  std::shared_ptr<std::byte> bytes_;
};

// A tensor with the name of the model input or output that it belongs to.
struct NamedTensor {
  std::string name;
  Tensor tensor;
};

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_TENSOR_H_
