// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/onednn/dnnl_boundary.h"
#include "engine/onednn/steps.h"

namespace octet::onednn {
namespace {

using Dimensions = dnnl::memory::dims;

// oneDNN's own limit is DNNL_MAX_NDIMS.
constexpr size_t kMaxRank = 6;

// Matrices of floats [batch..., rows, columns], dense but that the last two
// axes may lie the other way round.
dnnl::memory::desc MatricesDesc(Dimensions dims, bool transposed) {
  Dimensions strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  const size_t last = dims.size() - 1;
  if (transposed) {
    strides[last - 1] = 1;
    strides[last] = dims[last - 1];
  }
  return {dims, dnnl::memory::data_type::f32, strides};
}

// The operands as oneDNN wants them: of one rank.
struct Operands {
  Dimensions a;
  Dimensions b;
  Dimensions c;
};

// Equal batches are taken together, and so are the rows of all batches where b
// is one matrix.
Operands OperandsOf(Shape a, Shape b, Shape c) {
  const auto batch = [](const Shape& s) {
    return ElementCount(absl::MakeConstSpan(s).subspan(0, s.size() - 2));
  };
  const auto matrix = [](const Shape& s, int64_t count) {
    return Shape{count, s[s.size() - 2], s.back()};
  };
  if (batch(b) == 1) {
    const int64_t rows = batch(a) * a[a.size() - 2];
    return {{1, rows, a.back()}, matrix(b, 1), {1, rows, c.back()}};
  }
  if (batch(a) == batch(b) && batch(c) == batch(a)) {
    return {matrix(a, batch(a)), matrix(b, batch(a)), matrix(c, batch(a))};
  }
  a.insert(a.begin(), c.size() - a.size(), 1);
  b.insert(b.begin(), c.size() - b.size(), 1);
  return {a, b, c};
}

absl::Status CheckBatched(const plan::StepRequest& request) {
  for (ir::ValueId id : request.node.inputs) {
    const ir::TensorType& type = request.graph.type(id);
    if (type.dtype != DType::kFloat32 || type.quantization) {
      return absl::UnimplementedError("a product of other types than float32");
    }
    if (ElementCount(ir::ConcreteShape(type.dims)) == 0) {
      return absl::UnimplementedError("a product of nothing");
    }
  }
  if (request.shape(request.node.inputs[0]).size() < 2 ||
      request.shape(request.node.inputs[1]).size() < 2) {
    return absl::UnimplementedError("a product with a vector");
  }
  return absl::OkStatus();
}

bool IsQuantized(const ir::Graph& graph) {
  const std::vector<ir::Value>& values = graph.values();
  return std::any_of(values.begin(), values.end(), [](const ir::Value& value) {
    return value.type.quantization.has_value();
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<plan::Step>> CreateBatchedMatMulStep(
    const plan::StepRequest& request, const ir::MatMul& op) {
  OCTET_RETURN_IF_ERROR(CheckBatched(request));
  const ir::Node& node = request.node;
  Shape b_shape = request.shape(node.inputs[1]);
  if (op.transpose_b) std::swap(b_shape.end()[-1], b_shape.end()[-2]);
  const Shape a_shape = request.shape(node.inputs[0]);
  Operands operands =
      OperandsOf(a_shape, b_shape, request.shape(node.outputs[0]));
  if (operands.c.size() > kMaxRank) {
    return absl::UnimplementedError("a product with too many batch axes");
  }
  PrimitiveStepParts parts;
  if (IsQuantized(request.graph)) {
    // The order of the sums may depend on how much there is to do, and in a
    // quantized model no answer may depend on the batch: one matrix at a time.
    if (a_shape.size() < 3 || operands.a[0] != operands.b[0] ||
        operands.a.size() != 3) {
      return absl::UnimplementedError(
          "a float product that repeats matrices, in a quantized model");
    }
    parts.repeats = operands.a[0];
    operands.a[0] = operands.b[0] = operands.c[0] = 1;
  }
  const auto a = MatricesDesc(operands.a, false);
  const auto b = MatricesDesc(operands.b, op.transpose_b);
  const auto c = MatricesDesc(operands.c, false);
  dnnl::primitive_attr attributes = BaseAttributes();
  dnnl::post_ops clip;
  AppendClip(clip, op.activation.lower, op.activation.upper);
  attributes.set_post_ops(clip);
  parts.arguments = {
      {DNNL_ARG_SRC, a, Argument::Source::kInput, 0, nullptr},
      {DNNL_ARG_WEIGHTS, b, Argument::Source::kInput, 1, nullptr},
      {DNNL_ARG_DST, c, Argument::Source::kOutput, 0, nullptr},
  };
  dnnl::matmul::primitive_desc desc;
  if (op.has_bias) {
    Dimensions dims(operands.c.size(), 1);
    dims.back() = operands.c.back();
    const auto bias = MatricesDesc(dims, false);
    desc = dnnl::matmul::primitive_desc(CpuEngine(), a, b, bias, c, attributes);
    parts.arguments.push_back(
        {DNNL_ARG_BIAS, bias, Argument::Source::kInput, 2, nullptr});
  } else {
    desc = dnnl::matmul::primitive_desc(CpuEngine(), a, b, c, attributes);
  }
  parts.primitive = dnnl::matmul(desc);
  parts.kernel = absl::StrCat("onednn:", desc.impl_info_str());
  parts.scratch_bytes = desc.scratchpad_desc().get_size();
  parts.arguments.push_back({DNNL_ARG_SCRATCHPAD, desc.scratchpad_desc(),
                             Argument::Source::kScratch, 0, nullptr});
  return MakePrimitiveStep(std::move(parts));
}

}  // namespace octet::onednn
