// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANTIZATION_MEMORY_H_
#define OCTET_ENGINE_QUANTIZATION_MEMORY_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/engine.h"
#include "engine/ir/graph.h"

namespace octet::internal {

// Bytes that a process takes at its peak that quantizes a model and does
// nothing else, by what takes them. An estimate from above: memory that the
// allocator has not given back counts too.
struct QuantizationMemory {
  int64_t program = 0;      // code, libraries, tables
  int64_t weights = 0;      // in all copies, packed and not
  int64_t activations = 0;  // of one sample
  int64_t statistics = 0;   // histograms, and moments of what layers read
  int64_t samples = 0;      // where kept in memory; float's answers to trials

  int64_t total() const {
    return program + weights + activations + statistics + samples;
  }
};

// For `graph`, the optimized float graph that is to be quantized, and samples
// that take `sample_bytes` of memory.
QuantizationMemory EstimateQuantizationMemory(const ir::Graph& graph,
                                              int64_t sample_bytes,
                                              QuantizationMethod method);

// RESOURCE_EXHAUSTED, with the figures, where `memory` is more than `budget`.
absl::Status CheckMemoryBudget(const QuantizationMemory& memory,
                               int64_t budget);

}  // namespace octet::internal

#endif  // OCTET_ENGINE_QUANTIZATION_MEMORY_H_
