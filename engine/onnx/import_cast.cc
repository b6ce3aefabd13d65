// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <optional>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

absl::Status CastTo(const NodeReader& node, GraphBuilder& graph, DType dtype) {
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  if (dtype == DType::kFloat16 || dtype == DType::kBFloat16) {
    // Rounded once, and from there on carried as float32.
    OCTET_ASSIGN_OR_RETURN(x, graph.Compute(node, ir::Cast{dtype}, {x}));
    graph.SetNarrow(node.output(0), *NarrowTypeOf(dtype));
    dtype = DType::kFloat32;
  }
  if (graph.type(x).dtype == dtype) return graph.ResultIs(node, x);
  return graph.Result(node, ir::Cast{dtype}, {x});
}

}  // namespace

absl::Status ImportCast(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  node.Ignore("saturate");  // of 8-bit floats
  if (!node.HasAttribute("to")) {
    return absl::InvalidArgumentError("attribute 'to' is missing");
  }
  OCTET_ASSIGN_OR_RETURN(const int64_t to, node.Int("to", 0));
  if (to < 0 || to > std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("attribute 'to' is ", to, ", which is no element type"));
  }
  OCTET_ASSIGN_OR_RETURN(const DType dtype,
                         DTypeFromOnnx(static_cast<int32_t>(to)));
  return CastTo(node, graph, dtype);
}

absl::Status ImportCastLike(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  node.Ignore("saturate");  // of 8-bit floats
  OCTET_ASSIGN_OR_RETURN(const ir::ValueId like, graph.Read(node, 1));
  const std::optional<NarrowType> narrow = graph.Narrow(node.input(1));
  if (narrow == NarrowType::kFloat16) {
    return CastTo(node, graph, DType::kFloat16);
  }
  if (narrow == NarrowType::kBFloat16) {
    return CastTo(node, graph, DType::kBFloat16);
  }
  return CastTo(node, graph, graph.type(like).dtype);
}

}  // namespace octet::onnx
