// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/node_cases.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/testing/graph_builder.h"

namespace octet {
namespace {

constexpr float kInputScale = 0.02f;
constexpr float kResidualScale = 0.05f;

ir::Activation Relu() { return {0.0f, std::numeric_limits<float>::infinity()}; }

ir::Window Window(std::vector<int64_t> kernel, std::vector<int64_t> strides,
                  std::vector<int64_t> pads_begin,
                  std::vector<int64_t> pads_end,
                  std::vector<int64_t> dilations) {
  return {std::move(kernel), std::move(strides), std::move(pads_begin),
          std::move(pads_end), std::move(dilations)};
}

Shape WeightShape(const ConvCase& test) {
  Shape shape = {test.out_channels};
  shape.insert(shape.end(), test.window.kernel.begin(),
               test.window.kernel.end());
  shape.push_back(test.input.back() / test.groups);
  return shape;
}

Shape OutputShape(const ConvCase& test) {
  Shape shape = {test.input[0]};
  const ir::Window& w = test.window;
  for (size_t i = 0; i < w.kernel.size(); ++i) {
    const int64_t span = (w.kernel[i] - 1) * w.dilations[i] + 1;
    shape.push_back(
        (test.input[i + 1] + w.pads_begin[i] + w.pads_end[i] - span) /
            w.strides[i] +
        1);
  }
  shape.push_back(test.out_channels);
  return shape;
}

ir::Conv ConvOf(const ConvCase& test) {
  ir::Conv conv;
  conv.window = test.window;
  conv.groups = test.groups;
  conv.layout = ir::Layout::kChannelsLast;
  conv.has_bias = test.has_bias;
  conv.has_residual = test.has_residual;
  conv.activation = test.activation;
  return conv;
}

int LowestOf(DType dtype) { return dtype == DType::kInt8 ? -128 : 0; }
int HighestOf(DType dtype) { return dtype == DType::kInt8 ? 127 : 255; }

Tensor AnyIntegers(DType dtype, const Shape& shape, uint32_t seed) {
  return RandomIntegers(dtype, shape, seed, LowestOf(dtype), HighestOf(dtype));
}

// Weights and bias of an integer product, and the output's type.
struct IntegerParts {
  NodeInput weights;
  std::optional<NodeInput> bias;
  NodeOutput output;
};

IntegerParts MakeIntegerParts(const IntegerTypes& types, const Shape& shape,
                              int axis, bool has_bias, uint32_t seed) {
  const int64_t channels = shape[axis];
  const double depth = static_cast<double>(ElementCount(shape)) / channels;
  ir::Quantization weight_type = ir::Quantization::PerTensor(0.01f, 0);
  if (types.per_channel) {
    weight_type = {{}, std::vector<int32_t>(channels, 0), axis};
    for (int64_t c = 0; c < channels; ++c) {
      weight_type.scales.push_back(0.01f *
                                   (1 + 0.1f * static_cast<float>(c % 7)));
    }
  }
  const int low = types.largest_weight == 127 ? -128 : -types.largest_weight;
  Tensor integers =
      RandomIntegers(DType::kInt8, shape, seed + 1, low, types.largest_weight);
  for (int8_t& weight : integers.mutable_data<int8_t>()) {
    weight = static_cast<int8_t>(weight * types.weight_step);
  }
  NodeInput weights = NodeInput(std::move(integers), weight_type).Constant();
  IntegerParts parts{std::move(weights), std::nullopt, {}};
  if (has_bias) {
    Tensor bias(DType::kInt32, {channels});
    ir::Quantization bias_type{{}, std::vector<int32_t>(channels, 0), 0};
    for (int64_t c = 0; c < channels; ++c) {
      bias.mutable_data<int32_t>()[c] =
          static_cast<int32_t>((c * 7919) % 9001) - 4000;
      bias_type.scales.push_back(
          kInputScale * weight_type.scales[weight_type.per_tensor() ? 0 : c]);
    }
    parts.bias = NodeInput(std::move(bias), bias_type).Constant();
  }
  parts.output.dtype = types.output;
  if (types.output != DType::kFloat32) {
    // Products of uniform integers spread by about 0.6 of the largest weight
    // times 74 or more; three deviations fill half the range.
    const double spread = std::sqrt(depth) * 0.6 * types.largest_weight *
                          types.weight_step * 100 * kInputScale * 0.013;
    parts.output.quantization = ir::Quantization::PerTensor(
        static_cast<float>(spread * 3 / 128), types.output_zero_point);
  }
  return parts;
}

NodeInput IntegerData(const IntegerTypes& types, const Shape& shape,
                      uint32_t seed) {
  return NodeInput(
      AnyIntegers(types.input, shape, seed),
      ir::Quantization::PerTensor(kInputScale, types.input_zero_point));
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const ConvCase& test) {
  return out << test.name;
}

std::vector<ConvCase> ConvCases(bool three_axes) {
  const ir::Window same = WindowOf({3, 3}, 1, 1);
  std::vector<ConvCase> cases = {
      {"Pointwise", {2, 5, 7, 19}, 33, WindowOf({1, 1}), 1, true, false, {}},
      {"PointwiseStrided",
       {1, 6, 7, 16},
       8,
       WindowOf({1, 1}, 2),
       1,
       true,
       false,
       Relu()},
      {"Dense", {1, 9, 8, 16}, 24, same, 1, true, false, Relu()},
      {"DenseNoBias", {2, 7, 7, 3}, 5, same, 1, false, false, {}},
      {"DenseResidual", {1, 8, 8, 16}, 16, same, 1, true, true, Relu()},
      {"PointwiseResidual",
       {2, 4, 4, 24},
       40,
       WindowOf({1, 1}),
       1,
       true,
       true,
       {-1.5f, 2.0f}},
      {"Stride",
       {1, 11, 9, 8},
       16,
       WindowOf({3, 3}, 2, 1),
       1,
       true,
       false,
       {0, 6}},
      {"Dilated",
       {1, 12, 11, 6},
       9,
       Window({3, 3}, {1, 1}, {2, 2}, {2, 2}, {2, 2}),
       1,
       true,
       false,
       {}},
      {"AsymmetricPads",
       {1, 6, 8, 5},
       7,
       Window({3, 2}, {2, 1}, {0, 1}, {1, 0}, {1, 1}),
       1,
       true,
       false,
       {}},
      {"Grouped", {1, 6, 6, 12}, 18, same, 3, true, false, {}},
      {"Depthwise", {2, 9, 7, 20}, 20, same, 20, true, false, {0, 6}},
      {"DepthwiseStrided",
       {1, 10, 9, 32},
       32,
       WindowOf({3, 3}, 2, 1),
       32,
       true,
       false,
       {}},
      {"DepthwiseFive",
       {1, 8, 8, 17},
       17,
       WindowOf({5, 5}, 1, 2),
       17,
       false,
       false,
       {}},
      {"DepthwiseTwice", {1, 6, 6, 8}, 16, same, 8, true, false, {}},
      {"DepthwiseResidual", {1, 6, 6, 16}, 16, same, 16, true, true, {}},
      {"WideKernel",
       {1, 12, 5, 1},
       8,
       WindowOf({10, 4}, 2, 2),
       1,
       true,
       false,
       Relu()},
      {"OneAxis", {2, 13, 10}, 12, WindowOf({3}, 1, 1), 1, true, false, {}},
      {"OneAxisGrouped",
       {1, 15, 12},
       12,
       Window({4}, {2}, {1}, {2}, {1}),
       4,
       true,
       true,
       {}},
  };
  if (three_axes) {
    cases.push_back({"ThreeAxes",
                     {1, 4, 5, 6, 3},
                     8,
                     WindowOf({3, 2, 3}, 1, 1),
                     1,
                     true,
                     false,
                     Relu()});
    cases.push_back({"ThreeAxesGrouped",
                     {1, 4, 4, 4, 8},
                     8,
                     WindowOf({2, 2, 2}, 2),
                     2,
                     true,
                     true,
                     {}});
  }
  return cases;
}

std::vector<IntegerTypes> IntegerTypeCases(int largest_weight,
                                           int weight_step) {
  std::vector<IntegerTypes> cases = {
      {DType::kUInt8, 0, DType::kUInt8, 0, true},
      {DType::kUInt8, 131, DType::kUInt8, 117, true},
      {DType::kInt8, 0, DType::kInt8, 0, false},
      {DType::kInt8, -7, DType::kInt8, 9, true},
      {DType::kUInt8, 255, DType::kInt8, -128, true},
      {DType::kUInt8, 100, DType::kFloat32, 0, true},
  };
  for (IntegerTypes& types : cases) {
    types.largest_weight = largest_weight;
    types.weight_step = weight_step;
  }
  return cases;
}

std::string Describe(const IntegerTypes& types) {
  return absl::StrCat(Name(types.input), " zero point ", types.input_zero_point,
                      " -> ", Name(types.output), " zero point ",
                      types.output_zero_point,
                      types.per_channel ? " per channel" : " per tensor");
}

SingleNode FloatConv(const ConvCase& test, uint32_t seed) {
  SingleNode node;
  node.op = ConvOf(test);
  node.inputs = {
      RandomFloats(test.input, seed),
      NodeInput(RandomFloats(WeightShape(test), seed + 1)).Constant()};
  if (test.has_bias) {
    node.inputs.push_back(
        NodeInput(RandomFloats({test.out_channels}, seed + 2)).Constant());
  }
  if (test.has_residual) {
    node.inputs.push_back(RandomFloats(OutputShape(test), seed + 3));
  }
  return node;
}

SingleNode IntegerConv(const ConvCase& test, const IntegerTypes& types,
                       uint32_t seed) {
  IntegerParts parts =
      MakeIntegerParts(types, WeightShape(test), 0, test.has_bias, seed);
  SingleNode node;
  node.op = ConvOf(test);
  node.inputs = {IntegerData(types, test.input, seed), parts.weights};
  if (parts.bias) node.inputs.push_back(*parts.bias);
  if (test.has_residual) {
    // The other 8-bit type, so that the two are not taken for each other.
    const DType dtype =
        types.input == DType::kInt8 ? DType::kUInt8 : DType::kInt8;
    node.inputs.push_back(
        NodeInput(AnyIntegers(dtype, OutputShape(test), seed + 3),
                  ir::Quantization::PerTensor(kResidualScale, 5)));
  }
  node.output = parts.output;
  return node;
}

std::vector<MatMulCase> MatMulCases() {
  return {
      {{1, 64}, 10, false, true, {}},   {{7, 33}, 19, true, true, Relu()},
      {{8, 640}, 128, true, false, {}}, {{2, 3, 20}, 24, true, true, {-1, 1}},
      {{16, 5}, 1, false, false, {}},
  };
}

SingleNode FloatMatMul(const MatMulCase& test, uint32_t seed) {
  const int64_t depth = test.a.back();
  const Shape b = test.transpose_b ? Shape{test.columns, depth}
                                   : Shape{depth, test.columns};
  SingleNode node;
  node.op = ir::MatMul{test.transpose_b, test.has_bias, test.activation};
  node.inputs = {RandomFloats(test.a, seed),
                 NodeInput(RandomFloats(b, seed + 1)).Constant()};
  if (test.has_bias) {
    node.inputs.push_back(
        NodeInput(RandomFloats({test.columns}, seed + 2)).Constant());
  }
  return node;
}

SingleNode IntegerMatMul(const MatMulCase& test, const IntegerTypes& types,
                         uint32_t seed) {
  const int64_t depth = test.a.back();
  const Shape b = test.transpose_b ? Shape{test.columns, depth}
                                   : Shape{depth, test.columns};
  IntegerParts parts =
      MakeIntegerParts(types, b, test.transpose_b ? 0 : 1, test.has_bias, seed);
  SingleNode node;
  node.op = ir::MatMul{test.transpose_b, test.has_bias, test.activation};
  node.inputs = {IntegerData(types, test.a, seed), parts.weights};
  if (parts.bias) node.inputs.push_back(*parts.bias);
  node.output = parts.output;
  return node;
}

}  // namespace octet
