// SPDX-License-Identifier: Apache-2.0
#include "server/models/request_recorder.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/base/dtype.h"
#include "engine/base/half_types.h"
#include "engine/base/shape.h"

namespace octet {
namespace {

int64_t RowBytes(absl::Span<const TensorSpec> inputs) {
  int64_t bytes = 0;
  for (const TensorSpec& spec : inputs) {
    bytes += static_cast<int64_t>(spec.row_bytes());
  }
  return bytes;
}

// `ToFloat` makes a number of an element, which may not be aligned.
template <typename T, typename ToFloat>
bool AllFinite(const std::byte* row, int64_t elements, ToFloat to_float) {
  for (int64_t i = 0; i < elements; ++i) {
    T element;
    std::memcpy(&element, row + i * sizeof(T), sizeof(T));
    if (!std::isfinite(to_float(element))) return false;
  }
  return true;
}

bool IsFinite(const TensorSpec& spec, const std::byte* row) {
  const int64_t elements = spec.row_elements();
  const auto same = [](auto value) { return value; };
  switch (spec.dtype) {
    case DType::kFloat32:
      return AllFinite<float>(row, elements, same);
    case DType::kFloat64:
      return AllFinite<double>(row, elements, same);
    case DType::kFloat16:
      return AllFinite<uint16_t>(row, elements, FloatFromHalf);
    case DType::kBFloat16:
      return AllFinite<uint16_t>(row, elements, FloatFromBFloat16);
    default:
      return true;
  }
}

}  // namespace

RequestRecorder::RequestRecorder(std::vector<TensorSpec> inputs, int64_t rows)
    : inputs_(std::move(inputs)),
      capacity_(std::clamp<int64_t>(
          kMaxBytes / std::max<int64_t>(RowBytes(inputs_), 1), 1, rows)),
      kept_(inputs_.size()) {
  // Memory that nothing was written to is not resident yet.
  for (size_t i = 0; i < inputs_.size(); ++i) {
    kept_[i].reserve(capacity_ * inputs_[i].row_bytes());
  }
}

void RequestRecorder::Add(absl::Span<const RowBlock> blocks) {
  absl::MutexLock lock(&mutex_);
  for (const RowBlock& block : blocks) {
    while (next_ < seen_ + block.rows) {
      Take(block, next_ - seen_);
      DrawNext();
    }
    seen_ += block.rows;
  }
}

// Until there are `capacity_` rows every one is taken, then one takes the place
// of any other.
void RequestRecorder::Take(const RowBlock& block, int64_t row) {
  std::vector<const std::byte*> from;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    from.push_back(static_cast<const std::byte*>(block.inputs[i]) +
                   row * inputs_[i].row_bytes());
    if (!IsFinite(inputs_[i], from.back())) return;
  }
  const bool grows = kept_rows_ < capacity_;
  const int64_t place =
      grows ? kept_rows_++
            : static_cast<int64_t>(Uniform() * static_cast<double>(capacity_));
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const size_t bytes = inputs_[i].row_bytes();
    if (grows) kept_[i].resize(kept_rows_ * bytes);
    std::copy_n(from[i], bytes, kept_[i].data() + place * bytes);
  }
}

void RequestRecorder::DrawNext() {
  if (kept_rows_ < capacity_) {
    ++next_;
    return;
  }
  largest_key_ *=
      std::exp(std::log(Uniform()) / static_cast<double>(capacity_));
  const double passed =
      std::floor(std::log(Uniform()) / std::log1p(-largest_key_));
  // Of a double that no int64_t holds: there will be no such row.
  constexpr double kMost = 0x1p62;
  next_ += 1 + static_cast<int64_t>(std::min(passed, kMost));
}

// Above 0 and below 1.
double RequestRecorder::Uniform() {
  return (static_cast<double>(random_() >> 11) + 0.5) * 0x1p-53;
}

int64_t RequestRecorder::rows() const {
  absl::MutexLock lock(&mutex_);
  return kept_rows_;
}

std::vector<NamedTensor> RequestRecorder::Tensors() const {
  absl::MutexLock lock(&mutex_);
  std::vector<NamedTensor> tensors;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Shape shape = {kept_rows_};
    shape.insert(shape.end(), inputs_[i].row_shape.begin(),
                 inputs_[i].row_shape.end());
    Tensor tensor(inputs_[i].dtype, std::move(shape));
    std::copy(kept_[i].begin(), kept_[i].end(), tensor.mutable_bytes());
    tensors.push_back({inputs_[i].name, std::move(tensor)});
  }
  return tensors;
}

}  // namespace octet
