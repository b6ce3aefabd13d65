// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONNX_ROW_CONSTANTS_H_
#define OCTET_ENGINE_ONNX_ROW_CONSTANTS_H_

#include <vector>

#include "absl/status/status.h"
#include "engine/onnx/graph_builder.h"
#include "engine/onnx/node_reader.h"

namespace octet::onnx {

// In a file written for one row (BatchMode::kRowsForOne): puts each of `inputs`
// that is a constant with a leading axis of one entry behind an Expand that
// gives it the rows, where another input has them. A class token that is joined
// to the rows of a batch is such a constant. Does nothing in other files: their
// batch may be another axis.
absl::Status GiveConstantsRows(const NodeReader& node, GraphBuilder& graph,
                               std::vector<ir::ValueId>& inputs);

}  // namespace octet::onnx

#endif  // OCTET_ENGINE_ONNX_ROW_CONSTANTS_H_
