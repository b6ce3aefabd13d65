// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_PADDED_COPY_H_
#define OCTET_ENGINE_SIMD_PADDED_COPY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/shape.h"

// A dense tensor with a border of one element around it.
namespace octet::simd {

struct PaddedCopyParams {
  int64_t element_bytes = 1;  // 1, 2, 4 or 8
  Shape sizes;                // of the input
  Shape begin;                // border elements per axis, >= 0
  Shape end;
  std::array<std::byte, 8> fill = {};  // the first element_bytes count
};

// Made once, immutable, thread-safe. Every byte of the output is written once.
class PaddedCopy {
 public:
  // INVALID_ARGUMENT  element_bytes, ranks that differ, a negative border.
  static absl::StatusOr<PaddedCopy> Create(const PaddedCopyParams& params);

  // The output's size.
  int64_t bytes() const { return bytes_; }

  // Writes items [begin, end) of [0, work_items()), which may be split over
  // threads in any way. The tensors must not overlap and need no alignment.
  int64_t work_items() const { return work_items_; }
  void Run(const void* x, void* y, int64_t begin, int64_t end) const;

 private:
  struct Axis {
    int64_t size = 1;  // of the input
    int64_t begin = 0;
    int64_t end = 0;
    int64_t from = 1;  // bytes between neighbours in the input
    int64_t to = 1;    // bytes between neighbours in the output

    int64_t padded() const { return begin + size + end; }
  };

  PaddedCopy() = default;

  void Fill(std::byte* y, int64_t bytes) const;
  // All of axis `axis` and of those inside of it.
  void WriteAxis(size_t axis, const std::byte* x, std::byte* y) const;

  std::vector<Axis> axes_;  // at least two; merged where no border is between
  std::array<std::byte, 8> fill_ = {};
  int64_t element_bytes_ = 1;
  int64_t bytes_ = 0;
  int64_t work_items_ = 0;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_PADDED_COPY_H_
