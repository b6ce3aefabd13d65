// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_BASE_SAMPLE_SOURCE_H_
#define OCTET_ENGINE_BASE_SAMPLE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"
#include "engine/base/tensor.h"

namespace octet {

// What a source has for one input of a model.
struct SampleTensor {
  std::string name;
  DType dtype = DType::kFloat32;
  Shape shape;  // [samples, ...]
};

// Samples of a model's inputs, read one at a time: there may be more of them
// than memory would hold. Thread-safe.
class SampleSource {
 public:
  virtual ~SampleSource() = default;

  // The same at every call.
  virtual absl::Span<const SampleTensor> tensors() const = 0;

  // Sample `sample` of tensors()[tensor], without its leading axis.
  // REQUIRES: tensor < tensors().size(), 0 <= sample < its shape[0].
  virtual absl::StatusOr<Tensor> Read(size_t tensor, int64_t sample) const = 0;

  // Bytes of samples that the source keeps in memory.
  virtual int64_t memory_bytes() const = 0;
};

// Samples in memory. Shares the bytes of the tensors that it is made of, each
// [samples, ...]; one without axes has no samples.
class TensorSamples : public SampleSource {
 public:
  explicit TensorSamples(absl::Span<const NamedTensor> tensors);

  absl::Span<const SampleTensor> tensors() const override { return described_; }
  absl::StatusOr<Tensor> Read(size_t tensor, int64_t sample) const override;
  int64_t memory_bytes() const override;

 private:
  std::vector<SampleTensor> described_;
  std::vector<Tensor> tensors_;
};

}  // namespace octet

#endif  // OCTET_ENGINE_BASE_SAMPLE_SOURCE_H_
