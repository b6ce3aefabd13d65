// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_PAIR_SUMS_H_
#define OCTET_ENGINE_EVALUATION_PAIR_SUMS_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "engine/base/tensor.h"
#include "engine/ir/graph.h"

namespace octet::internal {

// Counts the sums of two neighbouring products that leave 16 bits in an integer
// Conv (channels first) or MatMul, as saturation.h has it. Immutable.
class PairSums {
 public:
  // Whether `node` of the optimized graph `graph` is one to count.
  static bool Counts(const ir::Graph& graph, const ir::Node& node);

  // REQUIRES: Counts(graph, node).
  PairSums(const ir::Graph& graph, const ir::Node& node);

  // How many sums one sample has, and how many of them saturate where the
  // node's data input has these elements (reals, row-major, one row).
  int64_t sums() const;
  int64_t Saturated(absl::Span<const float> data) const;

 private:
  // Two weights whose products can leave 16 bits together, and where in the
  // depth the first of them is.
  struct Pair {
    int32_t depth;
    int32_t first;
    int32_t second;
  };

  void AddPairs(absl::Span<const int32_t> weights);
  int64_t SaturatedIn(absl::Span<const int32_t> column, int64_t group) const;
  // The data under the kernel at `place` of the output; `channels` are the
  // input channels of one group.
  void FillColumn(absl::Span<const int32_t> channels, const Shape& place,
                  std::vector<int32_t>& column) const;
  int64_t SaturatedInConv(absl::Span<const int32_t> integers) const;
  int64_t SaturatedInRows(absl::Span<const int32_t> integers) const;

  ir::Op op_;
  ir::Quantization quantization_;  // of the data
  int32_t offset_ = 0;             // added to it: 128 where it is int8
  Shape data_;                     // of one row, leading axis included
  Shape output_;
  int64_t depth_ = 0;
  int64_t channels_ = 0;  // of the output, in one group
  // By output channel.
  std::vector<std::vector<Pair>> pairs_;
};

}  // namespace octet::internal

#endif  // OCTET_ENGINE_EVALUATION_PAIR_SUMS_H_
