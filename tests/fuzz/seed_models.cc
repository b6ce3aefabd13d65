// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/seed_models.h"

#include <utility>

#include "tests/engine/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ::onnx::TensorProto;

void AddSeed(const std::string& name, const ModelBuilder& model,
             std::vector<SeedModel>& seeds) {
  seeds.push_back({name, model.Bytes()});
}

// A model of opset 13 with input x [N, 2, 4, 4] and output y.
ModelBuilder Picture(int64_t opset = 13) {
  ModelBuilder model(opset);
  model.Input("x", {-1, 2, 4, 4}).Output("y");
  return model;
}

// The same with x [2, 3, 4] of fixed dimensions.
ModelBuilder Fixed(int64_t opset = 13) {
  ModelBuilder model(opset);
  model.Input("x", {2, 3, 4}).Output("y");
  return model;
}

void AddWindows(std::vector<SeedModel>& seeds) {
  ModelBuilder conv = Picture();
  conv.Weights("w", {2, 1, 3, 3}).Weights("b", {2});
  conv.Node("Conv", {"x", "w", "b"}, {"c"})
      .Ints("pads", {1, 1, 1, 1})
      .Ints("strides", {2, 2})
      .Ints("dilations", {1, 1})
      .Ints("kernel_shape", {3, 3})
      .Int("group", 2);
  conv.Node("BatchNormalization", {"c", "b", "b", "b", "b"}, {"n"})
      .Float("epsilon", 1e-3f);
  conv.Node("Relu", {"n"}, {"y"});
  AddSeed("conv", conv, seeds);

  ModelBuilder transposed = Picture();
  transposed.Weights("w", {2, 1, 2, 2});
  transposed.Node("ConvTranspose", {"x", "w"}, {"y"})
      .Ints("strides", {2, 2})
      .Ints("output_padding", {1, 1})
      .Ints("kernel_shape", {2, 2});
  AddSeed("conv_transpose", transposed, seeds);

  ModelBuilder auto_pad = Picture();
  auto_pad.Weights("w", {1, 2, 3, 3});
  auto_pad.Node("Conv", {"x", "w"}, {"y"}).String("auto_pad", "SAME_UPPER");
  AddSeed("auto_pad", auto_pad, seeds);

  ModelBuilder pool = Picture();
  pool.Node("MaxPool", {"x"}, {"m", "i"})
      .Ints("kernel_shape", {2, 2})
      .Ints("strides", {2, 2})
      .Int("ceil_mode", 1);
  pool.Node("AveragePool", {"m"}, {"y"})
      .Ints("kernel_shape", {2, 2})
      .Ints("pads", {0, 0, 1, 1})
      .Int("count_include_pad", 1);
  pool.Output("i");
  AddSeed("pool", pool, seeds);

  ModelBuilder unpool = Picture();
  unpool.Node("MaxPool", {"x"}, {"m", "i"})
      .Ints("kernel_shape", {2, 2})
      .Ints("strides", {2, 2});
  unpool.Node("MaxUnpool", {"m", "i"}, {"y"})
      .Ints("kernel_shape", {2, 2})
      .Ints("strides", {2, 2});
  AddSeed("max_unpool", unpool, seeds);

  for (const char* op :
       {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}) {
    ModelBuilder global = Picture();
    global.Node(op, {"x"}, {"y"});
    AddSeed(op, global, seeds);
  }
  ModelBuilder lp = Picture();
  lp.Node("LpPool", {"x"}, {"y"}).Ints("kernel_shape", {2, 2}).Int("p", 2);
  AddSeed("lp_pool", lp, seeds);

  ModelBuilder lrn = Picture();
  lrn.Node("LRN", {"x"}, {"y"}).Int("size", 3).Float("alpha", 1e-3f);
  AddSeed("lrn", lrn, seeds);

  ModelBuilder resize = Picture();
  resize.Floats("s", {4}, {1, 1, 2, 0.5f});
  resize.Node("Resize", {"x", "", "s"}, {"y"})
      .String("mode", "cubic")
      .String("coordinate_transformation_mode", "align_corners")
      .Float("cubic_coeff_a", -0.5f)
      .Int("exclude_outside", 1);
  AddSeed("resize", resize, seeds);

  ModelBuilder antialias = Fixed(19);
  antialias.Ints("sizes", {5, 2});
  antialias.Node("Resize", {"x", "", "", "sizes"}, {"y"})
      .String("mode", "linear")
      .Int("antialias", 1)
      .Ints("axes", {1, 2})
      .String("keep_aspect_ratio_policy", "not_larger");
  AddSeed("resize_antialias", antialias, seeds);

  ModelBuilder crop = Picture();
  crop.Floats("roi", {8}, {0, 0, 0.1f, 0.2f, 1, 1, 0.9f, 1});
  crop.Ints("sizes", {1, 2, 3, 3});
  crop.Node("Resize", {"x", "roi", "", "sizes"}, {"y"})
      .String("coordinate_transformation_mode", "tf_crop_and_resize")
      .Float("extrapolation_value", 2);
  AddSeed("resize_crop", crop, seeds);

  ModelBuilder upsample = Picture(9);
  upsample.Floats("s", {4}, {1, 1, 2, 2});
  upsample.Node("Upsample", {"x", "s"}, {"y"}).String("mode", "nearest");
  AddSeed("upsample", upsample, seeds);

  ModelBuilder roi(16);
  roi.Input("x", {1, 2, 4, 4}).Output("y");
  roi.Input("rois", {2, 4}).Input("batch", {2}, TensorProto::INT64);
  roi.Node("RoiAlign", {"x", "rois", "batch"}, {"y"})
      .Int("output_height", 2)
      .Int("output_width", 2)
      .Int("sampling_ratio", 2)
      .Float("spatial_scale", 0.5f);
  AddSeed("roi_align", roi, seeds);

  ModelBuilder grid(20);
  grid.Input("x", {-1, 2, 4, 4}).Input("g", {-1, 3, 3, 2}).Output("y");
  grid.Node("GridSample", {"x", "g"}, {"y"})
      .String("mode", "linear")
      .String("padding_mode", "reflection")
      .Int("align_corners", 1);
  AddSeed("grid_sample", grid, seeds);

  ModelBuilder affine(20);
  affine.Input("theta", {1, 2, 3}).Output("y").Ints("size", {1, 2, 3, 3});
  affine.Node("AffineGrid", {"theta", "size"}, {"y"}).Int("align_corners", 1);
  AddSeed("affine_grid", affine, seeds);

  ModelBuilder col(18);
  col.Input("x", {1, 4, 9}).Output("y").Ints("i", {4, 4}).Ints("b", {2, 2});
  col.Node("Col2Im", {"x", "i", "b"}, {"y"}).Ints("strides", {1, 1});
  AddSeed("col2im", col, seeds);

  ModelBuilder deform(19);
  deform.Input("x", {1, 1, 3, 3}).Input("o", {1, 8, 2, 2}).Output("y");
  deform.Weights("w", {1, 1, 2, 2});
  deform.Node("DeformConv", {"x", "w", "o"}, {"y"})
      .Ints("kernel_shape", {2, 2});
  AddSeed("deform_conv", deform, seeds);
}

void AddProducts(std::vector<SeedModel>& seeds) {
  ModelBuilder gemm(13);
  gemm.Input("x", {-1, 3}).Output("y").Weights("w", {2, 3}).Weights("b", {2});
  gemm.Node("Gemm", {"x", "w", "b"}, {"y"})
      .Int("transB", 1)
      .Float("alpha", 2)
      .Float("beta", 0.5f);
  AddSeed("gemm", gemm, seeds);

  ModelBuilder matmul = Fixed();
  matmul.Weights("w", {4, 2});
  matmul.Node("MatMul", {"x", "w"}, {"y"});
  AddSeed("matmul", matmul, seeds);

  ModelBuilder einsum = Fixed();
  einsum.Weights("w", {4, 3});
  einsum.Node("Einsum", {"x", "w"}, {"y"}).String("equation", "bij,jk->bki");
  AddSeed("einsum", einsum, seeds);

  for (const char* op : {"LSTM", "GRU", "RNN"}) {
    const int64_t gates = op[0] == 'L' ? 4 : op[0] == 'G' ? 3 : 1;
    ModelBuilder model(14);
    model.Input("x", {3, 1, 2}).Output("y").Output("h");
    model.Weights("w", {2, gates * 2, 2}).Weights("r", {2, gates * 2, 2});
    model.Weights("b", {2, gates * 4});
    model.Node(op, {"x", "w", "r", "b"}, {"y", "h"})
        .Int("hidden_size", 2)
        .String("direction", "bidirectional")
        .Float("clip", 3);
    AddSeed(op, model, seeds);
  }

  ModelBuilder integers(10);
  integers.Input("x", {2, 3}, TensorProto::UINT8).Output("y");
  integers.Constant("w", Tensor::Of<int8_t>({3, 2}, {1, -2, 3, 4, -5, 6}));
  integers.Constant("z", Tensor::Of<uint8_t>({}, {3}));
  integers.Node("MatMulInteger", {"x", "w", "z"}, {"y"});
  AddSeed("matmul_integer", integers, seeds);

  ModelBuilder conv(10);
  conv.Input("x", {1, 1, 3, 3}, TensorProto::UINT8).Output("y");
  conv.Constant("w", Tensor::Of<int8_t>({1, 1, 2, 2}, {1, -2, 3, 4}));
  conv.Constant("z", Tensor::Of<uint8_t>({}, {3}));
  conv.Node("ConvInteger", {"x", "w", "z"}, {"y"}).Ints("pads", {1, 1, 0, 0});
  AddSeed("conv_integer", conv, seeds);
}

void AddQuantized(std::vector<SeedModel>& seeds) {
  ModelBuilder qdq = Picture();
  qdq.Floats("s", {}, {0.1f}).Constant("z", Tensor::Of<uint8_t>({}, {3}));
  qdq.Constant("wi", Tensor::Of<int8_t>({2, 2, 1, 1}, {1, 2, -3, 4}));
  qdq.Floats("ws", {2}, {0.1f, 0.2f});
  qdq.Constant("wz", Tensor::Of<int8_t>({2}, {0, 0}));
  qdq.Node("QuantizeLinear", {"x", "s", "z"}, {"xq"});
  qdq.Node("DequantizeLinear", {"xq", "s", "z"}, {"xd"});
  qdq.Node("DequantizeLinear", {"wi", "ws", "wz"}, {"w"}).Int("axis", 0);
  qdq.Node("Conv", {"xd", "w"}, {"c"});
  qdq.Node("QuantizeLinear", {"c", "s", "z"}, {"q"});
  qdq.Node("DequantizeLinear", {"q", "s", "z"}, {"y"});
  AddSeed("qdq_conv", qdq, seeds);

  ModelBuilder add = Picture();
  add.Floats("s", {}, {0.1f}).Constant("z", Tensor::Of<int8_t>({}, {3}));
  add.Node("QuantizeLinear", {"x", "s", "z"}, {"q"});
  add.Node("DequantizeLinear", {"q", "s", "z"}, {"d"});
  add.Node("Add", {"d", "d"}, {"a"});
  add.Node("QuantizeLinear", {"a", "s", "z"}, {"aq"});
  add.Node("DequantizeLinear", {"aq", "s", "z"}, {"ad"});
  add.Node("MaxPool", {"ad"}, {"m"}).Ints("kernel_shape", {2, 2});
  add.Node("QuantizeLinear", {"m", "s", "z"}, {"mq"});
  add.Node("DequantizeLinear", {"mq", "s", "z"}, {"y"});
  AddSeed("qdq_add_pool", add, seeds);

  ModelBuilder blocked(21);
  blocked.Input("x", {1, 4}).Output("y");
  blocked.Constant("wi", Tensor::Of<int8_t>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  blocked.Floats("ws", {2, 2}, {0.1f, 0.2f, 0.3f, 0.4f});
  blocked.Node("DequantizeLinear", {"wi", "ws"}, {"w"})
      .Int("axis", 0)
      .Int("block_size", 2);
  blocked.Node("MatMul", {"x", "w"}, {"y"});
  AddSeed("qdq_blocked", blocked, seeds);

  ModelBuilder dynamic(11);
  dynamic.Input("x", {2, 3}).Output("y").Output("s").Output("z");
  dynamic.Node("DynamicQuantizeLinear", {"x"}, {"y", "s", "z"});
  AddSeed("dynamic_quantize", dynamic, seeds);

  ModelBuilder conv(10);
  conv.Input("x", {1, 1, 3, 3}, TensorProto::UINT8).Output("y");
  conv.Floats("s", {}, {0.1f}).Constant("z", Tensor::Of<uint8_t>({}, {3}));
  conv.Constant("w", Tensor::Of<int8_t>({1, 1, 1, 1}, {2}));
  conv.Constant("wz", Tensor::Of<int8_t>({}, {0}));
  conv.Node("QLinearConv", {"x", "s", "z", "w", "s", "wz", "s", "z"}, {"y"});
  AddSeed("qlinear_conv", conv, seeds);

  ModelBuilder matmul(10);
  matmul.Input("x", {2, 2}, TensorProto::UINT8).Output("y");
  matmul.Floats("s", {}, {0.1f}).Constant("z", Tensor::Of<uint8_t>({}, {3}));
  matmul.Constant("w", Tensor::Of<uint8_t>({2, 1}, {2, 5}));
  matmul.Node("QLinearMatMul", {"x", "s", "z", "w", "s", "z", "s", "z"}, {"y"});
  AddSeed("qlinear_matmul", matmul, seeds);

  ModelBuilder microsoft(13);
  microsoft.Input("x", {2, 2}, TensorProto::UINT8).Output("y");
  microsoft.Floats("s", {}, {0.1f}).Constant("z", Tensor::Of<uint8_t>({}, {3}));
  microsoft.Node("QLinearAdd", {"x", "s", "z", "x", "s", "z", "s", "z"}, {"a"})
      .Domain("com.microsoft");
  microsoft.Node("QLinearSigmoid", {"a", "s", "z", "s", "z"}, {"y"})
      .Domain("com.microsoft");
  microsoft.proto().add_opset_import()->set_domain("com.microsoft");
  AddSeed("qlinear_add", microsoft, seeds);
}

void AddElementwise(std::vector<SeedModel>& seeds) {
  ModelBuilder unary = Picture();
  std::string from = "x";
  for (const char* op :
       {"Abs", "Exp", "Sqrt", "Erf", "Sigmoid", "Tanh", "Softplus", "HardSwish",
        "LeakyRelu", "Elu", "Selu", "HardSigmoid", "Floor", "Neg"}) {
    unary.Node(op, {from}, {op});
    from = op;
  }
  unary.Node("Identity", {from}, {"y"});
  AddSeed("unary", unary, seeds);

  ModelBuilder binary = Picture();
  binary.Weights("b", {2, 1, 1}).Floats("two", {}, {2});
  binary.Node("Add", {"x", "b"}, {"p"});
  binary.Node("Mul", {"p", "x"}, {"q"});
  binary.Node("Div", {"q", "two"}, {"r"});
  binary.Node("Pow", {"r", "two"}, {"s"});
  binary.Node("Max", {"s", "x", "b"}, {"t"});
  binary.Node("PRelu", {"t", "b"}, {"u"});
  binary.Node("Less", {"u", "x"}, {"c"});
  binary.Node("Where", {"c", "x", "two"}, {"y"});
  AddSeed("binary", binary, seeds);

  ModelBuilder clip = Picture();
  clip.Floats("six", {}, {6});
  clip.Node("Clip", {"x", "", "six"}, {"y"});
  AddSeed("clip", clip, seeds);

  ModelBuilder logic(18);
  logic.Input("x", {4}, TensorProto::INT32).Output("y");
  logic.Constant("k", Tensor::Of<int32_t>({4}, {1, 2, 3, 4}));
  logic.Node("BitwiseAnd", {"x", "k"}, {"a"});
  logic.Node("Mod", {"a", "k"}, {"m"});
  logic.Node("Equal", {"m", "k"}, {"e"});
  logic.Node("Not", {"e"}, {"n"});
  logic.Node("Cast", {"n"}, {"y"}).Int("to", TensorProto::FLOAT);
  AddSeed("logic", logic, seeds);

  ModelBuilder softmax = Picture(11);
  softmax.Node("Softmax", {"x"}, {"y"}).Int("axis", 1);
  AddSeed("softmax", softmax, seeds);

  ModelBuilder norm = Fixed(17);
  norm.Weights("g", {4});
  norm.Node("LayerNormalization", {"x", "g", "g"}, {"l"}).Int("axis", -1);
  norm.Node("LogSoftmax", {"l"}, {"y"}).Int("axis", -1);
  AddSeed("layer_norm", norm, seeds);

  ModelBuilder group = Picture(18);
  group.Weights("g", {2});
  group.Node("InstanceNormalization", {"x", "g", "g"}, {"i"});
  group.Node("GroupNormalization", {"i", "g", "g"}, {"y"}).Int("num_groups", 2);
  AddSeed("group_norm", group, seeds);

  ModelBuilder lp = Fixed();
  lp.Node("LpNormalization", {"x"}, {"y"}).Int("axis", 1).Int("p", 2);
  AddSeed("lp_norm", lp, seeds);
}

void AddAxes(std::vector<SeedModel>& seeds) {
  ModelBuilder reduce = Fixed();
  reduce.Node("ReduceMean", {"x"}, {"y"}).Ints("axes", {1}).Int("keepdims", 0);
  AddSeed("reduce", reduce, seeds);

  ModelBuilder sum = Fixed();
  sum.Ints("axes", {1, 2});
  sum.Node("ReduceSum", {"x", "axes"}, {"y"}).Int("keepdims", 1);
  AddSeed("reduce_sum", sum, seeds);

  ModelBuilder arg = Fixed();
  arg.Node("ArgMax", {"x"}, {"y"}).Int("axis", 1).Int("select_last_index", 1);
  AddSeed("arg_max", arg, seeds);

  ModelBuilder topk = Fixed();
  topk.Ints("k", {2}).Output("i");
  topk.Node("TopK", {"x", "k"}, {"y", "i"}).Int("axis", -1).Int("largest", 0);
  AddSeed("top_k", topk, seeds);

  ModelBuilder cumsum = Fixed();
  cumsum.Constant("axis", Tensor::Of<int32_t>({}, {1}));
  cumsum.Node("CumSum", {"x", "axis"}, {"y"}).Int("reverse", 1);
  AddSeed("cum_sum", cumsum, seeds);

  ModelBuilder hardmax = Fixed();
  hardmax.Node("Hardmax", {"x"}, {"y"}).Int("axis", 1);
  AddSeed("hardmax", hardmax, seeds);
}

void AddMoves(std::vector<SeedModel>& seeds) {
  ModelBuilder moves = Fixed();
  moves.Node("Concat", {"x", "x"}, {"c"}).Int("axis", 1);
  moves.Node("Transpose", {"c"}, {"t"}).Ints("perm", {2, 0, 1});
  moves.Ints("starts", {1}).Ints("ends", {9}).Ints("axes", {2}).Ints("st", {2});
  moves.Node("Slice", {"t", "starts", "ends", "axes", "st"}, {"s"});
  moves.Ints("shape", {4, -1});
  moves.Node("Reshape", {"s", "shape"}, {"r"});
  moves.Ints("rep", {2, 1});
  moves.Node("Tile", {"r", "rep"}, {"y"});
  AddSeed("moves", moves, seeds);

  ModelBuilder pad = Picture();
  pad.Ints("pads", {0, 0, 1, 1, 0, 0, 0, 2}).Floats("v", {}, {1});
  pad.Node("Pad", {"x", "pads", "v"}, {"p"}).String("mode", "reflect");
  pad.Node("DepthToSpace", {"p"}, {"y"}).Int("blocksize", 1);
  AddSeed("pad", pad, seeds);

  ModelBuilder split = Fixed();
  split.Ints("parts", {1, 2}).Output("z");
  split.Node("Split", {"x", "parts"}, {"y", "z"}).Int("axis", 1);
  AddSeed("split", split, seeds);

  ModelBuilder gather = Fixed();
  gather.Ints("i", {1, -1});
  gather.Node("Gather", {"x", "i"}, {"g"}).Int("axis", 1);
  gather.Ints("two", {0, 1});
  gather.Node("Unsqueeze", {"g", "two"}, {"u"});
  gather.Ints("one", {0});
  gather.Node("Squeeze", {"u", "one"}, {"y"});
  AddSeed("gather", gather, seeds);

  ModelBuilder nd = Fixed();
  nd.Constant("i", Tensor::Of<int64_t>({2, 2}, {0, 1, 1, 2}));
  nd.Weights("u", {2, 4});
  nd.Node("GatherND", {"x", "i"}, {"g"});
  nd.Node("Add", {"g", "u"}, {"a"});
  nd.Node("ScatterND", {"x", "i", "a"}, {"y"});
  AddSeed("gather_nd", nd, seeds);

  ModelBuilder elements = Fixed();
  elements.Constant("i",
                    Tensor::Of<int64_t>({2, 1, 4}, {0, 1, 2, 0, 2, 1, 0, 1}));
  elements.Node("GatherElements", {"x", "i"}, {"g"}).Int("axis", 1);
  elements.Node("ScatterElements", {"x", "i", "g"}, {"y"}).Int("axis", 1);
  AddSeed("gather_elements", elements, seeds);

  ModelBuilder reverse = Fixed();
  reverse.Ints("len", {1, 3});
  reverse.Node("ReverseSequence", {"x", "len"}, {"y"})
      .Int("batch_axis", 0)
      .Int("time_axis", 1);
  AddSeed("reverse_sequence", reverse, seeds);

  ModelBuilder center = Fixed(18);
  center.Ints("shape", {2, 5});
  center.Node("CenterCropPad", {"x", "shape"}, {"y"}).Ints("axes", {1, 2});
  AddSeed("center_crop_pad", center, seeds);

  ModelBuilder trilu = Fixed(14);
  trilu.Constant("k", Tensor::Of<int64_t>({}, {1}));
  trilu.Node("Trilu", {"x", "k"}, {"y"}).Int("upper", 0);
  AddSeed("trilu", trilu, seeds);

  ModelBuilder one_hot(11);
  one_hot.Input("x", {3}, TensorProto::INT64).Output("y");
  one_hot.Constant("depth", Tensor::Of<int64_t>({}, {4}));
  one_hot.Floats("v", {2}, {0, 1});
  one_hot.Node("OneHot", {"x", "depth", "v"}, {"y"}).Int("axis", 0);
  AddSeed("one_hot", one_hot, seeds);

  ModelBuilder eye(9);
  eye.Input("x", {3, 4}).Output("y");
  eye.Node("EyeLike", {"x"}, {"y"}).Int("k", 1).Int("dtype", 1);
  AddSeed("eye_like", eye, seeds);
}

// What is computed at import, and what waits for a run.
void AddValues(std::vector<SeedModel>& seeds) {
  ModelBuilder shapes(13);
  shapes.Input("x", {-1, 3, 4}).Output("y");
  shapes.Node("Shape", {"x"}, {"s"});
  shapes.Ints("zero", {0}).Ints("rest", {-1});
  shapes.Node("Gather", {"s", "zero"}, {"n"});
  shapes.Node("Concat", {"n", "rest"}, {"t"}).Int("axis", 0);
  shapes.Node("Reshape", {"x", "t"}, {"y"});
  AddSeed("shape_arithmetic", shapes, seeds);

  ModelBuilder fill(13);
  fill.Input("x", {2, 3}).Output("y").Ints("dims", {2, 3});
  fill.Node("ConstantOfShape", {"dims"}, {"c"})
      .Value("value", Tensor::Of<float>({1}, {2.5f}));
  fill.Node("Expand", {"c", "dims"}, {"e"});
  fill.Node("Constant", {}, {"k"}).Value("value", Tensor::Of<float>({}, {2}));
  fill.Node("Mul", {"e", "k"}, {"m"});
  fill.Node("Add", {"x", "m"}, {"y"});
  AddSeed("constants", fill, seeds);

  ModelBuilder range(13);
  range.Input("x", {4}).Output("y");
  range.Constant("from", Tensor::Of<float>({}, {1}));
  range.Constant("to", Tensor::Of<float>({}, {5}));
  range.Node("Range", {"from", "to", "from"}, {"r"});
  range.Node("Add", {"x", "r"}, {"y"});
  AddSeed("range", range, seeds);

  ModelBuilder known(13);
  known.Input("x", {2}).Output("y").Output("n").Output("u");
  known.Floats("b", {1, 2, 4}, {0, 0, 1, 1, 0, 0, 1, 2});
  known.Floats("s", {1, 1, 2}, {0.5f, 0.7f}).Ints("k", {2});
  known.Node("NonMaxSuppression", {"b", "s", "k"}, {"n"});
  known.Node("NonZero", {"s"}, {"z"});
  known.Node("Unique", {"z"}, {"u"}).Int("sorted", 1);
  known.Node("Relu", {"x"}, {"y"});
  AddSeed("values", known, seeds);

  ModelBuilder dynamic(13);
  dynamic.Input("x", {2, -1}).Output("y");
  dynamic.Node("NonZero", {"x"}, {"n"});
  dynamic.Node("Compress", {"x", "c"}, {"y"}).Int("axis", 1);
  dynamic.Constant("c", Tensor::Of<bool>({2}, {true, false}));
  AddSeed("dynamic", dynamic, seeds);
}

::onnx::GraphProto* AddGraph(ModelBuilder& model, const char* name) {
  auto* node = model.proto().mutable_graph()->mutable_node(
      model.proto().graph().node_size() - 1);
  ::onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(::onnx::AttributeProto::GRAPH);
  return attribute->mutable_g();
}

void AddBranch(ModelBuilder& model, const char* name, const char* op) {
  ::onnx::GraphProto* branch = AddGraph(model, name);
  ::onnx::NodeProto* node = branch->add_node();
  node->set_op_type(op);
  node->add_input("x");
  node->add_output(op);
  branch->add_output()->set_name(op);
}

void AddControlFlow(std::vector<SeedModel>& seeds) {
  ModelBuilder branches(13);
  branches.Input("x", {2, 3}).Output("y");
  branches.Constant("c", Tensor::Of<bool>({}, {true}));
  branches.Node("If", {"c"}, {"y"});
  AddBranch(branches, "then_branch", "Relu");
  AddBranch(branches, "else_branch", "Sigmoid");
  AddSeed("if", branches, seeds);

  ModelBuilder loop(13);
  loop.Input("x", {2}).Output("y").Output("scan");
  loop.Constant("trips", Tensor::Of<int64_t>({}, {3}));
  loop.Constant("c", Tensor::Of<bool>({}, {true}));
  loop.Node("Loop", {"trips", "c", "x"}, {"y", "scan"});
  ::onnx::GraphProto* body = AddGraph(loop, "body");
  for (const char* input : {"i", "go", "state"}) {
    body->add_input()->set_name(input);
  }
  ::onnx::NodeProto* add = body->add_node();
  add->set_op_type("Add");
  add->add_input("state");
  add->add_input("state");
  add->add_output("next");
  for (const char* output : {"go", "next", "next"}) {
    body->add_output()->set_name(output);
  }
  AddSeed("loop", loop, seeds);
}

void AddTypes(std::vector<SeedModel>& seeds) {
  ModelBuilder half(13);
  half.Input("x", {2, 3}).Output("y");
  half.Node("Cast", {"x"}, {"h"}).Int("to", TensorProto::FLOAT16);
  half.Node("Cast", {"h"}, {"d"}).Int("to", TensorProto::DOUBLE);
  half.Node("Cast", {"d"}, {"y"}).Int("to", TensorProto::INT8);
  AddSeed("casts", half, seeds);

  ModelBuilder typed(13);
  typed.Input("x", {2}).Output("y");
  TensorProto* floats = typed.proto().mutable_graph()->add_initializer();
  floats->set_name("w");
  floats->set_data_type(TensorProto::FLOAT);
  floats->add_dims(2);
  floats->add_float_data(1);
  floats->add_float_data(2);
  typed.Node("Add", {"x", "w"}, {"y"});
  AddSeed("typed_data", typed, seeds);
}

}  // namespace

std::vector<SeedModel> SeedModels() {
  std::vector<SeedModel> seeds;
  AddWindows(seeds);
  AddProducts(seeds);
  AddQuantized(seeds);
  AddElementwise(seeds);
  AddAxes(seeds);
  AddMoves(seeds);
  AddValues(seeds);
  AddControlFlow(seeds);
  AddTypes(seeds);
  return seeds;
}

}  // namespace octet::onnx
