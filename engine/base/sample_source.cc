// SPDX-License-Identifier: Apache-2.0
#include "engine/base/sample_source.h"

namespace octet {

TensorSamples::TensorSamples(absl::Span<const NamedTensor> tensors) {
  for (const NamedTensor& named : tensors) {
    described_.push_back(
        {named.name, named.tensor.dtype(), named.tensor.shape()});
    tensors_.push_back(named.tensor);
  }
}

absl::StatusOr<Tensor> TensorSamples::Read(size_t tensor,
                                           int64_t sample) const {
  const Tensor row = tensors_[tensor].Rows(sample, sample + 1);
  return row.Reshaped(Shape(row.shape().begin() + 1, row.shape().end()));
}

int64_t TensorSamples::memory_bytes() const {
  int64_t bytes = 0;
  for (const Tensor& tensor : tensors_) {
    bytes += static_cast<int64_t>(tensor.byte_size());
  }
  return bytes;
}

}  // namespace octet
