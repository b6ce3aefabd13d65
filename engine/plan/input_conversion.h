// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PLAN_INPUT_CONVERSION_H_
#define OCTET_ENGINE_PLAN_INPUT_CONVERSION_H_

#include <vector>

#include "engine/ir/graph.h"
#include "engine/plan/plan.h"

namespace octet::plan {

// Takes the Quantize and the channels-last Transpose that follow an input,
// where nothing else reads it, out of `graph` and notes them in
// `inputs[i].conversion`; so, too, where the Quantize rounds what padding and
// undoing a normalization made of the input (quant::WithByteInput())
// (`inputs` has one entry per input of the graph). Returns, per input, the
// value that the converted rows land in.
std::vector<ir::ValueId> TakeInputConversions(ir::Graph& graph,
                                              std::vector<PlanTensor>& inputs);

}  // namespace octet::plan

#endif  // OCTET_ENGINE_PLAN_INPUT_CONVERSION_H_
