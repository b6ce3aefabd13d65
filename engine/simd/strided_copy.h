// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_STRIDED_COPY_H_
#define OCTET_ENGINE_SIMD_STRIDED_COPY_H_

#include <array>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/shape.h"
#include "engine/simd/cpu_features.h"

// A dense tensor whose elements are read from another one at fixed distances
// along each axis: transposes, slices, repetitions. Bytes are moved, never
// looked at.
namespace octet::simd {

namespace internal {
struct Kernels;
}  // namespace internal

struct StridedCopyParams {
  int64_t element_bytes = 1;  // 1, 2, 4 or 8
  Shape sizes;                // of the output
  // From one index of an axis to the next in the input, in elements; negative
  // ones walk backwards, 0 repeats.
  Shape strides;
  int64_t offset = 0;  // of the output's first element in the input, elements
};

// Made once, immutable, thread-safe. Axes of size 1 are dropped and axes that
// are one in both tensors are merged; what then lies together is copied
// together, and what is crosswise is turned in tiles.
class StridedCopy {
 public:
  // INVALID_ARGUMENT  element_bytes, or sizes and strides of different ranks.
  // UNIMPLEMENTED     more than kMaxAxes axes that cannot be merged.
  static absl::StatusOr<StridedCopy> Create(const StridedCopyParams& params,
                                            Isa isa = ActiveIsa());

  // The output's size.
  int64_t bytes() const { return bytes_; }

  // Copies items [begin, end) of [0, work_items()), which may be split over
  // threads in any way. The tensors must not overlap and need no alignment.
  int64_t work_items() const { return work_items_; }
  void Run(const void* x, void* y, int64_t begin, int64_t end) const;

  static constexpr int kMaxAxes = 8;

 private:
  struct Axis {
    int64_t size = 1;
    int64_t from = 0;  // bytes between neighbours in the input
    int64_t to = 0;    // bytes between neighbours in the output
  };
  // How one item is copied.
  enum class Way {
    kWhole,   // the tensor is one run: items are pieces of it
    kRuns,    // a row of runs of run_bytes_
    kSecond,  // a row of words, each second one
    kTurned,  // inner_ x a block of crosswise_, in tiles of words
  };
  // Where the rows of one outer index start.
  struct Place {
    std::array<int64_t, kMaxAxes> index = {};
    int64_t from = 0;
    int64_t to = 0;
  };

  explicit StridedCopy(const internal::Kernels& kernels) : kernels_(&kernels) {}

  static std::vector<Axis> MergedAxes(const StridedCopyParams& params);
  void ChooseWay(int64_t element_bytes, std::vector<Axis> axes);
  Place PlaceOf(int64_t outer) const;
  void Advance(Place& place) const;
  void TurnBlock(const std::byte* x, std::byte* y, int64_t block) const;

  const internal::Kernels* kernels_;
  int64_t bytes_ = 0;
  int64_t offset_ = 0;  // bytes
  int64_t work_items_ = 0;
  Way way_ = Way::kWhole;
  int64_t run_bytes_ = 1;
  int axes_ = 0;  // outer ones, those that items are counted along
  std::array<Axis, kMaxAxes> outer_;
  Axis inner_;
  Axis crosswise_;      // neighbours in the input
  int64_t blocks_ = 1;  // of crosswise_, items of one outer index
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_STRIDED_COPY_H_
