// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_CONV_KERNEL_H_
#define OCTET_ENGINE_SIMD_CONV_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "engine/simd/conv.h"
#include "engine/simd/kernels.h"
#include "engine/simd/packed_panels.h"

// What conv.cc chooses from: one class per algorithm.
namespace octet::simd::internal {

// An algorithm with packed weights, for one input size. Immutable.
class ConvKernel {
 public:
  virtual ~ConvKernel() = default;

  // The same weights for another size, valid as Conv::Create() checks.
  virtual std::shared_ptr<const ConvKernel> ForParams(
      const ConvParams& params) const = 0;
  virtual int64_t work_items() const = 0;
  virtual size_t scratch_bytes() const = 0;
  virtual void Run(const ConvArgs& args, int64_t begin, int64_t end,
                   std::byte* scratch) const = 0;
  virtual std::string name() const = 0;
  virtual int64_t weight_bytes() const = 0;
  virtual absl::Span<const std::byte> first_weights() const { return {}; }
};

// Multiplies panels of weights with blocks of output rows. Any convolution.
std::shared_ptr<const ConvKernel> MakeDirectConv(const ConvParams& params,
                                                 const ConvConstants& constants,
                                                 const Kernels& kernels);

// The same by dot products of four bytes. REQUIRES: `kernels` have them.
std::shared_ptr<const ConvKernel> MakeQuadDirectConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels);

// The same for few output channels, several pixels at a time so that they fill
// a vector. REQUIRES: `kernels` have the dot products, and SideBySideFills().
std::shared_ptr<const ConvKernel> MakeSideBySideConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels);

// Whether there are few enough of them, and the kernel is dense, with no
// dilation or gap between pixels along a row. Does not depend on the image.
bool SideBySideFills(const ConvParams& params);

// What direct convolutions share. An equal convolution of the shape that works
// best: pixels of a pointwise one, rows of a matrix product and steps of a
// one-dimensional one become rows, so that blocks of rows can be as small as
// they should be.
ConvParams RowwiseParams(ConvParams p);

// Whether one run can go through all taps of a kernel row.
bool RowIsOneRun(const ConvParams& p);

// Where the panels of a convolution come from: `constants` must outlive it.
PanelSource DirectPanels(const ConvParams& params,
                         const ConvConstants& constants);

// Multiplies channels one by one, each with its own kernel. REQUIRES:
// IsDepthwise(params).
std::shared_ptr<const ConvKernel> MakeDepthwiseConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels);

// The same by dot products of four bytes. REQUIRES: IsDepthwise(params) and
// QuadDepthwiseFits().
std::shared_ptr<const ConvKernel> MakeQuadDepthwiseConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels);

// Whether `kernels` have the dot products, and stride and kernel are of usual
// sizes. Does not depend on the image.
bool QuadDepthwiseFits(const ConvParams& params, const Kernels& kernels);

// The same of 3x3 and 5x5 taps, woven in registers. REQUIRES:
// IsDepthwise(params) and DirectDepthwiseFits().
std::shared_ptr<const ConvKernel> MakeDirectDepthwiseConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels);

// Whether `kernels` have that, and the convolution is one it can do. Does not
// depend on the image.
bool DirectDepthwiseFits(const ConvParams& params, const Kernels& kernels);

// Winograd's algorithm in integers. REQUIRES: WinogradIsExact().
std::shared_ptr<const ConvKernel> MakeWinogradConv(
    const ConvParams& params, const ConvConstants& constants,
    const Kernels& kernels);

// Whether `kernels` have the algorithm, the convolution is one it can do (3x3,
// dense, strides and dilations 1), and no sum can leave the range in which the
// integers are exact.
bool WinogradIsExact(const ConvParams& params, const ConvConstants& constants,
                     const Kernels& kernels);

// Whether Winograd's algorithm is expected to take less time than the direct
// one, by a count of vector instructions: multiplications and additions of
// products, the transforms' additions and shifts (per tile: 12 times 17 on
// inputs, 10 times 15 and 16 times 3 on outputs), and loads and stores of what
// goes through memory in between. With dot products of four bytes, which leave
// less to gain, also by what its larger weights take from beyond an L2 cache.
// REQUIRES: WinogradIsExact().
bool WinogradIsCheaper(const ConvParams& params, const Kernels& kernels);

// One input and one output channel per group, and more than one group.
inline bool IsDepthwise(const ConvParams& p) {
  return p.groups > 1 && p.groups == p.in_channels &&
         p.groups == p.out_channels;
}

// About how many multiply-accumulates one work item should have: some
// microseconds, so that handing it out costs little and threads end together.
inline constexpr int64_t kItemMacs = int64_t{1} << 18;

// Images as rows of 16-bit numbers with the zero point taken away and the
// padding written out as zeros.
struct RowWindow {
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  int64_t left = 0;     // columns of zeros before the image
  int64_t columns = 0;  // of a row of the result
};

// Writes `rows` rows [columns][channels] at `dst`: row r is the image's row
// first_row + r * row_step, or zeros where there is none.
struct RowRange {
  int64_t first_row = 0;
  int64_t row_step = 1;
  int64_t rows = 0;
};
void WidenRows(const Kernels& kernels, const ByteType& type,
               const RowWindow& window, const uint8_t* image,
               const RowRange& range, int16_t* dst);

// Hands out 64-byte aligned parts of one scratch buffer; with a null buffer
// it only adds up.
class ScratchLayout {
 public:
  explicit ScratchLayout(std::byte* base) : base_(base) {
    const auto address = reinterpret_cast<uintptr_t>(base);
    used_ = base == nullptr ? kAlignment : (-address) % kAlignment;
  }
  template <typename T>
  T* Take(int64_t count) {
    T* result =
        base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + used_);
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    used_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return result;
  }
  size_t bytes() const { return used_; }

 private:
  static constexpr size_t kAlignment = 64;
  std::byte* base_;
  size_t used_;
};

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_CONV_KERNEL_H_
