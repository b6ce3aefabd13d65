// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_KEEP_FLOAT_H_
#define OCTET_ENGINE_QUANT_KEEP_FLOAT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/ir/graph.h"

// int8 is not always faster: a layer may have a float kernel that its integers
// have not, or be too small to pay for the conversions around it. What loses
// stays float, as measured; the facade measures, so that this folder knows no
// plan.
namespace octet::quant {

// A layer (Conv, ConvTranspose or MatMul) by the name of its node, and how long
// its steps took in the float and in the quantized model.
struct LayerTimes {
  std::string node;
  double float_ms = 0;
  double int8_ms = 0;
};

// Layers that lose in int8, neighbours together, and what staying float did.
struct FloatSegment {
  std::vector<std::string> nodes;
  // Of these layers alone.
  double float_ms = 0;
  double int8_ms = 0;
  // Of the whole network, with the segments kept before this one float.
  double network_int8_ms = 0;
  double network_float_ms = 0;  // with this one too
  bool kept_float = false;
};

struct FloatSegments {
  ir::Graph graph;  // of QuantizeGraph(), what was kept taken back
  std::vector<FloatSegment> segments;
};

// How long the whole network takes, in milliseconds.
using NetworkTimer = std::function<absl::StatusOr<double>(const ir::Graph&)>;

// A layer is tried where it takes this much longer than in float, and the
// change is kept where the whole network gains this much.
inline constexpr double kClearLoss = 1.10;
inline constexpr double kClearGain = 1.02;

// Tries what loses, the most first, at most `kMostTrials` segments.
inline constexpr int kMostTrials = 8;
absl::StatusOr<FloatSegments> KeepFasterFloat(
    const ir::Graph& quantized, const std::vector<LayerTimes>& times,
    const NetworkTimer& timer);

// `quantized` with float weights (what the integers stand for) for the layers
// `nodes`, and without the Quantize/Dequantize pairs between two of them.
ir::Graph WithFloatLayers(const ir::Graph& quantized,
                          const std::vector<std::string>& nodes);

// The float graph that `quantized` stands for: constants as reals, no
// Quantize/Dequantize pair but those that make a graph's output.
ir::Graph WithoutRounding(const ir::Graph& quantized);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_KEEP_FLOAT_H_
