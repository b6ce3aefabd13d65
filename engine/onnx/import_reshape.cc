// SPDX-License-Identifier: Apache-2.0
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/op_registry.h"

// Reshape and what is a special case of it. The bytes stay as they are, so on a
// known tensor it is done at once.
namespace octet::onnx {
namespace {

// Binds the node's output to `id` under other dimensions.
absl::Status ReshapeTo(const NodeReader& node, GraphBuilder& graph,
                       ir::ValueId id, ir::Dims dims) {
  const std::optional<Tensor>& constant = graph.constant(id);
  if (constant.has_value() && !ir::HasRows(dims)) {
    const Shape shape = ir::ConcreteShape(dims);
    const auto count = CheckedElementCount(shape, kMaxElements);
    if (count.ok() && *count == constant->size()) {
      return graph.ResultConstant(node, constant->Reshaped(shape));
    }
  }
  return graph.Result(node, ir::Reshape{std::move(dims)}, {id});
}

absl::Status DoesNotFit(const ir::Dims& dims, const ir::Dims& target) {
  return absl::InvalidArgumentError(
      absl::StrCat("dimensions ", ir::DimsToString(dims), " cannot become ",
                   ir::DimsToString(target)));
}

// Product of the entries, one row's share; nullopt where it exceeds a tensor.
std::optional<int64_t> Elements(const ir::Dims& dims) {
  std::vector<int64_t> shape;
  for (const ir::Dim& dim : dims) shape.push_back(dim.value);
  const auto count = CheckedElementCount(shape, kMaxElements);
  if (!count.ok()) return std::nullopt;
  return *count;
}

// What ONNX's target means for an input of dimensions `x`: 0 copies an axis
// (unless `allow_zero`), -1 is what is left. Where the input has rows and no
// copied axis brought them along, they go to the axis of -1, which is what the
// file says, or else, as the file was then written for one row, to the axis
// that has as many entries outside of it as the rows had: the leading one where
// they led.
class TargetReader {
 public:
  TargetReader(const ir::Dims& x, const ir::Dims& target, BatchMode mode)
      : x_(x), target_(target), mode_(mode) {}

  absl::StatusOr<ir::Dims> Read(bool allow_zero) {
    ir::Dims dims;
    std::optional<size_t> inferred;
    for (size_t i = 0; i < target_.size(); ++i) {
      const int64_t entry = target_[i].value;
      if (target_[i].per_row) {
        dims.push_back(target_[i]);
      } else if (entry == -1 && !inferred.has_value()) {
        inferred = i;
        dims.push_back(ir::Dim::Fixed(1));
      } else if (entry == 0 && !allow_zero && i < x_.size()) {
        dims.push_back(x_[i]);
      } else if (entry >= 0 && (entry > 0 || allow_zero)) {
        dims.push_back(ir::Dim::Fixed(entry));
      } else {
        return DoesNotFit(x_, target_);
      }
    }
    if (inferred.has_value()) {
      OCTET_RETURN_IF_ERROR(FillInferred(*inferred, dims));
    }
    if (ir::HasRows(x_) && !ir::HasRows(dims)) {
      OCTET_RETURN_IF_ERROR(PlaceRows(inferred, dims));
    }
    return dims;
  }

 private:
  absl::Status FillInferred(size_t axis, ir::Dims& dims) const {
    const std::optional<int64_t> have = Elements(x_);
    const std::optional<int64_t> known = Elements(dims);
    if (!have.has_value() || !known.has_value() || *known == 0 ||
        *have % *known != 0) {
      return DoesNotFit(x_, target_);
    }
    dims[axis].value = *have / *known;
    return absl::OkStatus();
  }

  absl::Status PlaceRows(std::optional<size_t> inferred, ir::Dims& dims) const {
    if (dims.empty()) return DoesNotFit(x_, target_);
    const bool written_for_one_row =
        mode_ == BatchMode::kRowsForOne || !inferred.has_value();
    dims[written_for_one_row ? AxisOfSameOrder(dims) : *inferred].per_row =
        true;
    return absl::OkStatus();
  }

  // Where rows keep their place in the order of the elements; 0 if nowhere.
  size_t AxisOfSameOrder(const ir::Dims& dims) const {
    int64_t outside = 1;  // no more than x_ has elements
    for (size_t i = 0; i < x_.size() && !x_[i].per_row; ++i) {
      outside *= x_[i].value;
    }
    int64_t before = 1;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (before == outside) return i;
      if (dims[i].value < 1 || dims[i].value > outside / before) break;
      before *= dims[i].value;
    }
    return 0;
  }

  const ir::Dims& x_;
  const ir::Dims& target_;
  const BatchMode mode_;
};

// The axes of Squeeze and Unsqueeze: an attribute before opset 13, then an
// input. nullopt if absent.
absl::StatusOr<std::optional<std::vector<int64_t>>> ReadAxes(
    const NodeReader& node, const GraphBuilder& graph) {
  if (node.opset() < 13) {
    OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
    return node.Ints("axes");
  }
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 2));
  if (!node.HasInput(1)) return std::nullopt;
  OCTET_ASSIGN_OR_RETURN(auto axes, graph.RequireInts(node, 1, "axes"));
  return axes;
}

// One flag for each of `rank` axes.
absl::StatusOr<std::vector<bool>> MarkAxes(const std::vector<int64_t>& axes,
                                           size_t rank) {
  std::vector<bool> marked(rank, false);
  for (int64_t axis : axes) {
    OCTET_ASSIGN_OR_RETURN(const int index, NormalizedAxis(axis, rank));
    if (marked[index]) {
      return absl::InvalidArgumentError(
          absl::StrCat("axis ", axis, " is given twice"));
    }
    marked[index] = true;
  }
  return marked;
}

}  // namespace

absl::Status ImportReshape(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(2, 2));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(const ir::Dims target,
                         graph.RequireDims(node, 1, "the shape"));
  OCTET_ASSIGN_OR_RETURN(const int64_t allow_zero, node.Int("allowzero", 0));
  OCTET_ASSIGN_OR_RETURN(
      ir::Dims dims,
      TargetReader(graph.dims(x), target, graph.mode()).Read(allow_zero != 0));
  return ReshapeTo(node, graph, x, std::move(dims));
}

absl::Status ImportFlatten(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(1, 1));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  OCTET_ASSIGN_OR_RETURN(int64_t axis, node.Int("axis", 1));
  const ir::Dims& x_dims = graph.dims(x);
  const int64_t rank = x_dims.size();
  if (axis < -rank || axis > rank) {
    return absl::InvalidArgumentError(
        absl::StrCat("axis ", axis, " of a tensor with ", rank, " axes"));
  }
  if (axis < 0) axis += rank;
  ir::Dims dims(2, ir::Dim::Fixed(1));
  for (int64_t i = 0; i < rank; ++i) {
    ir::Dim& dim = dims[i < axis ? 0 : 1];
    dim.value *= x_dims[i].value;
    dim.per_row = dim.per_row || x_dims[i].per_row;
  }
  return ReshapeTo(node, graph, x, std::move(dims));
}

absl::Status ImportSqueeze(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto axes, ReadAxes(node, graph));
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::Dims& x_dims = graph.dims(x);
  std::vector<bool> dropped(x_dims.size(), false);
  if (axes.has_value()) {
    OCTET_ASSIGN_OR_RETURN(dropped, MarkAxes(*axes, x_dims.size()));
  }
  ir::Dims dims;
  for (size_t i = 0; i < x_dims.size(); ++i) {
    const bool drop = axes.has_value()
                          ? dropped[i]
                          : x_dims[i].value == 1;  // rows too: refused below
    if (!drop) {
      dims.push_back(x_dims[i]);
    } else if (x_dims[i] != ir::Dim::Fixed(1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("drops axis ", i, " of ", ir::DimsToString(x_dims),
                       "; expected an axis of one entry"));
    }
  }
  return ReshapeTo(node, graph, x, std::move(dims));
}

absl::Status ImportUnsqueeze(const NodeReader& node, GraphBuilder& graph) {
  OCTET_ASSIGN_OR_RETURN(auto axes, ReadAxes(node, graph));
  if (!axes.has_value()) {
    return absl::InvalidArgumentError("'axes' is missing");
  }
  OCTET_ASSIGN_OR_RETURN(ir::ValueId x, graph.Read(node, 0));
  const ir::Dims& x_dims = graph.dims(x);
  const size_t rank = x_dims.size() + axes->size();
  OCTET_ASSIGN_OR_RETURN(const std::vector<bool> added, MarkAxes(*axes, rank));
  ir::Dims dims;
  size_t next = 0;
  for (size_t i = 0; i < rank; ++i) {
    dims.push_back(added[i] ? ir::Dim::Fixed(1) : x_dims[next++]);
  }
  return ReshapeTo(node, graph, x, std::move(dims));
}

}  // namespace octet::onnx
