// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/einsum_equation.h"
#include "engine/onnx/op_registry.h"

// Einsum as Transpose, Reshape, MatMul, Mul and ReduceSum: the operands are
// combined from left to right, and what nobody needs any more is summed out as
// soon as that can be.
namespace octet::onnx {
namespace {

using Labels = std::vector<EinsumLabel>;

bool Has(const Labels& labels, EinsumLabel label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

// A value with a label for each axis.
struct Operand {
  ir::ValueId id = 0;
  Labels labels;
};

class EinsumLowering {
 public:
  EinsumLowering(const NodeReader& node, GraphBuilder& graph)
      : node_(node), graph_(graph) {}

  absl::StatusOr<ir::ValueId> Lower(std::vector<Operand> operands,
                                    const Labels& output) {
    for (Operand& operand : operands) {
      OCTET_RETURN_IF_ERROR(TakeDiagonals(operand));
    }
    OCTET_RETURN_IF_ERROR(DropBroadcastAxes(operands));
    Operand sum = operands[0];
    for (size_t i = 1; i < operands.size(); ++i) {
      Labels needed = output;
      for (size_t later = i + 1; later < operands.size(); ++later) {
        const Labels& more = operands[later].labels;
        needed.insert(needed.end(), more.begin(), more.end());
      }
      OCTET_RETURN_IF_ERROR(Combine(sum, operands[i], needed));
    }
    OCTET_RETURN_IF_ERROR(SumOut(sum, output));
    OCTET_RETURN_IF_ERROR(Order(sum, output));
    return sum.id;
  }

 private:
  absl::Status Apply(Operand& x, ir::Op op) {
    OCTET_ASSIGN_OR_RETURN(x.id, graph_.Compute(node_, std::move(op), {x.id}));
    return absl::OkStatus();
  }

  const ir::Dims& DimsOf(const Operand& x) const { return graph_.dims(x.id); }

  ir::Dim DimOf(const Operand& x, EinsumLabel label) const {
    const auto it = std::find(x.labels.begin(), x.labels.end(), label);
    return DimsOf(x)[it - x.labels.begin()];
  }

  absl::Status ReshapeTo(Operand& x, ir::Dims dims, Labels labels) {
    x.labels = std::move(labels);
    if (dims == DimsOf(x)) return absl::OkStatus();
    return Apply(x, ir::Reshape{std::move(dims)});
  }

  // Puts the axes into the order of `labels`, which are x's own.
  absl::Status Order(Operand& x, const Labels& labels) {
    if (labels == x.labels) return absl::OkStatus();
    ir::Transpose op;
    for (EinsumLabel label : labels) {
      const auto it = std::find(x.labels.begin(), x.labels.end(), label);
      op.perm.push_back(static_cast<int>(it - x.labels.begin()));
    }
    x.labels = labels;
    return Apply(x, std::move(op));
  }

  // Sums over the axes that are not in `needed`.
  absl::Status SumOut(Operand& x, const Labels& needed) {
    ir::Reduce op{ir::ReduceKind::kSum, {}, /*keep_dims=*/false};
    Labels rest;
    for (size_t i = 0; i < x.labels.size(); ++i) {
      if (Has(needed, x.labels[i])) {
        rest.push_back(x.labels[i]);
      } else {
        op.axes.push_back(static_cast<int>(i));
      }
    }
    if (op.axes.empty()) return absl::OkStatus();
    x.labels = std::move(rest);
    return Apply(x, std::move(op));
  }

  // Takes the diagonal where a label repeats: every n + 1st of n * n entries.
  absl::Status TakeDiagonals(Operand& x) {
    for (size_t j = 1; j < x.labels.size(); ++j) {
      const EinsumLabel label = x.labels[j];
      const auto first = std::find(x.labels.begin(), x.labels.end(), label);
      const size_t i = first - x.labels.begin();
      if (i == j) continue;
      const ir::Dims dims = DimsOf(x);
      const int64_t n = dims[i].value;
      if (dims[i] != dims[j] || dims[i].per_row) {
        return absl::UnimplementedError(absl::StrCat(
            "takes the diagonal of axes ", i, " and ", j, " of ",
            ir::DimsToString(dims), "; octet runs that on equal ones"));
      }
      ir::Transpose to_end;
      ir::Dims joined;
      Labels labels;
      for (size_t axis = 0; axis < dims.size(); ++axis) {
        if (axis == i || axis == j) continue;
        to_end.perm.push_back(static_cast<int>(axis));
        joined.push_back(dims[axis]);
        labels.push_back(x.labels[axis]);
      }
      to_end.perm.push_back(static_cast<int>(i));
      to_end.perm.push_back(static_cast<int>(j));
      joined.push_back(ir::Dim::Fixed(n * n));
      labels.push_back(label);
      OCTET_RETURN_IF_ERROR(Apply(x, std::move(to_end)));
      OCTET_RETURN_IF_ERROR(Apply(x, ir::Reshape{joined}));
      ir::Slice op;
      for (const ir::Dim& dim : joined) {
        op.starts.push_back(0);
        op.steps.push_back(1);
        op.sizes.push_back(dim.per_row ? 0 : dim.value);
      }
      op.steps.back() = n + 1;
      op.sizes.back() = n;
      OCTET_RETURN_IF_ERROR(Apply(x, std::move(op)));
      x.labels = std::move(labels);
      j = 0;
    }
    return absl::OkStatus();
  }

  // An axis of one entry where another operand has more is one that the
  // operand's elements don't depend on.
  absl::Status DropBroadcastAxes(std::vector<Operand>& operands) {
    const ir::Dim one = ir::Dim::Fixed(1);
    std::map<EinsumLabel, ir::Dim> extents;
    for (const Operand& x : operands) {
      for (EinsumLabel label : x.labels) {
        const ir::Dim dim = DimOf(x, label);
        ir::Dim& extent = extents.try_emplace(label, dim).first->second;
        if (extent == one) extent = dim;
        if (dim == one || dim == extent) continue;
        return absl::InvalidArgumentError(
            absl::StrCat("an axis has ", ir::DimsToString({extent}),
                         " entries in one input "
                         "and ",
                         ir::DimsToString({dim}), " in another"));
      }
    }
    for (Operand& x : operands) {
      ir::Dims dims;
      Labels labels;
      for (EinsumLabel label : x.labels) {
        const ir::Dim dim = DimOf(x, label);
        if (dim == one && extents[label] != one) continue;
        dims.push_back(dim);
        labels.push_back(label);
      }
      OCTET_RETURN_IF_ERROR(ReshapeTo(x, std::move(dims), std::move(labels)));
    }
    return absl::OkStatus();
  }

  // Makes `a` the product of both, summed over what is not `needed`.
  absl::Status Combine(Operand& a, Operand b, const Labels& needed) {
    Labels wanted_of_a = needed;
    wanted_of_a.insert(wanted_of_a.end(), b.labels.begin(), b.labels.end());
    Labels wanted_of_b = needed;
    wanted_of_b.insert(wanted_of_b.end(), a.labels.begin(), a.labels.end());
    OCTET_RETURN_IF_ERROR(SumOut(a, wanted_of_a));
    OCTET_RETURN_IF_ERROR(SumOut(b, wanted_of_b));
    const bool contracts =
        std::any_of(a.labels.begin(), a.labels.end(), [&](EinsumLabel label) {
          return Has(b.labels, label) && !Has(needed, label);
        });
    const bool real = graph_.type(a.id).dtype == DType::kFloat32 &&
                      graph_.type(b.id).dtype == DType::kFloat32;
    if (contracts && real) return MatrixProduct(a, std::move(b), needed);
    OCTET_RETURN_IF_ERROR(ElementProduct(a, std::move(b)));
    return SumOut(a, needed);
  }

  absl::Status ElementProduct(Operand& a, Operand b) {
    Labels all = a.labels;
    Labels b_order;
    for (EinsumLabel label : a.labels) {
      if (Has(b.labels, label)) b_order.push_back(label);
    }
    for (EinsumLabel label : b.labels) {
      if (Has(a.labels, label)) continue;
      all.push_back(label);
      b_order.push_back(label);
    }
    OCTET_RETURN_IF_ERROR(Order(b, b_order));
    OCTET_RETURN_IF_ERROR(ReshapeTo(a, WithOnes(a, all), all));
    OCTET_RETURN_IF_ERROR(ReshapeTo(b, WithOnes(b, all), all));
    OCTET_ASSIGN_OR_RETURN(
        a.id, graph_.Compute(node_, ir::Binary{ir::BinaryKind::kMul, {}},
                             {a.id, b.id}));
    return absl::OkStatus();
  }

  // x's dimensions with one entry for each label that it does not have.
  ir::Dims WithOnes(const Operand& x, const Labels& all) const {
    ir::Dims dims;
    for (EinsumLabel label : all) {
      dims.push_back(Has(x.labels, label) ? DimOf(x, label)
                                          : ir::Dim::Fixed(1));
    }
    return dims;
  }

  ir::Dims DimsOfLabels(const Operand& x, const Labels& labels) const {
    ir::Dims dims;
    for (EinsumLabel label : labels) dims.push_back(DimOf(x, label));
    return dims;
  }

  // All of `labels` as one axis.
  ir::Dim Joined(const Operand& x, const Labels& labels) const {
    ir::Dim joined = ir::Dim::Fixed(1);
    for (EinsumLabel label : labels) {
      const ir::Dim dim = DimOf(x, label);
      joined.value *= dim.value;
      joined.per_row = joined.per_row || dim.per_row;
    }
    return joined;
  }

  // [shared..., rows, inner] times [shared..., inner, columns].
  absl::Status MatrixProduct(Operand& a, Operand b, const Labels& needed) {
    Labels shared, inner, rows, columns;
    for (EinsumLabel label : a.labels) {
      (!Has(b.labels, label) ? rows
       : Has(needed, label)  ? shared
                             : inner)
          .push_back(label);
    }
    for (EinsumLabel label : b.labels) {
      if (!Has(a.labels, label)) columns.push_back(label);
    }
    const auto join = [](Labels x, const Labels& y, const Labels& z) {
      x.insert(x.end(), y.begin(), y.end());
      x.insert(x.end(), z.begin(), z.end());
      return x;
    };
    const Labels result = join(shared, rows, columns);
    const ir::Dims shared_dims = DimsOfLabels(a, shared);
    ir::Dims result_dims = DimsOfLabels(a, join(shared, rows, {}));
    const ir::Dims column_dims = DimsOfLabels(b, columns);
    result_dims.insert(result_dims.end(), column_dims.begin(),
                       column_dims.end());
    ir::Dims a_dims = shared_dims;
    a_dims.insert(a_dims.end(), {Joined(a, rows), Joined(a, inner)});
    ir::Dims b_dims = shared_dims;
    b_dims.insert(b_dims.end(), {Joined(b, inner), Joined(b, columns)});
    OCTET_RETURN_IF_ERROR(Order(a, join(shared, rows, inner)));
    OCTET_RETURN_IF_ERROR(Order(b, join(shared, inner, columns)));
    OCTET_RETURN_IF_ERROR(ReshapeTo(a, std::move(a_dims), {}));
    OCTET_RETURN_IF_ERROR(ReshapeTo(b, std::move(b_dims), {}));
    OCTET_ASSIGN_OR_RETURN(a.id,
                           graph_.Compute(node_, ir::MatMul(), {a.id, b.id}));
    return ReshapeTo(a, std::move(result_dims), result);
  }

  const NodeReader& node_;
  GraphBuilder& graph_;
};

}  // namespace

absl::Status ImportEinsum(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(
      node.ExpectInputs(std::max(1, node.input_count()), node.input_count()));
  OCTET_ASSIGN_OR_RETURN(const std::string text, node.String("equation", ""));
  std::vector<Operand> operands;
  std::vector<size_t> ranks;
  for (int i = 0; i < node.input_count(); ++i) {
    OCTET_ASSIGN_OR_RETURN(const ir::ValueId id, graph.Read(node, i));
    operands.push_back({id, {}});
    ranks.push_back(graph.dims(id).size());
  }
  OCTET_ASSIGN_OR_RETURN(EinsumEquation equation, ParseEinsum(text, ranks));
  for (size_t i = 0; i < operands.size(); ++i) {
    operands[i].labels = std::move(equation.inputs[i]);
  }
  OCTET_ASSIGN_OR_RETURN(
      const ir::ValueId result,
      EinsumLowering(node, graph).Lower(std::move(operands), equation.output));
  return graph.ResultIs(node, result);
}

}  // namespace octet::onnx
