// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_REDUCTION_H_
#define OCTET_ENGINE_SIMD_REDUCTION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/base/shape.h"
#include "engine/ir/op.h"
#include "engine/simd/cpu_features.h"
#include "engine/simd/float_kernels.h"

namespace octet::simd {

struct ReductionParams {
  ir::ReduceKind kind = ir::ReduceKind::kSum;
  Shape shape;            // of the input, nothing of which is 0
  std::vector<int> axes;  // that go
};

// Sums, means, extremes ... of floats over any axes: neighbouring axes that
// stay, or go, are taken together; what is innermost decides whether rows or
// columns are run along. An output depends on its own inputs alone, whatever
// the split. Made once, immutable, thread-safe.
class Reduction {
 public:
  // UNIMPLEMENTED  a kind without a kernel, or an empty input.
  static absl::StatusOr<Reduction> Create(const ReductionParams& params,
                                          Isa isa = ActiveIsa());

  int64_t input_size() const { return input_size_; }

  // Computes items [begin, end) of [0, work_items()), which may be split over
  // threads in any way.
  int64_t work_items() const { return work_items_; }
  void Run(const float* x, float* y, int64_t begin, int64_t end) const;

 private:
  struct Axis {
    int64_t size = 1;
    int64_t stride = 1;  // of the input, elements
  };

  Reduction() = default;

  void RunRow(const float* x, float* y) const;
  void RunColumns(const float* x, int columns, float* y) const;
  float Finish(double sum) const;
  // Calls body(offset) for every index of the axes that go but for the one that
  // the kernels run along.
  template <typename Body>
  void ForGoing(Body body) const;

  ir::ReduceKind kind_ = ir::ReduceKind::kSum;
  internal::ReduceRow row_ = nullptr;
  internal::ReduceColumns columns_ = nullptr;
  std::vector<Axis> stay_;  // outermost first, without the columns
  std::vector<Axis> go_;    // outermost first, without `along_`
  Axis along_;              // the last axis that goes
  int64_t width_ = 0;       // columns; 0: along_ is innermost
  int64_t blocks_ = 1;      // of columns
  int64_t going_ = 1;       // product of go_
  double count_ = 1;        // elements of one output
  int64_t input_size_ = 0;
  int64_t work_items_ = 0;
};

}  // namespace octet::simd

#endif  // OCTET_ENGINE_SIMD_REDUCTION_H_
