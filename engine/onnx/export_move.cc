// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "engine/base/check.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/export_rules.h"

namespace octet::onnx {
namespace {

// Null where opset 17 has no such reduction.
const char* ReductionName(ir::ScatterReduction reduction) {
  switch (reduction) {
    case ir::ScatterReduction::kNone:
      return "none";
    case ir::ScatterReduction::kAdd:
      return "add";
    case ir::ScatterReduction::kMul:
      return "mul";
    case ir::ScatterReduction::kMin:
    case ir::ScatterReduction::kMax:
      return nullptr;
  }
  OCTET_CHECK(false);
}

constexpr absl::string_view kExtremes =
    "combining by min or max came with opset 18";

// The integer that stands for 0.
Tensor RealZero(const ir::TensorType& type) {
  const int32_t zero_point = type.quantization->zero_points[0];
  if (type.dtype == DType::kInt8) {
    return Tensor::Of<int8_t>({}, {static_cast<int8_t>(zero_point)});
  }
  return Tensor::Of<uint8_t>({}, {static_cast<uint8_t>(zero_point)});
}

}  // namespace

absl::Status WriteOp(const ir::Concat& op, NodeWriter& writer) {
  writer.Expect(1);
  SetInt(writer.Add("Concat", writer.Inputs(writer.input_count())), "axis",
         op.axis);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Slice& op, NodeWriter& writer) {
  const ir::Dims& dims = writer.InputDims(0);
  std::vector<int64_t> starts, ends, axes, steps;
  for (size_t i = 0; i < dims.size(); ++i) {
    const bool whole =
        op.starts[i] == 0 && op.steps[i] == 1 && op.sizes[i] == dims[i].value;
    if (dims[i].per_row || whole) continue;
    int64_t end = op.starts[i];
    if (op.sizes[i] > 0) {
      end += (op.sizes[i] - 1) * op.steps[i] + (op.steps[i] > 0 ? 1 : -1);
    }
    // -1 would be counted from the back.
    if (end < 0) end = std::numeric_limits<int64_t>::min();
    starts.push_back(op.starts[i]);
    ends.push_back(end);
    axes.push_back(static_cast<int64_t>(i));
    steps.push_back(op.steps[i]);
  }
  writer.Expect(1);
  if (axes.empty()) {
    writer.Add("Identity", {writer.Input(0)});
    return absl::OkStatus();
  }
  writer.Add("Slice", {writer.Input(0), writer.Ints("starts", starts),
                       writer.Ints("ends", ends), writer.Ints("axes", axes),
                       writer.Ints("steps", steps)});
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Pad& op, NodeWriter& writer) {
  if (op.mode == ir::PadMode::kWrap)
    return writer.Unsupported("wraps (opset 19)");
  std::vector<int64_t> pads = op.begin;
  pads.insert(pads.end(), op.end.begin(), op.end.end());
  std::vector<std::string> inputs = {writer.Input(0),
                                     writer.Ints("pads", pads)};
  const bool constant = op.mode == ir::PadMode::kConstant;
  if (constant && writer.InputType(0).quantization.has_value()) {
    inputs.push_back(
        writer.Initializer("value", RealZero(writer.InputType(0))));
  } else if (constant && writer.InputType(0).dtype == DType::kFloat32) {
    inputs.push_back(writer.Float("value", op.value));
  } else if (constant && op.value != 0) {
    return writer.Unsupported("a value of another type than float32");
  }
  writer.Expect(1);
  pb::NodeProto* pad = writer.Add("Pad", std::move(inputs));
  if (!constant) {
    SetString(pad, "mode",
              op.mode == ir::PadMode::kReflect ? "reflect" : "edge");
  }
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Expand& op, NodeWriter& writer) {
  std::vector<int64_t> target;
  std::optional<size_t> rows_axis;  // that it makes
  const ir::Dims& dims = writer.InputDims(0);
  const size_t added = op.dims.size() - dims.size();
  for (size_t i = 0; i < op.dims.size(); ++i) {
    // 1 keeps the input's rows, whatever their number is.
    const bool kept = i >= added && dims[i - added] == op.dims[i];
    if (op.dims[i].per_row && !kept) {
      if (rows_axis || !op.dims[i].is_rows()) {
        return writer.Unsupported("makes rows on two axes, or several times");
      }
      rows_axis = i;
    }
    target.push_back(op.dims[i].per_row ? 1 : op.dims[i].value);
  }
  if (!rows_axis) {
    writer.Expect(1);
    writer.Add("Expand", {writer.Input(0), writer.Ints("shape", target)});
    return absl::OkStatus();
  }
  OCTET_ASSIGN_OR_RETURN(std::string rows, writer.Rows());
  const absl::Span<const int64_t> shape = target;
  const absl::Span<const int64_t> behind = shape.subspan(*rows_axis + 1);
  std::vector<std::string> parts;
  if (*rows_axis > 0) {
    parts.push_back(writer.Ints("front", shape.first(*rows_axis)));
  }
  parts.push_back(std::move(rows));
  if (!behind.empty()) parts.push_back(writer.Ints("shape", behind));
  writer.Expect(2);
  SetInt(writer.Add("Concat", std::move(parts)), "axis", 0);
  writer.Add("Expand", {writer.Input(0), writer.current()});
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Gather& op, NodeWriter& writer) {
  writer.Expect(1);
  SetInt(writer.Add("Gather", writer.Inputs(2)), "axis", op.axis);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::GatherElements& op, NodeWriter& writer) {
  writer.Expect(1);
  SetInt(writer.Add("GatherElements", writer.Inputs(2)), "axis", op.axis);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::GatherNd& op, NodeWriter& writer) {
  writer.Expect(1);
  SetInt(writer.Add("GatherND", writer.Inputs(2)), "batch_dims", op.batch_dims);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::ScatterElements& op, NodeWriter& writer) {
  const char* reduction = ReductionName(op.reduction);
  if (reduction == nullptr) return writer.Unsupported(kExtremes);
  writer.Expect(1);
  pb::NodeProto* node = writer.Add("ScatterElements", writer.Inputs(3));
  SetInt(node, "axis", op.axis);
  SetString(node, "reduction", reduction);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::ScatterNd& op, NodeWriter& writer) {
  const char* reduction = ReductionName(op.reduction);
  if (reduction == nullptr) return writer.Unsupported(kExtremes);
  writer.Expect(1);
  SetString(writer.Add("ScatterND", writer.Inputs(3)), "reduction", reduction);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Reshape& op, NodeWriter& writer) {
  OCTET_RETURN_IF_ERROR(writer.CheckReshape(op.dims));
  writer.Expect(1);
  writer.AddReshape(writer.Input(0), op.dims);
  return absl::OkStatus();
}

absl::Status WriteOp(const ir::Transpose& op, NodeWriter& writer) {
  writer.Expect(1);
  SetInts(writer.Add("Transpose", {writer.Input(0)}), "perm", op.perm);
  return absl::OkStatus();
}

}  // namespace octet::onnx
