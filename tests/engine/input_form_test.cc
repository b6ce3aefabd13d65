// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/half_types.h"
#include "engine/engine.h"
#include "engine/onnx/exporter.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/graph_builder.h"

// Input forms against the caller who does the same in float32.
namespace octet {
namespace {

using testing::HasSubstr;

// What a model of one input "x" looks like from outside.
struct TestModel {
  std::string what;
  std::string bytes;
  int64_t channels = 1;
  int64_t pixels = 1;  // of one channel of one row
  bool channels_last = false;
  bool has_image_axes = true;  // rows [C, H, W] or [H, W, C]
};

std::string ConvModel(int64_t channels, int64_t height, int64_t width,
                      bool channels_last) {
  GraphBuilder b;
  ir::ValueId x;
  if (channels_last) {
    x = b.Input("x", RowsAnd({height, width, channels}));
    x = b.Node("t", ir::Transpose{{0, 3, 1, 2}}, {x});
  } else {
    x = b.Input("x", RowsAnd({channels, height, width}));
  }
  ir::Conv conv;
  conv.window = WindowOf({3, 3}, 1, 1);
  b.Output(b.Node("y", conv,
                  {x, b.Constant("w", RandomFloats({5, channels, 3, 3}, 3))}));
  return *onnx::ExportModel(b.Build());
}

std::string MatMulModel(ir::Dims dims, int64_t last) {
  GraphBuilder b;
  const ir::ValueId x = b.Input("x", std::move(dims));
  b.Output(b.Node("y", ir::MatMul{},
                  {x, b.Constant("w", RandomFloats({last, 4}, 3))}));
  return *onnx::ExportModel(b.Build());
}

std::string UnbatchedModel() {
  GraphBuilder b;
  const ir::ValueId x = b.Input("x", ir::FixedDims({2, 3, 5, 4}));
  b.Output(b.Node("y", ir::Softmax{0, false, false}, {x}));
  return *onnx::ExportModel(b.Build());
}

std::string Quantized(const std::string& bytes, const Shape& row_shape) {
  Shape shape = row_shape;
  shape.insert(shape.begin(), 8);
  const NamedTensor samples{"x", RandomFloats(shape, 9, -2.5f, 2)};
  const auto result = Quantize(bytes, {&samples, 1}, {}, nullptr);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? result->model : "";
}

// Quantized on pictures that were bytes, (p / 255 - mean) / std by channel: the
// plan pads them and undoes that while it gathers.
std::string QuantizedFromBytes(const std::string& bytes, int64_t height,
                               int64_t width) {
  const Tensor pictures =
      RandomIntegers(DType::kUInt8, {60, 3, height, width}, 5, 0, 255);
  Tensor reals(DType::kFloat32, pictures.shape());
  for (int64_t i = 0; i < pictures.size(); ++i) {
    const int64_t c = i / (height * width) % 3;
    const float part = static_cast<float>(pictures.data<uint8_t>()[i]) / 255;
    reals.mutable_data<float>()[i] =
        (part - 0.4f - 0.03f * static_cast<float>(c)) / 0.22f;
  }
  const NamedTensor calibration{"x", std::move(reals)};
  const auto result = Quantize(bytes, {&calibration, 1}, {}, nullptr);
  EXPECT_TRUE(result.ok()) << result.status();
  if (!result.ok()) return "";
  EXPECT_EQ(result->tensors[0].threshold, "bytes");
  const auto model = Model::FromBytes(result->model, ModelOptions());
  EXPECT_THAT((*model)->Dump(DumpStage::kPlan),
              HasSubstr("padded, normalized, quantized, channels last"));
  return result->model;
}

std::vector<TestModel> TestModels() {
  std::vector<TestModel> models;
  for (const auto& [c, h, w] :
       {std::tuple<int64_t, int64_t, int64_t>{3, 7, 9}, {1, 6, 5}, {4, 5, 5}}) {
    for (bool last : {false, true}) {
      const std::string bytes = ConvModel(c, h, w, last);
      const Shape row = last ? Shape{h, w, c} : Shape{c, h, w};
      const std::string what =
          absl::StrCat(c, "x", h, "x", w, last ? " channels last" : "");
      models.push_back({absl::StrCat("float ", what), bytes, c, h * w, last});
      models.push_back(
          {absl::StrCat("int8 ", what), Quantized(bytes, row), c, h * w, last});
    }
  }
  for (const auto& [h, w] : {std::pair<int64_t, int64_t>{7, 9}, {40, 33}}) {
    models.push_back({absl::StrCat("int8 bytes 3x", h, "x", w),
                      QuantizedFromBytes(ConvModel(3, h, w, false), h, w), 3,
                      h * w, false});
  }
  const std::string features = MatMulModel(RowsAnd({37}), 37);
  models.push_back({"float features", features, 37, 1, false, false});
  models.push_back(
      {"int8 features", Quantized(features, {37}), 37, 1, false, false});
  const std::string series = MatMulModel(RowsAnd({6, 11}), 11);
  models.push_back({"float series", series, 6, 11, false, false});
  return models;
}

std::shared_ptr<const Model> LoadOrDie(absl::string_view bytes,
                                       const ModelOptions& options) {
  auto model = Model::FromBytes(bytes, options);
  EXPECT_TRUE(model.ok()) << model.status();
  return model.ok() ? *std::move(model) : nullptr;
}

// Rows `rows` through one Run() in blocks of the given sizes.
std::vector<std::byte> RunBlocks(const std::shared_ptr<const Model>& model,
                                 const void* rows,
                                 const std::vector<int64_t>& sizes) {
  auto executor = Executor::Create(model);
  EXPECT_TRUE(executor.ok()) << executor.status();
  int64_t total = 0;
  for (int64_t size : sizes) total += size;
  const size_t row_bytes = model->outputs()[0].row_bytes();
  std::vector<std::byte> answers(total * row_bytes);
  std::vector<const void*> inputs(sizes.size());
  std::vector<void*> outputs(sizes.size());
  std::vector<RowBlock> blocks;
  int64_t row = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    inputs[i] = static_cast<const std::byte*>(rows) +
                row * model->inputs()[0].row_bytes();
    outputs[i] = answers.data() + row * row_bytes;
    blocks.push_back({sizes[i], {&inputs[i], 1}, {&outputs[i], 1}});
    row += sizes[i];
  }
  const absl::Status status = (*executor)->Run(blocks, nullptr);
  EXPECT_TRUE(status.ok()) << status;
  return answers;
}

float ElementAt(const std::vector<uint8_t>& bytes, DType dtype, int64_t at) {
  uint16_t half;
  float whole;
  switch (dtype) {
    case DType::kUInt8:
      return bytes[at];
    case DType::kFloat32:
      std::memcpy(&whole, &bytes[at * 4], 4);
      return whole;
    default:
      std::memcpy(&half, &bytes[at * 2], 2);
      return dtype == DType::kFloat16 ? FloatFromHalf(half)
                                      : FloatFromBFloat16(half);
  }
}

// Elements that are no NaN; the floats within a few units of 0.
std::vector<uint8_t> SomeElements(DType dtype, int64_t count) {
  std::vector<uint8_t> bytes(count * SizeOf(dtype));
  const Tensor values = RandomFloats({count}, 77, -4, 4);
  for (int64_t i = 0; i < count; ++i) {
    const float value = values.data<float>()[i];
    const uint16_t half = dtype == DType::kFloat16 ? HalfFromFloat(value)
                                                   : BFloat16FromFloat(value);
    if (dtype == DType::kUInt8) {
      bytes[i] = static_cast<uint8_t>(i * 37 + i / 256);
    } else if (dtype == DType::kFloat32) {
      std::memcpy(&bytes[i * 4], &value, 4);
    } else {
      std::memcpy(&bytes[i * 2], &half, 2);
    }
  }
  return bytes;
}

bool CallersChannelsLast(const TestModel& m, const InputForm& form) {
  return form.layout == InputLayout::kAsModel
             ? m.channels_last
             : form.layout == InputLayout::kChannelsLast;
}

// What a caller of the plain model computes, an element at a time.
std::vector<float> ByHand(const TestModel& m, const InputForm& form,
                          const std::vector<uint8_t>& sent, int64_t rows) {
  std::vector<float> values(rows * m.channels * m.pixels);
  const auto number = [](const std::vector<float>& numbers, int64_t channel,
                         float none) {
    if (numbers.empty()) return none;
    return numbers[numbers.size() == 1 ? 0 : channel];
  };
  const auto at = [&](bool last, int64_t row, int64_t c, int64_t p) {
    return row * m.channels * m.pixels +
           (last ? p * m.channels + c : c * m.pixels + p);
  };
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t c = 0; c < m.channels; ++c) {
      const int64_t from = form.reverse_channels ? m.channels - 1 - c : c;
      for (int64_t p = 0; p < m.pixels; ++p) {
        // Volatile: both operations round, whatever the compiler may think.
        volatile float value = ElementAt(
            sent, form.dtype, at(CallersChannelsLast(m, form), row, from, p));
        value = value - number(form.mean, c, 0);
        value = value * number(form.scale, c, 1);
        values[at(m.channels_last, row, c, p)] = value;
      }
    }
  }
  return values;
}

void Check(const TestModel& m, const InputForm& form) {
  ModelOptions options;
  options.max_batch = 4;
  const auto plain = LoadOrDie(m.bytes, options);
  options.input_forms = {form};
  const auto formed = LoadOrDie(m.bytes, options);
  ASSERT_NE(plain, nullptr);
  ASSERT_NE(formed, nullptr);
  ASSERT_TRUE(formed->batches()) << formed->why_not_batched();
  ASSERT_EQ(formed->inputs()[0].dtype, form.dtype);
  ASSERT_EQ(formed->inputs()[0].row_elements(), m.channels * m.pixels);
  constexpr int64_t kRows = 11;
  const std::vector<uint8_t> sent =
      SomeElements(form.dtype, kRows * m.channels * m.pixels);
  const std::vector<float> values = ByHand(m, form, sent, kRows);
  const std::vector<int64_t> sizes = {5, 0, 1, 3, 2};
  ASSERT_EQ(RunBlocks(formed, sent.data(), sizes),
            RunBlocks(plain, values.data(), sizes))
      << m.what << " from " << Name(form.dtype) << ", layout "
      << static_cast<int>(form.layout) << ", reverse " << form.reverse_channels
      << ", " << form.mean.size() << " means";

  Shape shape = formed->inputs()[0].row_shape;
  shape.insert(shape.begin(), kRows);
  Tensor rows(form.dtype, shape);
  std::memcpy(rows.mutable_bytes(), sent.data(), sent.size());
  const auto own = formed->WithoutInputForms({{"x", rows}});
  ASSERT_TRUE(own.ok()) << own.status();
  shape = plain->inputs()[0].row_shape;
  shape.insert(shape.begin(), kRows);
  EXPECT_EQ((*own)[0].tensor.shape(), shape);
  EXPECT_THAT((*own)[0].tensor.data<float>(),
              testing::ElementsAreArray(values));
}

TEST(InputFormTest, AnswersAreThoseOfTheCallerWhoConvertsHimself) {
  for (const TestModel& m : TestModels()) {
    for (DType dtype :
         {DType::kUInt8, DType::kFloat16, DType::kBFloat16, DType::kFloat32}) {
      for (InputLayout layout :
           {InputLayout::kAsModel, InputLayout::kChannelsFirst,
            InputLayout::kChannelsLast}) {
        if (!m.has_image_axes && layout != InputLayout::kAsModel) continue;
        for (bool reverse : {false, true}) {
          InputForm form = {"x", dtype, layout, reverse, {}, {}};
          if (dtype == DType::kUInt8) form.scale = {1.0f / 64};
          Check(m, form);
          for (int64_t c = 0; c < m.channels; ++c) {
            form.mean.push_back(dtype == DType::kUInt8 ? 100.0f + 13 * c
                                                       : 0.1f * c);
          }
          Check(m, form);
          form.scale.clear();
          for (int64_t c = 0; c < m.channels; ++c) {
            form.scale.push_back((c % 2 == 0 ? 1.0f : -1.0f) / (60 + c));
          }
          Check(m, form);
        }
      }
    }
  }
}

TEST(InputFormTest, RowsOfAnotherFormAreNotConverted) {
  ModelOptions options;
  options.input_forms = {
      {"x", DType::kUInt8, InputLayout::kChannelsLast, false, {}, {}}};
  const auto model = LoadOrDie(ConvModel(3, 7, 9, false), options);
  const auto complaint = [&](std::vector<NamedTensor> tensors) {
    const auto own = model->WithoutInputForms(std::move(tensors));
    EXPECT_EQ(own.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(own.status().message());
  };
  EXPECT_THAT(complaint({}), HasSubstr("got 0 tensors, expected 1"));
  EXPECT_THAT(
      complaint({{"x", Tensor(DType::kFloat32, {2, 7, 9, 3})}}),
      HasSubstr("input 'x': got float32 [2, 7, 9, 3], expected rows of uint8"));
  EXPECT_THAT(complaint({{"x", Tensor(DType::kUInt8, {2, 3, 7, 9})}}),
              HasSubstr("got uint8 [2, 3, 7, 9]"));
  EXPECT_THAT(complaint({{"x", Tensor(DType::kUInt8, {})}}),
              HasSubstr("got uint8 []"));
}

TEST(InputFormTest, SignatureTellsTheCallersForm) {
  ModelOptions options;
  options.input_forms = {
      {"x", DType::kUInt8, InputLayout::kChannelsLast, false, {}, {}}};
  const auto model = LoadOrDie(ConvModel(3, 7, 9, false), options);
  EXPECT_EQ(model->inputs()[0].name, "x");
  EXPECT_EQ(model->inputs()[0].dtype, DType::kUInt8);
  EXPECT_EQ(model->inputs()[0].row_shape, (Shape{7, 9, 3}));
  EXPECT_EQ(model->inputs()[0].row_bytes(), 189u);
  options.input_forms[0].layout = InputLayout::kChannelsFirst;
  options.input_forms[0].dtype = DType::kBFloat16;
  const auto last = LoadOrDie(ConvModel(3, 7, 9, true), options);
  EXPECT_EQ(last->inputs()[0].row_shape, (Shape{3, 7, 9}));
  EXPECT_EQ(last->inputs()[0].row_bytes(), 378u);
}

TEST(InputFormTest, ModelThatDoesNotBatchTakesItsLeadingAxisForImages) {
  ModelOptions options;
  const auto plain = LoadOrDie(UnbatchedModel(), options);
  ASSERT_FALSE(plain->batches());
  InputForm form = {"x",  DType::kUInt8, InputLayout::kChannelsLast,
                    true, {1, 2, 3},     {0.5f, 0.25f, 0.125f}};
  options.input_forms = {form};
  const auto formed = LoadOrDie(UnbatchedModel(), options);
  EXPECT_EQ(formed->inputs()[0].row_shape, (Shape{2, 5, 4, 3}));
  const TestModel as_rows = {"", "", 3, 20};
  const std::vector<uint8_t> sent = SomeElements(DType::kUInt8, 2 * 60);
  const std::vector<float> values = ByHand(as_rows, form, sent, 2);
  EXPECT_EQ(RunBlocks(formed, sent.data(), {1}),
            RunBlocks(plain, values.data(), {1}));
}

TEST(InputFormTest, FormsThatDoNotFitAreNamed) {
  const std::string images = ConvModel(3, 7, 9, false);
  const std::string features = MatMulModel(RowsAnd({37}), 37);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const auto kAsModel = InputLayout::kAsModel;
  struct Refusal {
    std::string bytes;
    InputForm form;
    const char* message;
  };
  const Refusal refusals[] = {
      {images,
       {"y", DType::kUInt8, kAsModel, false, {}, {}},
       "the form of input 'y': the model has no such input; it has: 'x'"},
      {images,
       {"x", DType::kInt16, kAsModel, false, {}, {}},
       "got int16; expected uint8, float16, bfloat16 or float32"},
      {images,
       {"x", DType::kUInt8, kAsModel, false, {1, 2}, {}},
       "got 2 numbers for its mean; the model has 3 channels"},
      {images,
       {"x", DType::kUInt8, kAsModel, false, {}, {1, 2, 3, 4}},
       "got 4 numbers for its scale"},
      {images,
       {"x", DType::kUInt8, kAsModel, false, {1, nan, 1}, {}},
       "a mean is nan"},
      {images,
       {"x", DType::kUInt8, kAsModel, false, {}, {infinity}},
       "a scale is inf"},
      {images,
       {"x", DType::kUInt8, kAsModel, false, {}, {1, 0, 1}},
       "a scale is 0"},
      {features,
       {"x", DType::kUInt8, InputLayout::kChannelsLast, false, {}, {}},
       "an image of the model is [37]; expected three axes"},
  };
  for (const Refusal& refusal : refusals) {
    ModelOptions options;
    options.input_forms = {refusal.form};
    const absl::Status status =
        Model::FromBytes(refusal.bytes, options).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr(refusal.message));
  }
  ModelOptions options;
  options.input_forms.resize(2);
  for (InputForm& form : options.input_forms) form.input = "x";
  EXPECT_THAT(Model::FromBytes(images, options).status().message(),
              HasSubstr("has two forms"));
}

}  // namespace
}  // namespace octet
