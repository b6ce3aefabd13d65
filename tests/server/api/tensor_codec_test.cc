// SPDX-License-Identifier: Apache-2.0
#include "server/api/tensor_codec.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/inference.pb.h"
#include "server/api/classification.h"
#include "server/api/output_codec.h"
#include "server/api/shared_memory.h"
#include "server/api/wire_type.h"
#include "tests/testing/fake_engine.h"
#include "tests/testing/scratch_folder.h"

namespace octet {
namespace {

using inference::ModelInferRequest;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The elements of BYTES.
std::vector<std::string> Texts(const std::string& bytes) {
  std::vector<std::string> texts;
  for (size_t at = 0; at + 4 <= bytes.size();) {
    uint32_t size = 0;
    std::memcpy(&size, bytes.data() + at, sizeof(size));
    texts.push_back(bytes.substr(at + 4, size));
    at += 4 + size;
  }
  return texts;
}

class TensorCodecTest : public ::testing::Test {
 protected:
  void UseModel(const std::string& text) {
    folder_.Write("model.onnx", text);
    auto model = engine_.functions().load(folder_.path() + "/model.onnx", {});
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
  }

  void SetUp() override { UseModel("scale 1"); }

  static ModelInferRequest Request(const std::string& text) {
    ModelInferRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request))
        << text;
    return request;
  }

  // `rows` rows of zeros for input x, raw.
  static ModelInferRequest RawRequest(int64_t rows) {
    ModelInferRequest request = Request(absl::StrCat(
        "inputs { name: 'x' datatype: 'FP32' shape: ", rows, " shape: 4 }"));
    request.add_raw_input_contents(std::string(rows * 16, '\0'));
    return request;
  }

  absl::StatusOr<DecodedRequest> Decode(const ModelInferRequest& request) {
    return DecodeRequest(request, *model_, limits_, regions_);
  }

  // The message of the INVALID_ARGUMENT that `request` gives.
  std::string Fault(const ModelInferRequest& request) {
    const absl::Status status = Decode(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  }

  RequestLimits limits_{.max_rows = 8, .max_bytes = 1 << 20};
  ScratchFolder folder_;
  FakeEngine engine_;
  SharedMemoryRegions regions_{""};
  std::shared_ptr<const Model> model_;
};

TEST_F(TensorCodecTest, RawBytesAreUsedWhereTheyAre) {
  const ModelInferRequest request = RawRequest(3);
  const auto decoded = Decode(request);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->rows, 3);
  EXPECT_EQ(decoded->bytes, 3 * 2 * 16);
  EXPECT_THAT(decoded->inputs, ElementsAre(static_cast<const void*>(
                                   request.raw_input_contents(0).data())));
  EXPECT_TRUE(decoded->converted.empty());
}

TEST_F(TensorCodecTest, TypedFloatsAreUsedWhereTheyAre) {
  const ModelInferRequest request = Request(
      "inputs { name: 'x' datatype: 'FP32' shape: 1 shape: 4"
      " contents { fp32_contents: [1, 2, 3, 4] } }");
  const auto decoded = Decode(request);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->inputs[0],
            request.inputs(0).contents().fp32_contents().data());
}

// Fills the typed field that carries `dtype` with `a` and `b`.
void AddTyped(DType dtype, int a, int b, inference::InferTensorContents* to) {
  for (const int value : {a, b}) {
    switch (dtype) {
      case DType::kBool:
        to->add_bool_contents(value != 0);
        break;
      case DType::kInt8:
      case DType::kInt16:
      case DType::kInt32:
        to->add_int_contents(value);
        break;
      case DType::kInt64:
        to->add_int64_contents(value);
        break;
      case DType::kUInt8:
      case DType::kUInt16:
      case DType::kUInt32:
        to->add_uint_contents(static_cast<uint32_t>(value));
        break;
      case DType::kUInt64:
        to->add_uint64_contents(static_cast<uint64_t>(value));
        break;
      case DType::kFloat32:
        to->add_fp32_contents(static_cast<float>(value));
        break;
      default:
        to->add_fp64_contents(value);
    }
  }
}

template <typename T>
std::vector<T> As(const void* data) {
  std::vector<T> values(2);
  std::memcpy(values.data(), data, 2 * sizeof(T));
  return values;
}

TEST_F(TensorCodecTest, RawBytesOfEveryTypeAreTaken) {
  UseModel("echo");
  ModelInferRequest request;
  for (const TensorSpec& spec : model_->inputs()) {
    auto* input = request.add_inputs();
    input->set_name(spec.name);
    input->set_datatype(std::string(WireName(spec.dtype)));
    input->add_shape(2);
    input->add_shape(2);
    request.add_raw_input_contents(std::string(2 * spec.row_bytes(), '\1'));
  }
  const auto decoded = Decode(request);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  for (size_t i = 0; i < model_->inputs().size(); ++i) {
    EXPECT_EQ(decoded->inputs[i], request.raw_input_contents(i).data());
  }
}

// A model with one input "in" of one type.
class OneInputModel : public Model {
 public:
  explicit OneInputModel(DType dtype) : inputs_{{"in", dtype, {2}}} {}
  const std::vector<TensorSpec>& inputs() const override { return inputs_; }
  const std::vector<TensorSpec>& outputs() const override { return inputs_; }
  bool batches() const override { return true; }
  const std::string& why_not_batched() const override { return nothing_; }
  bool has_dynamic_shapes() const override { return false; }
  const std::string& why_dynamic() const override { return nothing_; }
  const ModelOptions& options() const override { return options_; }
  const std::vector<int>& buckets() const override { return buckets_; }
  int64_t weight_bytes() const override { return 0; }
  int64_t arena_bytes() const override { return 0; }
  std::vector<StepDescription> Steps() const override { return {}; }
  std::string Dump(DumpStage) const override { return ""; }
  bool quantized() const override { return false; }
  const std::vector<SlowerLayers>& slower_layers() const override {
    return slower_layers_;
  }

 private:
  const std::vector<TensorSpec> inputs_;
  const std::string nothing_;
  const ModelOptions options_;
  const std::vector<int> buckets_ = {1};
  const std::vector<SlowerLayers> slower_layers_;
};

ModelInferRequest TypedRequest(DType dtype, int a, int b) {
  ModelInferRequest request;
  auto* input = request.add_inputs();
  input->set_name("in");
  input->set_datatype(std::string(WireName(dtype)));
  input->add_shape(1);
  input->add_shape(2);
  AddTyped(dtype, a, b, input->mutable_contents());
  return request;
}

template <typename T>
void ExpectTyped(DType dtype, int a, int b) {
  const OneInputModel model(dtype);
  const ModelInferRequest request = TypedRequest(dtype, a, b);
  const auto decoded =
      DecodeRequest(request, model, {}, SharedMemoryRegions(""));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_THAT(As<T>(decoded->inputs[0]),
              ElementsAre(static_cast<T>(a), static_cast<T>(b)))
      << WireName(dtype);
}

TEST(TensorCodecTypesTest, TypedContentsArriveInTheModelsOwnType) {
  ExpectTyped<float>(DType::kFloat32, -7, 9);
  ExpectTyped<double>(DType::kFloat64, -7, 9);
  ExpectTyped<int8_t>(DType::kInt8, -128, 127);
  ExpectTyped<uint8_t>(DType::kUInt8, 0, 255);
  ExpectTyped<int16_t>(DType::kInt16, -32768, 32767);
  ExpectTyped<uint16_t>(DType::kUInt16, 0, 65535);
  ExpectTyped<int32_t>(DType::kInt32, -1, 2147483647);
  ExpectTyped<uint32_t>(DType::kUInt32, 3, 2147483647);
  ExpectTyped<int64_t>(DType::kInt64, -5, 5);
  ExpectTyped<uint64_t>(DType::kUInt64, 5, 6);
  ExpectTyped<uint8_t>(DType::kBool, 1, 0);
}

TEST(TensorCodecTypesTest, HalfTypesTravelRawOnly) {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    const OneInputModel model(dtype);
    const absl::Status status = DecodeRequest(TypedRequest(dtype, 1, 2), model,
                                              {}, SharedMemoryRegions(""))
                                    .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("raw_input_contents only"));
  }
}

TEST(TensorCodecTypesTest, ValuesThatDoNotFitAreRefused) {
  const struct {
    DType dtype;
    int value;
  } cases[] = {{DType::kInt8, 128},
               {DType::kInt8, -129},
               {DType::kUInt8, 256},
               {DType::kInt16, 32768},
               {DType::kUInt16, 65536}};
  for (const auto& c : cases) {
    const OneInputModel model(c.dtype);
    const absl::Status status =
        DecodeRequest(TypedRequest(c.dtype, 0, c.value), model, {},
                      SharedMemoryRegions(""))
            .status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("element 1 is ", c.value)));
  }
}

TEST(TensorCodecTypesTest, RawBooleansAreZeroOrOne) {
  const OneInputModel model(DType::kBool);
  ModelInferRequest request = TypedRequest(DType::kBool, 0, 0);
  request.mutable_inputs(0)->clear_contents();
  request.add_raw_input_contents(std::string("\1\2", 2));
  const absl::Status status =
      DecodeRequest(request, model, {}, SharedMemoryRegions("")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("byte 1 is 2"));
}

TEST(TensorCodecTypesTest, EveryTypeHasANameThatComesBack) {
  for (const DType dtype :
       {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kBFloat16,
        DType::kInt8, DType::kUInt8, DType::kInt16, DType::kUInt16,
        DType::kInt32, DType::kUInt32, DType::kInt64, DType::kUInt64,
        DType::kBool}) {
    EXPECT_EQ(ParseWireName(WireName(dtype)), dtype);
  }
  EXPECT_EQ(ParseWireName("BYTES"), std::nullopt);
  EXPECT_EQ(ParseWireName(""), std::nullopt);
  EXPECT_EQ(ParseWireName("fp32"), std::nullopt);
}

TEST_F(TensorCodecTest, UnknownMissingAndDoubledInputsAreNamed) {
  ModelInferRequest unknown = RawRequest(1);
  unknown.mutable_inputs(0)->set_name("z");
  EXPECT_THAT(Fault(unknown), AllOf(HasSubstr("'z'"), HasSubstr("'x'")));

  EXPECT_THAT(Fault(Request("")), HasSubstr("input 'x': it is missing"));

  ModelInferRequest doubled = RawRequest(1);
  *doubled.add_inputs() = doubled.inputs(0);
  doubled.add_raw_input_contents(doubled.raw_input_contents(0));
  EXPECT_THAT(Fault(doubled), HasSubstr("input 'x': it is there twice"));
}

TEST_F(TensorCodecTest, WrongDatatypeSaysBoth) {
  for (const char* datatype : {"INT8", "", "float", "FP16", "BYTES"}) {
    ModelInferRequest request = RawRequest(1);
    request.mutable_inputs(0)->set_datatype(datatype);
    EXPECT_THAT(Fault(request),
                AllOf(HasSubstr(absl::StrCat("'", datatype, "'")),
                      HasSubstr("expected FP32")));
  }
}

TEST_F(TensorCodecTest, WrongShapesSayBoth) {
  for (const std::vector<int64_t>& shape : std::vector<std::vector<int64_t>>{
           {}, {4}, {1, 5}, {1, 4, 1}, {1, -4}, {1, INT64_MAX}, {4, 1}}) {
    ModelInferRequest request = RawRequest(1);
    request.mutable_inputs(0)->mutable_shape()->Assign(shape.begin(),
                                                       shape.end());
    EXPECT_THAT(Fault(request), HasSubstr("expected [rows, 4]"));
  }
}

TEST_F(TensorCodecTest, RowsMustBeBetweenOneAndTheLimit) {
  for (const int64_t rows : {int64_t{0}, int64_t{-1}, int64_t{9}, INT64_MAX,
                             INT64_MIN, INT64_MAX / 16 + 1}) {
    ModelInferRequest request = RawRequest(1);
    request.mutable_inputs(0)->set_shape(0, rows);
    EXPECT_THAT(Fault(request), HasSubstr(absl::StrCat("got ", rows)));
  }
  EXPECT_TRUE(Decode(RawRequest(8)).ok());
}

TEST_F(TensorCodecTest, HugeShapesAreCutInMessages) {
  ModelInferRequest request = RawRequest(1);
  request.mutable_inputs(0)->mutable_shape()->Resize(100000, 7);
  const std::string fault = Fault(request);
  EXPECT_LT(fault.size(), 1000u);
  EXPECT_THAT(fault, HasSubstr("99984 more dimensions"));
}

TEST_F(TensorCodecTest, BytesMustBeAsManyAsTheShapeSays) {
  for (const size_t size : {size_t{1}, size_t{31}, size_t{33}, size_t{64}}) {
    ModelInferRequest request = RawRequest(2);
    request.set_raw_input_contents(0, std::string(size, '\0'));
    EXPECT_THAT(Fault(request), AllOf(HasSubstr(absl::StrCat(size, " bytes")),
                                      HasSubstr("expected 32")));
  }
  ModelInferRequest empty = RawRequest(2);
  empty.set_raw_input_contents(0, "");
  EXPECT_THAT(Fault(empty), HasSubstr("got 0 bytes"));
}

TEST_F(TensorCodecTest, RawContentsMustBeOneAnInput) {
  ModelInferRequest more = RawRequest(1);
  more.add_raw_input_contents("more");
  EXPECT_THAT(Fault(more), HasSubstr("got 2 raw_input_contents for 1 inputs"));
}

TEST_F(TensorCodecTest, RawAndTypedDoNotMix) {
  ModelInferRequest request = RawRequest(1);
  request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
  EXPECT_THAT(Fault(request),
              HasSubstr("both contents and raw_input_contents"));
}

TEST_F(TensorCodecTest, TypedContentsMustBeInTheRightFieldAndNumber) {
  const std::string head =
      "inputs { name: 'x' datatype: 'FP32' shape: 1 shape: 4 contents { ";
  EXPECT_THAT(Fault(Request(head + "fp64_contents: [1, 2, 3, 4] } }")),
              AllOf(HasSubstr("contents.fp64_contents"),
                    HasSubstr("contents.fp32_contents")));
  EXPECT_THAT(Fault(Request(head + "fp32_contents: [1, 2, 3, 4] "
                                   "bytes_contents: 'x' } }")),
              HasSubstr("contents.bytes_contents"));
  EXPECT_THAT(Fault(Request(head + "fp32_contents: [1, 2, 3] } }")),
              HasSubstr("got 3 elements in contents.fp32_contents, expected "
                        "4"));
  EXPECT_THAT(Fault(Request(head + "} }")), HasSubstr("got 0 elements"));
}

TEST_F(TensorCodecTest, RequestsThatNeedTooMuchMemoryAreRefused) {
  limits_.max_bytes = 3 * 32;
  EXPECT_TRUE(Decode(RawRequest(3)).ok());
  EXPECT_THAT(Fault(RawRequest(4)), HasSubstr("expected at most 96 bytes"));
}

TEST_F(TensorCodecTest, OutputsMustBeTheModelsAndAskedForOnce) {
  ModelInferRequest unknown = RawRequest(1);
  unknown.add_outputs()->set_name("w");
  EXPECT_THAT(Fault(unknown), AllOf(HasSubstr("'w'"), HasSubstr("'y'")));
  ModelInferRequest twice = RawRequest(1);
  twice.add_outputs()->set_name("y");
  twice.add_outputs()->set_name("y");
  EXPECT_THAT(Fault(twice), HasSubstr("twice"));
}

TEST_F(TensorCodecTest, SharedMemoryMustBeRegisteredAndFullySaid) {
  ModelInferRequest request = RawRequest(1);
  auto& parameters = *request.mutable_inputs(0)->mutable_parameters();
  parameters["shared_memory_region"].set_string_param("r");
  // Raw contents are of the inputs outside shared memory, and there are none.
  EXPECT_THAT(Fault(request),
              HasSubstr("got 1 raw_input_contents for 0 inputs outside shared "
                        "memory"));
  request.clear_raw_input_contents();
  EXPECT_THAT(Fault(request), HasSubstr("shared_memory_byte_size' is missing"));
  parameters["shared_memory_byte_size"].set_int64_param(16);
  EXPECT_EQ(Decode(request).status().code(), absl::StatusCode::kNotFound);
  parameters["shared_memory_byte_size"].set_int64_param(-16);
  EXPECT_THAT(Fault(request),
              HasSubstr("expected int64_param or uint64_param"));
  parameters["shared_memory_region"].set_bool_param(true);
  EXPECT_THAT(Fault(request), HasSubstr("expected string_param"));
  parameters.erase("shared_memory_region");
  EXPECT_THAT(Fault(request), HasSubstr("'shared_memory_region' is missing"));
}

TEST_F(TensorCodecTest, ParametersOfTheCallersOwnAreAccepted) {
  ModelInferRequest request = RawRequest(1);
  (*request.mutable_inputs(0)->mutable_parameters())["mine"].set_bool_param(
      true);
  request.add_outputs()->set_name("y");
  auto& output = *request.mutable_outputs(0)->mutable_parameters();
  output["binary_data"].set_bool_param(false);
  EXPECT_TRUE(Decode(request).ok());
}

TEST_F(TensorCodecTest, TextsAreRefusedWithAWord) {
  ModelInferRequest request = RawRequest(1);
  request.mutable_inputs(0)->set_datatype("BYTES");
  EXPECT_THAT(Fault(request),
              HasSubstr("octet runs no model that takes texts"));
}

TEST_F(TensorCodecTest, ClassesAreTheLargestElementsOfEachRow) {
  ModelInferRequest request = RawRequest(2);
  request.add_outputs()->set_name("y");
  auto& classes =
      (*request.mutable_outputs(0)->mutable_parameters())["classification"];
  classes.set_int64_param(2);
  const auto decoded = Decode(request);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  inference::ModelInferResponse response;
  const ResponseBuffers buffers = PrepareResponse(*decoded, *model_, &response);
  const float values[] = {0.5f, -1, 0.25f, 0.5f, NAN, 3e20f, 7, NAN};
  std::memcpy(buffers.outputs[0], values, sizeof(values));
  ASSERT_TRUE(FinishResponse(buffers, &response).ok());
  EXPECT_EQ(response.outputs(0).datatype(), "BYTES");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 2));
  EXPECT_THAT(Texts(response.raw_output_contents(0)),
              ElementsAre("0.500000:0", "0.500000:3", "3e+20:1", "7.000000:2"));

  // More than there are is all of them; NaN comes last.
  classes.set_int64_param(99);
  const auto all = Decode(request);
  ASSERT_TRUE(all.ok()) << all.status();
  response.Clear();
  const ResponseBuffers more = PrepareResponse(*all, *model_, &response);
  std::memcpy(more.outputs[0], values, sizeof(values));
  ASSERT_TRUE(FinishResponse(more, &response).ok());
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 4));
  const std::vector<std::string> texts = Texts(response.raw_output_contents(0));
  ASSERT_EQ(texts.size(), 8u);
  EXPECT_EQ(texts[3], "-1.000000:1");
  EXPECT_THAT(texts[6], HasSubstr("nan:0"));
  EXPECT_THAT(texts[7], HasSubstr("nan:3"));

  // Their texts count against the limit.
  limits_.max_bytes = 2 * (16 + 16 + 4 * kClassBytes) - 1;
  EXPECT_THAT(Fault(request), HasSubstr("send fewer rows"));
}

TEST(ClassificationTest, ComparesEveryTypeAsItsNumbers) {
  const auto best = [](DType dtype, const auto& values) {
    const TensorSpec spec = {"y", dtype, {2}};
    return Classify(spec, &values, 1, 1).substr(4);
  };
  EXPECT_EQ(best(DType::kInt8, std::array<int8_t, 2>{-3, -2}), "-2:1");
  EXPECT_EQ(best(DType::kUInt8, std::array<uint8_t, 2>{200, 2}), "200:0");
  EXPECT_EQ(best(DType::kInt64, std::array<int64_t, 2>{-3, 1ll << 40}),
            "1099511627776:1");
  EXPECT_EQ(best(DType::kUInt64, std::array<uint64_t, 2>{~0ull, 1}),
            "18446744073709551615:0");
  EXPECT_EQ(best(DType::kFloat64, std::array<double, 2>{-1, -0.5}),
            "-0.500000:1");
  // -2 and 1.
  EXPECT_EQ(best(DType::kFloat16, std::array<uint16_t, 2>{0xc000, 0x3c00}),
            "1.000000:1");
  EXPECT_EQ(best(DType::kBFloat16, std::array<uint16_t, 2>{0xc000, 0x3f80}),
            "1.000000:1");
}

TEST_F(TensorCodecTest, AModelThatDoesNotBatchTakesItsWholeShape) {
  UseModel("whole");
  ModelInferRequest request = Request(
      "inputs { name: 'x' datatype: 'FP32' shape: 2 shape: 2"
      " contents { fp32_contents: [1, 2, 3, 4] } }");
  const auto decoded = Decode(request);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->rows, 1);
  request.mutable_inputs(0)->add_shape(1);
  EXPECT_THAT(Fault(request), HasSubstr("expected [2, 2]"));
}

TEST_F(TensorCodecTest, ResponseHasTheWantedOutputsInTheOrderAsked) {
  UseModel("echo");
  ModelInferRequest request;
  for (const TensorSpec& spec : model_->inputs()) {
    auto* input = request.add_inputs();
    input->set_name(spec.name);
    input->set_datatype(std::string(WireName(spec.dtype)));
    input->add_shape(3);
    input->add_shape(2);
    request.add_raw_input_contents(std::string(3 * spec.row_bytes(), '\0'));
  }
  request.add_outputs()->set_name("out_int64");
  request.add_outputs()->set_name("out_int8");
  const auto decoded = Decode(request);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  inference::ModelInferResponse response;
  const ResponseBuffers buffers = PrepareResponse(*decoded, *model_, &response);
  ASSERT_EQ(response.outputs_size(), 2);
  EXPECT_EQ(response.outputs(0).name(), "out_int64");
  EXPECT_EQ(response.outputs(0).datatype(), "INT64");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(3, 2));
  EXPECT_EQ(response.raw_output_contents(0).size(), 48u);
  EXPECT_EQ(response.outputs(1).name(), "out_int8");
  EXPECT_EQ(response.raw_output_contents(1).size(), 6u);
  ASSERT_EQ(buffers.outputs.size(), model_->outputs().size());
  for (size_t i = 0; i < buffers.outputs.size(); ++i) {
    ASSERT_NE(buffers.outputs[i], nullptr);
    // Room for all of it, which the address sanitizer would tell.
    std::memset(buffers.outputs[i], 1, 3 * model_->outputs()[i].row_bytes());
  }
  EXPECT_EQ(response.raw_output_contents(1), std::string(6, '\1'));
}

}  // namespace
}  // namespace octet
