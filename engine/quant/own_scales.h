// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_QUANT_OWN_SCALES_H_
#define OCTET_ENGINE_QUANT_OWN_SCALES_H_

#include <cstddef>
#include <vector>

#include "engine/ir/graph.h"
#include "engine/quant/scheme.h"

// The inputs of a Concat share one scale with its result, and whatever only
// moves elements hands it on: in a network whose blocks pass half of their
// channels by, or that joins the maps of several stages, one tensor of a large
// range sets the scale of a dozen. An operator that changes nothing in front of
// an input of a Concat gives both sides a scale of their own, for one rounding
// more: its result is rounded again.
namespace octet::quant {

// An input of a Concat.
struct ConcatInput {
  size_t node = 0;  // of the graph's nodes
  size_t input = 0;
};

// Those of `graph` (as ChooseSites() wants it) whose scale is shared with more
// than the Concat: others read the value too, or it was moved there. What is
// computed for a Concat alone has no use for another scale.
std::vector<ConcatInput> SharedConcatInputs(const ir::Graph& graph);

// `graph` with a Clamp to all numbers in front of each of `inputs`, in the
// order of the nodes. results[i], if asked for, is the value behind the i-th.
ir::Graph WithOwnScales(const ir::Graph& graph,
                        const std::vector<ConcatInput>& inputs,
                        std::vector<ir::ValueId>* results = nullptr);

// Scales that differ by this factor are worth a rounding: one bit of the
// finer side.
inline constexpr double kWorthOwnScale = 2;

// Whether ranges on the two sides of an input are.
bool AreWorthOwnScales(const Range& before, const Range& behind);

}  // namespace octet::quant

#endif  // OCTET_ENGINE_QUANT_OWN_SCALES_H_
