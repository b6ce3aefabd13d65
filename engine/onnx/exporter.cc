// SPDX-License-Identifier: Apache-2.0
#include "engine/onnx/exporter.h"

#include <limits>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/export_resize.h"
#include "engine/onnx/model_writer.h"

namespace octet::onnx {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Writes one IR node as a chain of ONNX nodes, the last of which computes the
// node's output under its own name.
class NodeExporter {
 public:
  NodeExporter(const ir::Graph& graph, const ir::Node& node,
               ModelWriter& writer)
      : graph_(graph),
        node_(node),
        writer_(writer),
        output_(graph.value(node.outputs[0]).name) {}

  absl::Status Export() {
    const bool converts = std::holds_alternative<ir::Dequantize>(node_.op);
    for (ir::ValueId id : node_.inputs) {
      if (graph_.type(id).quantization.has_value() && !converts) {
        return Unsupported("it computes on integers");
      }
    }
    return std::visit(
        [this](const auto& op) -> absl::Status {
          if constexpr (requires { Write(op); }) {
            return Write(op);
          } else {
            return Unsupported("octet does not write this operator");
          }
        },
        node_.op);
  }

 private:
  absl::Status Unsupported(absl::string_view why) const {
    return absl::UnimplementedError(
        absl::StrCat("node '", node_.name, "' (", ir::OpName(node_.op),
                     ") has no form in an ONNX file: ", why));
  }

  const ir::Dims& InputDims(int i) const {
    return graph_.type(node_.inputs[i]).dims;
  }
  std::string Input(int i) { return writer_.Name(node_.inputs[i]); }
  std::vector<std::string> Inputs(size_t count) {
    std::vector<std::string> names;
    for (size_t i = 0; i < count; ++i) names.push_back(Input(i));
    return names;
  }
  std::string Stem(absl::string_view suffix) const {
    return absl::StrCat(output_, ".", suffix);
  }

  // Says how many ONNX nodes follow, so that Add() can name the last output.
  void Expect(int nodes) { remaining_ = nodes; }

  // The next node of the chain; current_ becomes its output.
  pb::NodeProto* Add(absl::string_view op_type,
                     std::vector<std::string> inputs) {
    --remaining_;
    current_ = remaining_ == 0 ? output_ : writer_.FreshName(Stem("part"));
    std::string name = node_.name;
    if (remaining_ > 0 || added_ > 0) absl::StrAppend(&name, "/", op_type);
    ++added_;
    return writer_.AddNode(op_type, name, std::move(inputs), current_);
  }

  void AddActivation(const ir::Activation& range, const std::string& x) {
    if (range.lower == 0 && range.upper == kInfinity) {
      Add("Relu", {x});
      return;
    }
    std::vector<std::string> inputs = {x};
    inputs.push_back(range.lower == -kInfinity
                         ? ""
                         : writer_.AddFloat(Stem("min"), range.lower));
    if (range.upper != kInfinity) {
      inputs.push_back(writer_.AddFloat(Stem("max"), range.upper));
    }
    Add("Clip", std::move(inputs));
  }

  static void SetWindow(const ir::Window& window, pb::NodeProto* node) {
    SetInts(node, "kernel_shape", window.kernel);
    SetInts(node, "strides", window.strides);
    std::vector<int64_t> pads = window.pads_begin;
    pads.insert(pads.end(), window.pads_end.begin(), window.pads_end.end());
    SetInts(node, "pads", pads);
  }

  absl::Status Write(const ir::Conv& op) {
    if (op.layout != ir::Layout::kChannelsFirst) {
      return Unsupported("channels last");
    }
    const bool clamps = !op.activation.is_identity();
    Expect(1 + (op.has_residual ? 1 : 0) + (clamps ? 1 : 0));
    pb::NodeProto* conv = Add("Conv", Inputs(op.has_bias ? 3 : 2));
    SetWindow(op.window, conv);
    SetInts(conv, "dilations", op.window.dilations);
    SetInt(conv, "group", op.groups);
    if (op.has_residual) {
      Add("Add", {current_, Input(op.has_bias ? 3 : 2)});
    }
    if (clamps) AddActivation(op.activation, current_);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::ConvTranspose& op) {
    if (op.layout != ir::Layout::kChannelsFirst) {
      return Unsupported("channels last");
    }
    for (size_t i = 0; i < op.output_pads.size(); ++i) {
      if (op.output_pads[i] >= op.window.strides[i] && op.output_pads[i] > 0) {
        return Unsupported("it adds a stride or more behind");
      }
    }
    const bool clamps = !op.activation.is_identity();
    Expect(clamps ? 2 : 1);
    pb::NodeProto* conv = Add("ConvTranspose", Inputs(op.has_bias ? 3 : 2));
    SetWindow(op.window, conv);
    SetInts(conv, "dilations", op.window.dilations);
    SetInts(conv, "output_padding", op.output_pads);
    SetInt(conv, "group", op.groups);
    if (clamps) AddActivation(op.activation, current_);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Resize& op) {
    Expect(1);
    const Tensor scales =
        Tensor::Of<float>({static_cast<int64_t>(op.scales.size())}, op.scales);
    const absl::Status status = SetResizeAttributes(
        op, InputDims(0),
        Add("Resize",
            {Input(0), "", writer_.AddInitializer(Stem("scales"), scales)}));
    return status.ok() ? status : Unsupported(status.message());
  }

  absl::Status Write(const ir::Lrn& op) {
    Expect(1);
    pb::NodeProto* node = Add("LRN", {Input(0)});
    SetInt(node, "size", op.size);
    SetFloat(node, "alpha", op.alpha);
    SetFloat(node, "beta", op.beta);
    SetFloat(node, "bias", op.bias);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::MatMul& op) {
    const size_t rank_b = InputDims(1).size();
    const bool gemm = InputDims(0).size() == 2 && rank_b == 2 &&
                      (op.transpose_b || op.has_bias);
    const bool clamps = !op.activation.is_identity();
    if (gemm) {
      Expect(clamps ? 2 : 1);
      SetInt(Add("Gemm", Inputs(op.has_bias ? 3 : 2)), "transB",
             op.transpose_b ? 1 : 0);
    } else {
      Expect(1 + (op.transpose_b ? 1 : 0) + (op.has_bias ? 1 : 0) +
             (clamps ? 1 : 0));
      std::string b = Input(1);
      if (op.transpose_b) {
        std::vector<int> perm;
        for (size_t i = 0; i < rank_b; ++i) perm.push_back(i);
        std::swap(perm[rank_b - 2], perm[rank_b - 1]);
        SetInts(Add("Transpose", {b}), "perm", perm);
        b = current_;
      }
      Add("MatMul", {Input(0), b});
      if (op.has_bias) Add("Add", {current_, Input(2)});
    }
    if (clamps) AddActivation(op.activation, current_);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Pool& op) {
    if (op.layout != ir::Layout::kChannelsFirst) {
      return Unsupported("channels last");
    }
    Expect(1);
    if (op.kind == ir::PoolKind::kMax) {
      pb::NodeProto* pool = Add("MaxPool", {Input(0)});
      SetWindow(op.window, pool);
      SetInts(pool, "dilations", op.window.dilations);
      SetInt(pool, "ceil_mode", op.ceil_mode ? 1 : 0);
      return absl::OkStatus();
    }
    for (int64_t dilation : op.window.dilations) {
      if (dilation != 1) return Unsupported("a dilated average (opset 19)");
    }
    pb::NodeProto* pool = Add("AveragePool", {Input(0)});
    SetWindow(op.window, pool);
    SetInt(pool, "ceil_mode", op.ceil_mode ? 1 : 0);
    SetInt(pool, "count_include_pad", op.count_include_pad ? 1 : 0);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::GlobalPool& op) {
    if (op.layout != ir::Layout::kChannelsFirst) {
      return Unsupported("channels last");
    }
    Expect(1);
    Add(op.kind == ir::PoolKind::kMax ? "GlobalMaxPool" : "GlobalAveragePool",
        {Input(0)});
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Binary& op) {
    if (op.kind > ir::BinaryKind::kPow) {
      return Unsupported("octet does not write this operator");
    }
    const bool clamps = !op.activation.is_identity();
    Expect(clamps ? 2 : 1);
    Add(op.Name(), Inputs(2));
    if (clamps) AddActivation(op.activation, current_);
    return absl::OkStatus();
  }

  // Whether opset 13 has the operator under the same name and attributes.
  static bool HasOneNode(ir::UnaryKind kind) {
    switch (kind) {
      case ir::UnaryKind::kMish:
      case ir::UnaryKind::kHardSwish:
      case ir::UnaryKind::kSwish:
      case ir::UnaryKind::kGelu:
      case ir::UnaryKind::kGeluTanh:
      case ir::UnaryKind::kCelu:
      case ir::UnaryKind::kSelu:
      case ir::UnaryKind::kThresholdedRelu:
      case ir::UnaryKind::kShrink:
      case ir::UnaryKind::kIsInf:
      case ir::UnaryKind::kBitNot:
        return false;
      default:
        return true;
    }
  }

  absl::Status Write(const ir::Unary& op) {
    if (op.kind == ir::UnaryKind::kMish) {
      // x * tanh(log(1 + exp(x)))
      Expect(3);
      Add("Softplus", {Input(0)});
      Add("Tanh", {current_});
      Add("Mul", {Input(0), current_});
      return absl::OkStatus();
    }
    if (op.kind == ir::UnaryKind::kHardSwish) {
      // x * clamp(x / 6 + 1 / 2, 0, 1)
      Expect(2);
      pb::NodeProto* gate = Add("HardSigmoid", {Input(0)});
      SetFloat(gate, "alpha", 1.0f / 6);
      SetFloat(gate, "beta", 0.5f);
      Add("Mul", {Input(0), current_});
      return absl::OkStatus();
    }
    if (!HasOneNode(op.kind)) {
      return Unsupported("octet does not write this operator");
    }
    Expect(1);
    pb::NodeProto* node = Add(op.Name(), {Input(0)});
    if (op.kind == ir::UnaryKind::kLeakyRelu ||
        op.kind == ir::UnaryKind::kElu ||
        op.kind == ir::UnaryKind::kHardSigmoid) {
      SetFloat(node, "alpha", op.alpha);
    }
    if (op.kind == ir::UnaryKind::kHardSigmoid) {
      SetFloat(node, "beta", op.beta);
    }
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Clamp& op) {
    Expect(1);
    if (op.range.is_identity()) {
      Add("Identity", {Input(0)});
    } else {
      AddActivation(op.range, Input(0));
    }
    return absl::OkStatus();
  }

  absl::Status Write(const ir::BatchNorm& op) {
    Expect(1);
    SetFloat(Add("BatchNormalization", Inputs(5)), "epsilon", op.epsilon);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Softmax& op) {
    const char* op_type = op.log ? "LogSoftmax" : "Softmax";
    if (!op.through_last_axis) {
      Expect(1);
      SetInt(Add(op_type, {Input(0)}), "axis", op.axis);
      return absl::OkStatus();
    }
    // Opset 13 has it over one axis only: the axes are joined before.
    OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> target,
                           ReshapeTarget(InputDims(0)));
    std::vector<int64_t> joined(op.axis, 0);
    joined.push_back(-1);
    Expect(3);
    Add("Reshape", {Input(0), writer_.AddInts(Stem("joined"), joined)});
    SetInt(Add(op_type, {current_}), "axis", op.axis);
    Add("Reshape", {current_, writer_.AddInts(Stem("shape"), target)});
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Concat& op) {
    Expect(1);
    SetInt(Add("Concat", Inputs(node_.inputs.size())), "axis", op.axis);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Slice& op) {
    const ir::Dims& dims = InputDims(0);
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
    Expect(1);
    if (axes.empty()) {
      Add("Identity", {Input(0)});
      return absl::OkStatus();
    }
    Add("Slice", {Input(0), writer_.AddInts(Stem("starts"), starts),
                  writer_.AddInts(Stem("ends"), ends),
                  writer_.AddInts(Stem("axes"), axes),
                  writer_.AddInts(Stem("steps"), steps)});
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Pad& op) {
    if (op.mode == ir::PadMode::kWrap) return Unsupported("wraps (opset 19)");
    std::vector<int64_t> pads = op.begin;
    pads.insert(pads.end(), op.end.begin(), op.end.end());
    std::vector<std::string> inputs = {Input(0),
                                       writer_.AddInts(Stem("pads"), pads)};
    const bool constant = op.mode == ir::PadMode::kConstant;
    if (constant && graph_.type(node_.inputs[0]).dtype == DType::kFloat32) {
      inputs.push_back(writer_.AddFloat(Stem("value"), op.value));
    } else if (constant && op.value != 0) {
      return Unsupported("a value of another type than float32");
    }
    Expect(1);
    pb::NodeProto* pad = Add("Pad", std::move(inputs));
    if (!constant) {
      SetString(pad, "mode",
                op.mode == ir::PadMode::kReflect ? "reflect" : "edge");
    }
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Expand& op) {
    std::vector<int64_t> target;
    const ir::Dims& dims = InputDims(0);
    const size_t added = op.dims.size() - dims.size();
    for (size_t i = 0; i < op.dims.size(); ++i) {
      // 1 keeps the input's rows, whatever their number is.
      const bool kept = i >= added && dims[i - added] == op.dims[i];
      if (op.dims[i].per_row && !kept) return Unsupported("makes rows");
      target.push_back(op.dims[i].per_row ? 1 : op.dims[i].value);
    }
    Expect(1);
    Add("Expand", {Input(0), writer_.AddInts(Stem("shape"), target)});
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Gather& op) {
    Expect(1);
    SetInt(Add("Gather", Inputs(2)), "axis", op.axis);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::GatherElements& op) {
    Expect(1);
    SetInt(Add("GatherElements", Inputs(2)), "axis", op.axis);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::GatherNd& op) {
    Expect(1);
    SetInt(Add("GatherND", Inputs(2)), "batch_dims", op.batch_dims);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::ScatterElements& op) {
    if (op.reduction != ir::ScatterReduction::kNone) {
      return Unsupported("combines updates (opset 16)");
    }
    Expect(1);
    SetInt(Add("ScatterElements", Inputs(3)), "axis", op.axis);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::ScatterNd& op) {
    if (op.reduction != ir::ScatterReduction::kNone) {
      return Unsupported("combines updates (opset 16)");
    }
    Expect(1);
    Add("ScatterND", Inputs(3));
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<int64_t>> ReshapeTarget(
      const ir::Dims& dims) const {
    std::vector<int64_t> target;
    bool has_rows = false;
    for (const ir::Dim& dim : dims) {
      if (dim.per_row && has_rows) return Unsupported("rows on two axes");
      has_rows = has_rows || dim.per_row;
      target.push_back(dim.per_row ? -1 : dim.value);
    }
    return target;
  }

  absl::Status Write(const ir::Reshape& op) {
    OCTET_ASSIGN_OR_RETURN(const std::vector<int64_t> target,
                           ReshapeTarget(op.dims));
    Expect(1);
    Add("Reshape", {Input(0), writer_.AddInts(Stem("shape"), target)});
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Transpose& op) {
    Expect(1);
    SetInts(Add("Transpose", {Input(0)}), "perm", op.perm);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Reduce& op) {
    if (op.axes.empty()) return Unsupported("no axes");
    Expect(1);
    pb::NodeProto* node = nullptr;
    if (op.kind == ir::ReduceKind::kSum) {
      const std::vector<int64_t> axes(op.axes.begin(), op.axes.end());
      node = Add("ReduceSum", {Input(0), writer_.AddInts(Stem("axes"), axes)});
    } else {
      node = Add(op.Name(), {Input(0)});
      SetInts(node, "axes", op.axes);
    }
    SetInt(node, "keepdims", op.keep_dims ? 1 : 0);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Cast& op) {
    Expect(1);
    SetInt(Add("Cast", {Input(0)}), "to", DTypeToOnnx(op.to));
    return absl::OkStatus();
  }

  // QuantizeLinear and DequantizeLinear; `integers` is the quantized side.
  absl::Status WriteConversion(absl::string_view op_type,
                               ir::ValueId integers) {
    const auto& [scale, zero_point] = writer_.Quantization(integers);
    std::vector<std::string> inputs = {Input(0), scale};
    if (!zero_point.empty()) inputs.push_back(zero_point);
    Expect(1);
    pb::NodeProto* node = Add(op_type, std::move(inputs));
    const ir::Quantization& q = *graph_.type(integers).quantization;
    if (!q.per_tensor()) SetInt(node, "axis", q.axis);
    return absl::OkStatus();
  }

  absl::Status Write(const ir::Quantize&) {
    return WriteConversion("QuantizeLinear", node_.outputs[0]);
  }
  absl::Status Write(const ir::Dequantize&) {
    return WriteConversion("DequantizeLinear", node_.inputs[0]);
  }
  absl::Status Write(const ir::Requantize&) {
    return Unsupported("it computes on integers");
  }

  const ir::Graph& graph_;
  const ir::Node& node_;
  ModelWriter& writer_;
  const std::string output_;
  std::string current_;
  int remaining_ = 0;
  int added_ = 0;
};

}  // namespace

absl::StatusOr<std::string> ExportModel(
    const ir::Graph& graph,
    const std::vector<std::pair<std::string, std::string>>& metadata) {
  ModelWriter writer(graph);
  for (const auto& [key, value] : metadata) writer.AddMetadata(key, value);
  for (const ir::Node& node : graph.nodes()) {
    OCTET_RETURN_IF_ERROR(NodeExporter(graph, node, writer).Export());
  }
  return writer.Finish();
}

}  // namespace octet::onnx
