// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_LIMITS_H_
#define OCTET_ENGINE_ONNX_LIMITS_H_

#include <cstddef>
#include <cstdint>

// What an import spends at most on a file beyond reading it once. A file that
// asks for more is refused with RESOURCE_EXHAUSTED, or INVALID_ARGUMENT where
// no honest one has it; what is merely too large to compute at import is left
// to the plan.
namespace octet::onnx {

// Elements of one tensor.
inline constexpr int64_t kMaxElements = int64_t{1} << 31;

// Axes of one tensor.
inline constexpr size_t kMaxRank = 32;

// Entries of an axis that is resized: a plan keeps a table of them.
inline constexpr int64_t kMaxResizedExtent = int64_t{1} << 24;

// Bytes of one name. Values that an import makes up are named after others, so
// names cost many times their length.
inline constexpr size_t kMaxNameBytes = 4096;

// Results of constants up to this size are computed at once: shapes and what
// they are made of. Larger ones are left to the passes.
inline constexpr int64_t kMaxFoldedElements = 4096;

// Nodes of the file, and nodes that unrolling its loops makes; iterations of
// one loop. For a graph: bytes that its import allocates beyond what the file
// holds (expanded constants, scaled copies of weights, copies of the nodes of
// loops), and elementary operations (ir::WorkOf) on computing small constants.
// Elements of what Range gives. Under a fuzzer less, for its files are small
// and its time is short.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
inline constexpr size_t kMaxNodes = 300;
inline constexpr int64_t kMaxIterations = 20;
inline constexpr int64_t kMaxChargedBytes = int64_t{1} << 20;
inline constexpr double kMaxFoldedWork = 1e6;
inline constexpr int64_t kMaxRangeElements = int64_t{1} << 16;
#else
inline constexpr size_t kMaxNodes = 100'000;
inline constexpr int64_t kMaxIterations = 10'000;
inline constexpr int64_t kMaxChargedBytes = int64_t{1} << 30;
inline constexpr double kMaxFoldedWork = 1e9;
inline constexpr int64_t kMaxRangeElements = int64_t{1} << 25;
#endif

// Elementary operations of a graph for one row: minutes, where the largest
// networks take seconds.
inline constexpr double kMaxGraphWork = 1e13;

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_LIMITS_H_
