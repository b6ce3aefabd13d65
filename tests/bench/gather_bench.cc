// SPDX-License-Identifier: Apache-2.0
// What it costs to gather one picture of 224 x 224 x 3, by the form that the
// caller sends it in; "float32 planes" is the model's own form, without any.
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "engine/base/half_types.h"
#include "engine/simd/elementwise.h"
#include "engine/simd/pixel_conversion.h"

namespace octet::simd {
namespace {

constexpr int64_t kChannels = 3;
constexpr int64_t kPixels = 224 * 224;
constexpr int64_t kElements = kChannels * kPixels;
// What a picture network wants: ImageNet's mean and deviation.
constexpr float kStep = 0.0187f;
constexpr int32_t kZeroPoint = 113;

Quantizer PlanQuantizer() {
  return *Quantizer::Create(kStep, {DType::kUInt8, kZeroPoint});
}

// Bytes, or what normalizing such bytes gives.
std::vector<uint8_t> Picture(DType dtype) {
  std::vector<uint8_t> bytes(kElements * SizeOf(dtype));
  uint32_t state = 1;
  for (int64_t i = 0; i < kElements; ++i) {
    state = state * 1664525u + 1013904223u;
    const auto byte = static_cast<uint8_t>(state >> 24);
    const float value = (static_cast<float>(byte) - 116) * 0.0174f;
    const uint16_t half = dtype == DType::kFloat16 ? HalfFromFloat(value)
                                                   : BFloat16FromFloat(value);
    const void* from = &byte;
    if (dtype == DType::kFloat32) from = &value;
    if (SizeOf(dtype) == sizeof(half)) from = &half;
    std::memcpy(&bytes[i * SizeOf(dtype)], from, SizeOf(dtype));
  }
  return bytes;
}

void BenchPlain(benchmark::State& state) {
  const std::vector<uint8_t> source = Picture(DType::kFloat32);
  std::vector<float> floats(kElements);
  std::memcpy(floats.data(), source.data(), source.size());
  std::vector<uint8_t> target(kElements);
  const Quantizer quantizer = PlanQuantizer();
  for (auto _ : state) {
    quantizer.QuantizePlanes({kChannels, kPixels}, floats.data(), target.data(),
                             0, kPixels);
    benchmark::ClobberMemory();
  }
}

// A plan whose quantizer found the bytes that pictures were made from: it
// undoes the normalization.
void BenchUndone(benchmark::State& state) {
  PixelTarget target = {kChannels, kPixels, true,
                        Quantizer::Create(1, {DType::kUInt8, 0}).value()};
  target.mean = {-2.1179f, -2.0357f, -1.8044f};
  target.scale = {58.395f, 57.12f, 57.375f};
  const auto converter = PixelConverter::Create(PixelSource(), target);
  if (!converter.ok()) return state.SkipWithError("form refused");
  const std::vector<uint8_t> picture = Picture(DType::kFloat32);
  std::vector<uint8_t> landing(kElements);
  for (auto _ : state) {
    converter->Convert(picture.data(), 1, landing.data());
    benchmark::ClobberMemory();
  }
}

struct Form {
  const char* name;
  DType dtype;
  bool channels_last;
  bool per_channel;
  bool to_float;
};

void BenchForm(benchmark::State& state, const Form& form) {
  PixelSource source;
  source.dtype = form.dtype;
  source.channels_last = form.channels_last;
  source.mean = {123.675f};
  source.scale = {0.0171f};
  if (form.per_channel) {
    source.mean = {123.675f, 116.28f, 103.53f};
    source.scale = {0.0171f, 0.0175f, 0.0174f};
  }
  PixelTarget target = {kChannels, kPixels, true, std::nullopt};
  if (!form.to_float) target.quantizer = PlanQuantizer();
  const auto converter = PixelConverter::Create(source, target);
  if (!converter.ok()) return state.SkipWithError("form refused");
  const std::vector<uint8_t> picture = Picture(form.dtype);
  std::vector<float> landing(kElements);
  for (auto _ : state) {
    converter->Convert(picture.data(), 1, landing.data());
    benchmark::ClobberMemory();
  }
}

constexpr Form kForms[] = {
    {"uint8 pixels to int8 plan", DType::kUInt8, true, true, false},
    {"uint8 pixels, one scale, to int8 plan", DType::kUInt8, true, false,
     false},
    {"uint8 planes to int8 plan", DType::kUInt8, false, true, false},
    {"uint8 pixels to float plan", DType::kUInt8, true, true, true},
    {"float16 pixels to int8 plan", DType::kFloat16, true, true, false},
    {"float16 planes to int8 plan", DType::kFloat16, false, true, false},
    {"bfloat16 pixels to int8 plan", DType::kBFloat16, true, true, false},
    {"float32 pixels to int8 plan", DType::kFloat32, true, true, false},
    {"float32 planes, normalized, to int8 plan", DType::kFloat32, false, true,
     false},
};

void RegisterAll() {
  benchmark::RegisterBenchmark("float32 planes to int8 plan", BenchPlain);
  benchmark::RegisterBenchmark("float32 planes to a plan of bytes",
                               BenchUndone);
  for (const Form& form : kForms) {
    benchmark::RegisterBenchmark(form.name, BenchForm, form);
  }
}

}  // namespace
}  // namespace octet::simd

int main(int argc, char** argv) {
  octet::simd::RegisterAll();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
