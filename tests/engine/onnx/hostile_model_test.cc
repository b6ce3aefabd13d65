// SPDX-License-Identifier: Apache-2.0
// Files that somebody wrote to do harm: each is refused, or served, in bounded
// time and memory. They are small, whatever they ask for.
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/engine.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/engine/onnx/model_builder.h"

namespace octet::onnx {
namespace {

using ::onnx::TensorProto;
using ::testing::HasSubstr;

absl::StatusOr<std::shared_ptr<const Model>> Load(const std::string& bytes) {
  ModelOptions options;
  options.max_batch = 1;
  return Model::FromBytes(bytes, options);
}

absl::Status StatusOf(const ModelBuilder& model) {
  return Load(model.Bytes()).status();
}

// The most memory that this process had since Start(), in bytes; nothing where
// a sanitizer keeps what is freed.
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream reset("/proc/self/clear_refs");
    reset << "5";
    reset.close();
    before_ = Read();
  }

  // How far it grew since this was made.
  int64_t Growth() const {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 0;
#else
    return Read() - before_;
#endif
  }

 private:
  static int64_t Read() {
    std::ifstream status("/proc/self/status");
    std::string key;
    int64_t kilobytes = 0;
    while (status >> key) {
      if (key == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
    }
    return 0;
  }

  int64_t before_ = 0;
};

// What engine/onnx/limits.h and engine/optimize.h allow a small file, with what
// the passes hold at the same time.
constexpr int64_t kMostBytes = int64_t{5} << 29;

// A hostile file and the error that it is to give.
struct HostileCase {
  std::string name;  // letters and digits
  ModelBuilder model;
  absl::StatusCode code;
  std::string message;  // part of it
};

std::ostream& operator<<(std::ostream& out, const HostileCase& test) {
  return out << test.name;
}

class HostileModelTest : public testing::TestWithParam<HostileCase> {};

TEST_P(HostileModelTest, IsRefusedInBoundedMemory) {
  const PeakMemory peak;
  const absl::Status status = StatusOf(GetParam().model);
  EXPECT_EQ(status.code(), GetParam().code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
  EXPECT_LT(peak.Growth(), kMostBytes);
}

// ---------------------------------------------------------------------------
// Files that contradict themselves

ModelBuilder Base() {
  ModelBuilder model(13);
  model.Input("x", {1, 4}).Output("y");
  return model;
}

ModelBuilder WithInitializer(std::vector<int64_t> dims, size_t raw_bytes) {
  ModelBuilder model = Base();
  TensorProto* tensor = model.proto().mutable_graph()->add_initializer();
  tensor->set_name("w");
  tensor->set_data_type(TensorProto::FLOAT);
  for (int64_t dim : dims) tensor->add_dims(dim);
  tensor->set_raw_data(std::string(raw_bytes, '\0'));
  model.Node("Add", {"x", "w"}, {"y"});
  return model;
}

ModelBuilder Cycle() {
  ModelBuilder model = Base();
  model.Node("Add", {"x", "b"}, {"a"});
  model.Node("Relu", {"a"}, {"b"});
  model.Node("Relu", {"b"}, {"y"});
  return model;
}

ModelBuilder ReadsItself() {
  ModelBuilder model = Base();
  model.Node("Add", {"x", "y"}, {"y"});
  return model;
}

ModelBuilder ComputedTwice() {
  ModelBuilder model = Base();
  model.Node("Relu", {"x"}, {"y"});
  model.Node("Abs", {"x"}, {"y"});
  return model;
}

ModelBuilder LongName() {
  ModelBuilder model = Base();
  const std::string name(1 << 20, 'n');
  model.Node("Relu", {"x"}, {name});
  model.Node("Relu", {name}, {"y"});
  return model;
}

ModelBuilder ManyNodes() {
  ModelBuilder model = Base();
  std::string from = "x";
  for (int i = 0; i < 100'000; ++i) {
    model.Node("Relu", {from}, {absl::StrCat("r", i)});
    from = absl::StrCat("r", i);
  }
  model.Node("Relu", {from}, {"y"});
  return model;
}

ModelBuilder BodylessLoop() {
  ModelBuilder model = Base();
  model.Ints("n", {3});
  model.Node("Loop", {"n", "", "x"}, {"y"});
  return model;
}

std::vector<HostileCase> Contradictions() {
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  const auto kLoss = absl::StatusCode::kDataLoss;
  std::vector<HostileCase> cases = {
      {"Cycle", Cycle(), kInvalid, "cycle"},
      {"ReadsItself", ReadsItself(), kInvalid, "cycle"},
      {"ComputedTwice", ComputedTwice(), kInvalid, "has a value already"},
      {"LongName", LongName(), kInvalid, "a name has 1048576 bytes"},
      {"ManyNodes", ManyNodes(), absl::StatusCode::kResourceExhausted,
       "more than 100000 nodes"},
      {"BodylessLoop", BodylessLoop(), kInvalid, "body"},
      {"FewerBytesThanTheShape", WithInitializer({1 << 20, 1 << 10}, 16), kLoss,
       "asks for 4294967296"},
      {"MoreBytesThanTheShape", WithInitializer({1, 4}, 1 << 20), kLoss,
       "asks for 16"},
      {"OverflowingShape",
       WithInitializer({int64_t{1} << 40, int64_t{1} << 40}, 16), kLoss, ""},
      {"NegativeDimension", WithInitializer({-1, -4}, 16), kLoss, ""},
      {"EmptyAndOverflowing",
       WithInitializer({0, int64_t{1} << 62, int64_t{1} << 62}, 0), kLoss, ""},
      {"TooManyAxes", WithInitializer(std::vector<int64_t>(1000, 1), 4), kLoss,
       "1000 axes"},
  };
  return cases;
}

// ---------------------------------------------------------------------------
// Scales

enum class ScaleOf { kQuantize, kDequantize, kWeights };

ModelBuilder WithScale(ScaleOf where, float scale) {
  ModelBuilder model = Base();
  model.Floats("s", {}, {scale}).Floats("one", {}, {1});
  model.Constant("z", Tensor::Of<uint8_t>({}, {3}));
  const bool weights = where == ScaleOf::kWeights;
  const std::string first = where == ScaleOf::kQuantize ? "s" : "one";
  const std::string second = where == ScaleOf::kDequantize ? "s" : "one";
  model.Node("QuantizeLinear", {"x", first, "z"}, {"q"});
  model.Node("DequantizeLinear", {"q", second, "z"}, {weights ? "d" : "y"});
  if (weights) {
    model.Constant("wi", Tensor::Of<int8_t>({4, 1}, {1, 2, 3, 4}));
    model.Node("DequantizeLinear", {"wi", "s"}, {"w"});
    model.Node("MatMul", {"d", "w"}, {"y"});
  }
  return model;
}

std::vector<HostileCase> BadScales() {
  const std::pair<const char*, float> scales[] = {
      {"Zero", 0.0f},
      {"Negative", -1.0f},
      {"Nan", std::numeric_limits<float>::quiet_NaN()},
      {"Infinite", std::numeric_limits<float>::infinity()},
  };
  const std::pair<const char*, ScaleOf> places[] = {
      {"Quantize", ScaleOf::kQuantize},
      {"Dequantize", ScaleOf::kDequantize},
      {"Weights", ScaleOf::kWeights},
  };
  std::vector<HostileCase> cases;
  for (const auto& [scale_name, scale] : scales) {
    for (const auto& [place, where] : places) {
      cases.push_back({absl::StrCat(scale_name, "Scale", place),
                       WithScale(where, scale),
                       absl::StatusCode::kInvalidArgument, "scale"});
    }
  }
  return cases;
}

// ---------------------------------------------------------------------------
// Small files that ask for much memory

ModelBuilder Fill(std::vector<int64_t> dims) {
  ModelBuilder model = Base();
  model.Ints("dims", std::move(dims));
  model.Node("ConstantOfShape", {"dims"}, {"c"});
  model.Node("ReduceSum", {"c"}, {"s"});
  model.Node("Add", {"x", "s"}, {"y"});
  return model;
}

ModelBuilder ManyFills() {
  ModelBuilder model = Base();
  model.Ints("dims", {1 << 20});
  std::string from = "x";
  for (int i = 0; i < 1000; ++i) {
    model.Node("ConstantOfShape", {"dims"}, {absl::StrCat("c", i)});
    model.Node("ReduceSum", {absl::StrCat("c", i)}, {absl::StrCat("s", i)});
    model.Node("Add", {from, absl::StrCat("s", i)}, {absl::StrCat("a", i)});
    from = absl::StrCat("a", i);
  }
  model.Node("Relu", {from}, {"y"});
  return model;
}

ModelBuilder ManyIndices() {
  ModelBuilder model(13);
  model.Input("x", {1}, TensorProto::INT64).Output("y");
  model.Constant("depth", Tensor::Of<int64_t>({}, {int64_t{1} << 30}));
  model.Floats("v", {2}, {0, 1});
  model.Node("OneHot", {"x", "depth", "v"}, {"y"});
  return model;
}

ModelBuilder LongRange() {
  ModelBuilder model = Base();
  model.Floats("from", {}, {0}).Floats("to", {}, {1e30f}).Floats("d", {}, {1});
  model.Node("Range", {"from", "to", "d"}, {"r"});
  model.Node("ReduceSum", {"r"}, {"s"});
  model.Node("Add", {"x", "s"}, {"y"});
  return model;
}

// A loop that copies a constant of 256 KB into each of its iterations.
ModelBuilder CopyingLoop() {
  ModelBuilder model(13);
  model.Input("x", {1 << 16}).Output("y");
  model.Constant("trips", Tensor::Of<int64_t>({}, {9000}));
  model.Constant("go", Tensor::Of<bool>({}, {true}));
  auto* graph = model.proto().mutable_graph();
  model.Node("Loop", {"trips", "go", "x"}, {"y"});
  auto* attribute = graph->mutable_node(0)->add_attribute();
  attribute->set_name("body");
  attribute->set_type(::onnx::AttributeProto::GRAPH);
  ModelBuilder body(13);
  body.Node("Constant", {}, {"k"})
      .Value("value", Tensor(DType::kFloat32, {1 << 16}));
  body.Node("Add", {"state", "k"}, {"next"});
  *attribute->mutable_g() = body.proto().graph();
  for (const char* input : {"i", "cond", "state"}) {
    attribute->mutable_g()->add_input()->set_name(input);
  }
  for (const char* output : {"cond", "next"}) {
    attribute->mutable_g()->add_output()->set_name(output);
  }
  return model;
}

// 300 convolutions that share 16 MB of weights, each with another batch norm to
// fold into them.
ModelBuilder CopiedWeights() {
  ModelBuilder model(13);
  model.Input("x", {1, 4, 1, 1}).Output("y");
  model.Ints("dims", {4, 4, 512, 512});
  model.Node("ConstantOfShape", {"dims"}, {"w"});
  std::string sum = "x";
  for (int i = 0; i < 300; ++i) {
    const std::string n = absl::StrCat(i);
    model.Floats("p" + n, {4}, {1, 2, 3, 4.0f + static_cast<float>(i)});
    model.Node("Conv", {"x", "w"}, {"c" + n})
        .Ints("pads", {256, 256, 255, 255});
    model.Node("BatchNormalization",
               {"c" + n, "p" + n, "p" + n, "p" + n, "p" + n}, {"n" + n});
    model.Node("Add", {sum, "n" + n}, {"a" + n});
    sum = "a" + n;
  }
  model.Node("Relu", {sum}, {"y"});
  return model;
}

ModelBuilder HugeInput(std::vector<int64_t> dims) {
  ModelBuilder model(13);
  model.Input("x", std::move(dims)).Output("y");
  model.Node("Relu", {"x"}, {"r"});
  model.Node("Sigmoid", {"r"}, {"y"});
  return model;
}

ModelBuilder HugeTile() {
  ModelBuilder model = Base();
  model.Ints("times", {1 << 14, 1 << 14});
  model.Node("Tile", {"x", "times"}, {"t"});
  model.Node("Sigmoid", {"t"}, {"s"});
  model.Node("Tile", {"s", "times"}, {"y"});
  return model;
}

ModelBuilder HugePad() {
  ModelBuilder model = Base();
  model.Ints("pads", {0, 0, 0, int64_t{1} << 30});
  model.Node("Pad", {"x", "pads"}, {"p"});
  model.Node("Sigmoid", {"p"}, {"y"});
  return model;
}

ModelBuilder HugeResize() {
  ModelBuilder model = Base();
  model.Ints("sizes", {1, int64_t{1} << 30});
  model.Node("Resize", {"x", "", "", "sizes"}, {"y"}).String("mode", "linear");
  return model;
}

std::vector<HostileCase> Expansions() {
  const auto kExhausted = absl::StatusCode::kResourceExhausted;
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  return {
      {"Fill", Fill({1 << 30}), kExhausted, "constants expand"},
      {"FillBeyondAllLimits", Fill({1 << 30, 1 << 30}), kInvalid, ""},
      {"ManyFills", ManyFills(), kExhausted, "constants expand"},
      {"ManyIndices", ManyIndices(), kExhausted, "constants expand"},
      {"LongRange", LongRange(), kExhausted, "elements"},
      {"CopyingLoop", CopyingLoop(), kExhausted, "constants expand"},
      {"CopiedWeights", CopiedWeights(), kExhausted, "constants come to"},
      {"HugeInput", HugeInput({1, 1 << 15, 1 << 15}), kExhausted, "at once"},
      {"HugerInput", HugeInput({1, 1 << 20, 1 << 20}), kInvalid, ""},
      {"HugeTile", HugeTile(), kInvalid, ""},
      {"HugePad", HugePad(), kExhausted, "at once"},
      {"HugeResize", HugeResize(), kInvalid, "expected 1 to"},
  };
}

// ---------------------------------------------------------------------------
// Small files that ask for much time

ModelBuilder EndlessSampling() {
  ModelBuilder model(16);
  model.Input("x", {1, 1, 4, 4}).Input("rois", {4096, 4}).Output("y");
  model.Constant("batch", Tensor(DType::kInt64, {4096}));
  model.Node("RoiAlign", {"x", "rois", "batch"}, {"y"})
      .Int("output_height", 256)
      .Int("output_width", 256)
      .Int("sampling_ratio", 4000);
  return model;
}

ModelBuilder EndlessPool() {
  ModelBuilder model(13);
  model.Input("x", {1, 1, 4096, 4096}).Output("y");
  model.Node("AveragePool", {"x"}, {"y"})
      .Ints("kernel_shape", {2001, 2001})
      .Ints("pads", {1000, 1000, 1000, 1000});
  return model;
}

// Every product is small enough to compute at import; there are many.
ModelBuilder ManyProducts() {
  ModelBuilder model = Base();
  model.Ints("dims", {64, 1 << 13});
  model.Node("ConstantOfShape", {"dims"}, {"a"});
  model.Node("Transpose", {"a"}, {"b"});
  std::string sum = "x";
  for (int i = 0; i < 300; ++i) {
    const std::string n = absl::StrCat(i);
    model.Node("MatMul", {"a", "b"}, {"p" + n});
    model.Node("ReduceSum", {"p" + n}, {"s" + n});
    model.Node("Add", {sum, "s" + n}, {"t" + n});
    sum = "t" + n;
  }
  model.Node("Relu", {sum}, {"y"});
  return model;
}

std::vector<HostileCase> EndlessWork() {
  const auto kExhausted = absl::StatusCode::kResourceExhausted;
  return {
      {"EndlessSampling", EndlessSampling(), kExhausted, "operations a row"},
      {"EndlessPool", EndlessPool(), kExhausted, "operations a row"},
  };
}

std::string NameOf(const testing::TestParamInfo<HostileCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Contradictions, HostileModelTest,
                         testing::ValuesIn(Contradictions()), NameOf);
INSTANTIATE_TEST_SUITE_P(Scales, HostileModelTest,
                         testing::ValuesIn(BadScales()), NameOf);
INSTANTIATE_TEST_SUITE_P(Expansions, HostileModelTest,
                         testing::ValuesIn(Expansions()), NameOf);
INSTANTIATE_TEST_SUITE_P(EndlessWork, HostileModelTest,
                         testing::ValuesIn(EndlessWork()), NameOf);

// ---------------------------------------------------------------------------
// What is not worth an error is still bounded.

TEST(HostileModelTest, DoublingConstantsAreLeftToThePlan) {
  ModelBuilder model = Base();
  model.Floats("c0", {1, 1}, {1});
  for (int i = 0; i < 28; ++i) {
    const std::string from = absl::StrCat("c", i);
    model.Node("Concat", {from, from}, {absl::StrCat("c", i + 1)})
        .Int("axis", 0);
  }
  model.Node("Add", {"x", "c28"}, {"y"});
  const PeakMemory peak;
  const absl::Status status = StatusOf(model);
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_LT(peak.Growth(), kMostBytes);
}

TEST(HostileModelTest, ManyConstantProductsAreLeftToThePlan) {
  const absl::Status status = StatusOf(ManyProducts());
  EXPECT_TRUE(status.ok() || absl::IsResourceExhausted(status)) << status;
}

TEST(HostileModelTest, ALongLoopWithManyPiecesTakesLittleMemory) {
  ModelBuilder model(13);
  model.Input("x", {1}).Output("y").Output("scan");
  model.Constant("trips", Tensor::Of<int64_t>({}, {1000}));
  model.Constant("go", Tensor::Of<bool>({}, {true}));
  model.Node("Loop", {"trips", "go", "x"}, {"y", "scan"});
  auto* attribute =
      model.proto().mutable_graph()->mutable_node(0)->add_attribute();
  attribute->set_name("body");
  attribute->set_type(::onnx::AttributeProto::GRAPH);
  auto* body = attribute->mutable_g();
  for (const char* input : {"i", "cond", "state"}) {
    body->add_input()->set_name(input);
  }
  for (const char* output : {"cond", "state"}) {
    body->add_output()->set_name(output);
  }
  for (int i = 0; i < 1000; ++i) body->add_output()->set_name("state");
  const PeakMemory peak;
  const absl::Status status = StatusOf(model);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_LT(peak.Growth(), kMostBytes);
}

TEST(HostileModelTest, DeepSubgraphsAreRefused) {
  ModelBuilder model = Base();
  model.Constant("c", Tensor::Of<bool>({}, {true}));
  model.Node("If", {"c"}, {"y"});
  auto* node = model.proto().mutable_graph()->mutable_node(0);
  for (int depth = 0; depth < 5000; ++depth) {
    ::onnx::NodeProto inner;
    inner.set_op_type("If");
    inner.add_input("c");
    inner.add_output("y");
    for (const char* name : {"then_branch", "else_branch"}) {
      auto* attribute = node->add_attribute();
      attribute->set_name(name);
      attribute->set_type(::onnx::AttributeProto::GRAPH);
      attribute->mutable_g()->add_output()->set_name("y");
    }
    auto* graph = node->mutable_attribute(0)->mutable_g();
    *graph->add_node() = inner;
    node = graph->mutable_node(0);
  }
  const absl::Status status = StatusOf(model);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
}

TEST(HostileModelTest, NodesOfOneNameHaveWeightsOfTheirOwn) {
  ModelBuilder model = Base();
  std::vector<float> values(16);
  for (size_t i = 0; i < values.size(); ++i) values[i] = 0.5f * i - 3;
  model.Floats("w", {4, 4}, values);
  model.Node("Gemm", {"x", "w"}, {"a"}).Name("same").Int("transB", 1);
  model.Node("Gemm", {"a", "w"}, {"b"}).Name("same");
  model.Node("MatMul", {"b", "w"}, {"y"}).Name("same");
  const Tensor x = Tensor::Of<float>({1, 4}, {1, -2, 3, 0.5f});
  std::vector<Tensor> answers;
  for (const BackendChoice backend :
       {BackendChoice::kReference, BackendChoice::kDefault}) {
    ModelOptions options;
    options.backend = backend;
    const auto loaded = Model::FromBytes(model.Bytes(), options);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    const auto executor = Executor::Create(*loaded);
    ASSERT_TRUE(executor.ok()) << executor.status();
    const auto y = (*executor)->RunTensors({&x, 1}, nullptr);
    ASSERT_TRUE(y.ok()) << y.status();
    answers.push_back((*y)[0]);
  }
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(answers[0].data<float>()[i], answers[1].data<float>()[i],
                1e-3 * std::abs(answers[0].data<float>()[i]) + 1e-4);
  }
}

TEST(HostileModelTest, DimensionsOfZeroAreServedOrRefused) {
  const std::pair<const char*, std::vector<const char*>> operators[] = {
      {"Relu", {"x"}},
      {"ReduceSum", {"x"}},
      {"ReduceMax", {"x"}},
      {"ReduceMean", {"x"}},
      {"Softmax", {"x"}},
      {"Flatten", {"x"}},
      {"Transpose", {"x"}},
      {"GlobalAveragePool", {"x"}},
      {"GlobalMaxPool", {"x"}},
      {"ArgMax", {"x"}},
      {"Add", {"x", "x"}},
      {"Concat", {"x", "x"}},
      {"Shape", {"x"}},
      {"NonZero", {"x"}},
      {"LpNormalization", {"x"}},
      {"MeanVarianceNormalization", {"x"}},
  };
  for (const std::vector<int64_t>& dims :
       {std::vector<int64_t>{1, 0, 4, 4}, {1, 2, 0, 4}, {1, 2, 4, 0}}) {
    for (const auto& [op, inputs] : operators) {
      SCOPED_TRACE(absl::StrCat(op, " of ", ShapeToString(dims)));
      ModelBuilder model(13);
      // A 0 of an input is a symbol; one of a value is a 0.
      model.Input("p", {1, 2, 4, 4}).Output("y");
      model.Ints("starts", {0, 0, 0, 0});
      model.Ints("ends", dims);
      model.Node("Slice", {"p", "starts", "ends"}, {"x"});
      std::vector<std::string> names(inputs.begin(), inputs.end());
      NodeHandle node = model.Node(op, names, {"y"});
      if (std::string(op) == "Concat") node.Int("axis", 1);
      const auto loaded = Load(model.Bytes());
      if (!loaded.ok()) {
        EXPECT_NE(loaded.status().code(), absl::StatusCode::kInternal)
            << loaded.status();
        continue;
      }
      const auto executor = Executor::Create(*loaded);
      ASSERT_TRUE(executor.ok()) << executor.status();
      const Tensor p(DType::kFloat32, {1, 2, 4, 4});
      const auto y = (*executor)->RunTensors({&p, 1}, nullptr);
      EXPECT_NE(y.status().code(), absl::StatusCode::kInternal) << y.status();
    }
  }
}

}  // namespace
}  // namespace octet::onnx
