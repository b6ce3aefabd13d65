// SPDX-License-Identifier: Apache-2.0
// The float and copying kernels of engine/simd, one thread, in elements (or
// bytes) a second, beside a plain copy of the same tensor and the portable
// variant. Run it pinned to one core:
//   taskset -c 1 build/release/bin/float-bench
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "engine/simd/float_kernels.h"
#include "engine/simd/reduction.h"
#include "engine/simd/strided_copy.h"

namespace octet::simd {
namespace {

using internal::FloatKernelsFor;

// Half of a level-two cache, with the output.
constexpr int64_t kElements = 32768;

std::vector<float> Numbers(int64_t n) {
  std::vector<float> x(n);
  uint32_t state = 1;
  for (float& v : x) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) * 0x1p-21f - 4.0f;
  }
  return x;
}

void CountElements(benchmark::State& state, int64_t elements) {
  state.counters["elements/s"] =
      benchmark::Counter(static_cast<double>(elements),
                         benchmark::Counter::kIsIterationInvariantRate);
}

template <typename Run>
void BenchRow(benchmark::State& state, Run run) {
  const std::vector<float> x = Numbers(kElements);
  std::vector<float> y(kElements);
  for (auto _ : state) {
    run(x.data(), y.data());
    benchmark::ClobberMemory();
  }
  CountElements(state, kElements);
}

struct NamedUnary {
  const char* name;
  ir::UnaryKind kind;
};
constexpr NamedUnary kUnaries[] = {
    {"abs", ir::UnaryKind::kAbs},          {"exp", ir::UnaryKind::kExp},
    {"log", ir::UnaryKind::kLog},          {"sigmoid", ir::UnaryKind::kSigmoid},
    {"tanh", ir::UnaryKind::kTanh},        {"erf", ir::UnaryKind::kErf},
    {"gelu", ir::UnaryKind::kGelu},        {"mish", ir::UnaryKind::kMish},
    {"softplus", ir::UnaryKind::kSoftplus}};

void RegisterRows(Isa isa, const std::string& suffix) {
  const internal::FloatKernels& kernels = FloatKernelsFor(isa);
  for (const NamedUnary& unary : kUnaries) {
    const auto row = kernels.unary(unary.kind);
    benchmark::RegisterBenchmark((std::string(unary.name) + suffix).c_str(),
                                 [row](benchmark::State& state) {
                                   BenchRow(state,
                                            [row](const float* x, float* y) {
                                              row(x, y, kElements, {1, 0});
                                            });
                                 });
  }
  const auto add =
      kernels.binary(ir::BinaryKind::kAdd, internal::Repeated::kNone);
  benchmark::RegisterBenchmark(
      ("add" + suffix).c_str(), [add](benchmark::State& state) {
        BenchRow(state, [add](const float* x, float* y) {
          add(x, x, y, kElements, {});
        });
      });
  for (int64_t length : {2, 64, 1024}) {
    benchmark::RegisterBenchmark(
        ("softmax/" + std::to_string(length) + suffix).c_str(),
        [&kernels, length](benchmark::State& state) {
          BenchRow(state, [&](const float* x, float* y) {
            kernels.softmax({x, y, length, 1, kElements / length, false});
          });
        });
  }
  benchmark::RegisterBenchmark(
      ("layer_norm/256" + suffix).c_str(), [&kernels](benchmark::State& state) {
        BenchRow(state, [&](const float* x, float* y) {
          kernels.layer_norm(
              {x, y, nullptr, nullptr, kElements / 256, 256, 1e-5, true});
        });
      });
  benchmark::RegisterBenchmark(("lrn/64" + suffix).c_str(), [&kernels](
                                                                benchmark::
                                                                    State&
                                                                        state) {
    BenchRow(state, [&](const float* x, float* y) {
      for (int64_t i = 0; i + 64 <= kElements; i += 64) {
        kernels.lrn({x + i, y + i, 64, 0, 64, 1, 2, 2, 1e-4f / 5, 0.75f, 1});
      }
    });
  });
  const std::vector<std::vector<int>> reductions = {{0}, {1}, {2}};
  for (const std::vector<int>& axes : reductions) {
    benchmark::RegisterBenchmark(
        ("mean/32x32x32/axis" + std::to_string(axes[0]) + suffix).c_str(),
        [axes, isa](benchmark::State& state) {
          const auto mean = Reduction::Create(
              {ir::ReduceKind::kMean, {32, 32, 32}, axes}, isa);
          if (!mean.ok()) return state.SkipWithError("refused");
          BenchRow(state, [&](const float* x, float* y) {
            mean->Run(x, y, 0, mean->work_items());
          });
        });
  }
}

void BenchTranspose(benchmark::State& state, int64_t rows, int64_t columns,
                    int64_t element_bytes, Isa isa) {
  StridedCopyParams params;
  params.element_bytes = element_bytes;
  params.sizes = {columns, rows};
  params.strides = {1, columns};
  const auto copy = StridedCopy::Create(params, isa);
  if (!copy.ok()) return state.SkipWithError("refused");
  std::vector<std::byte> x(copy->bytes());
  std::vector<std::byte> y(copy->bytes());
  for (auto _ : state) {
    copy->Run(x.data(), y.data(), 0, copy->work_items());
    benchmark::ClobberMemory();
  }
  CountElements(state, rows * columns);
}

void BenchMemcpy(benchmark::State& state) {
  BenchRow(state, [](const float* x, float* y) {
    std::memcpy(y, x, kElements * sizeof(float));
  });
}

void RegisterAll() {
  benchmark::RegisterBenchmark("memcpy", BenchMemcpy);
  for (Isa isa : {ActiveIsa(), Isa::kPortable}) {
    const std::string suffix = "/" + std::string(IsaName(isa));
    RegisterRows(isa, suffix);
    for (int64_t bytes : {1, 4}) {
      for (int64_t rows : {3, 32, 128}) {
        benchmark::RegisterBenchmark(("transpose/" + std::to_string(rows) +
                                      "x" + std::to_string(kElements / rows) +
                                      "/bytes" + std::to_string(bytes) + suffix)
                                         .c_str(),
                                     BenchTranspose, rows, kElements / rows,
                                     bytes, isa);
      }
    }
    if (ActiveIsa() == Isa::kPortable) break;
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
