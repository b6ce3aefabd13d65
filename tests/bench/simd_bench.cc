// SPDX-License-Identifier: Apache-2.0
// The kernels of engine/simd on the layers of real networks, one thread, in
// GMAC/s (a padded tap counts), beside the peak of fp32 fused multiply-adds
// that the same core reaches in the same run. Run it pinned to one core:
//   taskset -c 1 build/release/bin/simd-bench
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/simd/conv.h"
#include "engine/simd/matmul.h"
#include "tests/bench/fma_peak.h"

namespace octet::simd {
namespace {

struct Layer {
  const char* name;
  int64_t size;  // height = width of the input
  int64_t in;
  int64_t out;
  int64_t kernel;
  int64_t stride;
  bool depthwise;
};

constexpr Layer kLayers[] = {
    {"resnet56/16x32x32", 32, 16, 16, 3, 1, false},
    {"resnet56/32x16x16", 16, 32, 32, 3, 1, false},
    {"resnet56/64x8x8", 8, 64, 64, 3, 1, false},
    {"resnet56/16to32s2", 32, 16, 32, 3, 2, false},
    {"resnet56/32to64s2", 16, 32, 64, 3, 2, false},
    {"resnet56/3to16", 32, 3, 16, 3, 1, false},
    {"mobilenetv2/3to32s2", 224, 3, 32, 3, 2, false},
    {"mobilenetv2/32to16", 112, 32, 16, 1, 1, false},
    {"mobilenetv2/16to96", 112, 16, 96, 1, 1, false},
    {"mobilenetv2/24to144", 56, 24, 144, 1, 1, false},
    {"mobilenetv2/144to24", 56, 144, 24, 1, 1, false},
    {"mobilenetv2/192to32", 28, 192, 32, 1, 1, false},
    {"mobilenetv2/384to64", 14, 384, 64, 1, 1, false},
    {"mobilenetv2/96to576", 14, 96, 576, 1, 1, false},
    {"mobilenetv2/160to960", 7, 160, 960, 1, 1, false},
    {"mobilenetv2/320to1280", 7, 320, 1280, 1, 1, false},
    {"mobilenetv2/dw32", 112, 32, 32, 3, 1, true},
    {"mobilenetv2/dw96s2", 112, 96, 96, 3, 2, true},
    {"mobilenetv2/dw144", 56, 144, 144, 3, 1, true},
    {"mobilenetv2/dw192", 28, 192, 192, 3, 1, true},
    {"mobilenetv2/dw384", 14, 384, 384, 3, 1, true},
    {"mobilenetv2/dw576s2", 14, 576, 576, 3, 2, true},
    {"mobilenetv2/dw960", 7, 960, 960, 3, 1, true},
    {"squeezenet/3to64s2", 224, 3, 64, 3, 2, false},
    {"squeezenet/16to64", 55, 16, 64, 3, 1, false},
    {"squeezenet/32to128", 27, 32, 128, 3, 1, false},
    {"squeezenet/48to192", 13, 48, 192, 3, 1, false},
    {"squeezenet/64to256", 13, 64, 256, 3, 1, false},
    {"squeezenet/512to1000", 13, 512, 1000, 1, 1, false},
};

// Data of a layer; the values do not matter to the speed.
struct Data {
  Data(int64_t input_bytes, int64_t output_bytes, int64_t weight_count,
       int64_t channels)
      : input(input_bytes),
        output(output_bytes),
        weights(weight_count),
        bias(channels, 17),
        multipliers(channels, 0.001f) {
    uint32_t state = 1;
    for (uint8_t& b : input) b = Next(state);
    for (int8_t& w : weights) w = static_cast<int8_t>(Next(state));
  }
  static uint8_t Next(uint32_t& state) {
    state = state * 1664525u + 1013904223u;
    return static_cast<uint8_t>(state >> 24);
  }

  std::vector<uint8_t> input;
  std::vector<uint8_t> output;
  std::vector<int8_t> weights;
  std::vector<int32_t> bias;
  std::vector<float> multipliers;
};

template <typename Op>
void RunAll(benchmark::State& state, const Op& op, Data& data, int64_t macs) {
  std::vector<std::byte> scratch(op.scratch_bytes());
  ConvArgs args;
  args.input = data.input.data();
  args.output = data.output.data();
  for (auto _ : state) {
    op.Run(args, 0, op.work_items(), scratch.data());
    benchmark::ClobberMemory();
  }
  state.counters["MAC/s"] = benchmark::Counter(
      static_cast<double>(macs), benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(op.name());
}

void BenchConv(benchmark::State& state, const Layer& layer, int64_t batch,
               Isa isa) {
  ConvParams p;
  p.batch = batch;
  p.height = p.width = layer.size;
  p.in_channels = layer.in;
  p.out_channels = layer.out;
  p.groups = layer.depthwise ? layer.in : 1;
  p.kernel_h = p.kernel_w = layer.kernel;
  p.stride_h = p.stride_w = layer.stride;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = layer.kernel / 2;
  p.input.zero_point = 3;
  const int64_t outputs =
      batch * p.out_height() * p.out_width() * p.out_channels;
  const int64_t taps = p.kernel_h * p.kernel_w * (p.in_channels / p.groups);
  Data data(batch * p.height * p.width * p.in_channels, outputs,
            p.out_channels * taps, p.out_channels);
  const auto conv =
      Conv::Create(p, {data.weights, data.bias, data.multipliers}, isa);
  if (!conv.ok()) return state.SkipWithError("conv refused");
  RunAll(state, *conv, data, outputs * taps);
}

void BenchMatMul(benchmark::State& state, int64_t rows, int64_t depth,
                 int64_t columns) {
  Data data(rows * depth, rows * columns, depth * columns, columns);
  MatMulParams p;
  p.rows = rows;
  p.depth = depth;
  p.columns = columns;
  const auto op =
      MatMul::Create(p, {data.weights, data.bias, data.multipliers});
  if (!op.ok()) return state.SkipWithError("matmul refused");
  RunAll(state, *op, data, rows * depth * columns);
}

void BenchFmaPeak(benchmark::State& state) {
  int64_t macs = 0;
  for (auto _ : state) macs += RunFmas();
  state.counters["MAC/s"] = benchmark::Counter(static_cast<double>(macs),
                                               benchmark::Counter::kIsRate);
}

void RegisterAll() {
  if (ActiveIsa() >= Isa::kAvx2) {
    benchmark::RegisterBenchmark("fma_peak", BenchFmaPeak);
  }
  for (const Layer& layer : kLayers) {
    for (int64_t batch : {1, 8}) {
      benchmark::RegisterBenchmark(
          (std::string(layer.name) + "/batch" + std::to_string(batch)).c_str(),
          BenchConv, layer, batch, ActiveIsa());
    }
  }
  for (int64_t rows : {1, 8, 64}) {
    benchmark::RegisterBenchmark(
        ("matmul/1280x1000/rows" + std::to_string(rows)).c_str(), BenchMatMul,
        rows, 1280, 1000);
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
