// SPDX-License-Identifier: Apache-2.0
// Integer convolutions and matrix products of real networks, by oneDNN and by
// engine/simd in turns: the best of many runs in GMAC/s (a padded tap counts),
// the share of the core's peak of vpdpbusd, and how much faster ours is. Run it
// pinned to one core:
//   taskset -c 1 build/release/bin/product-bench [words of names...]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/status_macros.h"
#include "engine/base/thread_pool.h"
#include "engine/onednn/backend.h"
#include "engine/plan/weight_cache.h"
#include "engine/simd/backend.h"
#include "engine/simd/cpu_features.h"
#include "tests/bench/dot_peak.h"
#include "tests/testing/node_cases.h"

namespace octet {
namespace {

struct Layer {
  const char* name;
  int64_t size;  // height = width of the input
  int64_t in;
  int64_t out;  // 0: depthwise
  int64_t kernel;
  int64_t stride;
};

constexpr Layer kLayers[] = {
    {"mobilenetv2/dw32", 112, 32, 0, 3, 1},
    {"mobilenetv2/dw96s2", 112, 96, 0, 3, 2},
    {"mobilenetv2/dw144", 56, 144, 0, 3, 1},
    {"mobilenetv2/dw144s2", 56, 144, 0, 3, 2},
    {"mobilenetv2/dw192", 28, 192, 0, 3, 1},
    {"mobilenetv2/dw192s2", 28, 192, 0, 3, 2},
    {"mobilenetv2/dw384", 14, 384, 0, 3, 1},
    {"mobilenetv2/dw576", 14, 576, 0, 3, 1},
    {"mobilenetv2/dw576s2", 14, 576, 0, 3, 2},
    {"mobilenetv2/dw960", 7, 960, 0, 3, 1},
    {"other/dw128s2", 28, 128, 0, 3, 2},
    {"other/dw16", 112, 16, 0, 3, 1},
    {"other/dw72k5s2", 56, 72, 0, 5, 2},
    {"other/dw240k5", 14, 240, 0, 5, 1},
    {"kws_dscnn/dw64", 25, 64, 0, 3, 1},
    {"mobilenetv1_025/dw8", 112, 8, 0, 3, 1},
    {"mobilenetv1_025/dw16s2", 112, 16, 0, 3, 2},
    {"mobilenetv1_025/dw32", 56, 32, 0, 3, 1},
    {"mobilenetv1_025/dw32s2", 56, 32, 0, 3, 2},
    {"mobilenetv1_025/dw64", 28, 64, 0, 3, 1},
    {"mobilenetv1_025/dw64s2", 28, 64, 0, 3, 2},
    {"mobilenetv1_025/dw128", 14, 128, 0, 3, 1},
    {"mobilenetv1_025/dw128s2", 14, 128, 0, 3, 2},
    {"mobilenetv1_025/dw256", 7, 256, 0, 3, 1},
    {"mobilenetv1_025/3to8s2", 224, 3, 8, 3, 2},
    {"mobilenetv1_025/8to16", 112, 8, 16, 1, 1},
    {"mobilenetv1_025/16to32", 56, 16, 32, 1, 1},
    {"mobilenetv1_025/32to32", 56, 32, 32, 1, 1},
    {"mobilenetv1_025/32to64", 28, 32, 64, 1, 1},
    {"mobilenetv1_025/64to64", 28, 64, 64, 1, 1},
    {"mobilenetv1_025/64to128", 14, 64, 128, 1, 1},
    {"mobilenetv1_025/128to128", 14, 128, 128, 1, 1},
    {"mobilenetv1_025/128to256", 7, 128, 256, 1, 1},
    {"mobilenetv1_025/256to256", 7, 256, 256, 1, 1},
    {"kws_dscnn/64to64", 25, 64, 64, 1, 1},
    {"resnet56/3to16", 32, 3, 16, 3, 1},
    {"resnet56/16to16", 32, 16, 16, 3, 1},
    {"resnet56/16to32s2", 32, 16, 32, 3, 2},
    {"resnet56/32to32", 16, 32, 32, 3, 1},
    {"resnet56/32to64s2", 16, 32, 64, 3, 2},
    {"resnet56/64to64", 8, 64, 64, 3, 1},
    {"mobilenetv2/3to32s2", 224, 3, 32, 3, 2},
    {"mobilenetv2/32to16", 112, 32, 16, 1, 1},
    {"mobilenetv2/16to96", 112, 16, 96, 1, 1},
    {"mobilenetv2/96to24", 56, 96, 24, 1, 1},
    {"mobilenetv2/24to144", 56, 24, 144, 1, 1},
    {"mobilenetv2/144to24", 56, 144, 24, 1, 1},
    {"mobilenetv2/144to32", 28, 144, 32, 1, 1},
    {"mobilenetv2/32to192", 28, 32, 192, 1, 1},
    {"mobilenetv2/192to32", 28, 192, 32, 1, 1},
    {"mobilenetv2/64to384", 14, 64, 384, 1, 1},
    {"mobilenetv2/384to64", 14, 384, 64, 1, 1},
    {"mobilenetv2/96to576", 14, 96, 576, 1, 1},
    {"mobilenetv2/576to96", 14, 576, 96, 1, 1},
    {"mobilenetv2/160to960", 7, 160, 960, 1, 1},
    {"mobilenetv2/960to160", 7, 960, 160, 1, 1},
    {"mobilenetv2/320to1280", 7, 320, 1280, 1, 1},
    {"squeezenet/3to64s2", 224, 3, 64, 3, 2},
    {"squeezenet/16to64", 55, 16, 64, 3, 1},
    {"squeezenet/32to128", 27, 32, 128, 3, 1},
    {"squeezenet/48to192", 13, 48, 192, 3, 1},
    {"squeezenet/64to256", 13, 64, 256, 3, 1},
    {"squeezenet/512to1000", 13, 512, 1000, 1, 1},
    {"resnet50/3to64s2", 224, 3, 64, 7, 2},
    {"resnet50/64to64k3", 56, 64, 64, 3, 1},
    {"resnet50/64to256", 56, 64, 256, 1, 1},
    {"resnet50/256to256k3", 14, 256, 256, 3, 1},
    {"resnet50/512to512k3", 7, 512, 512, 3, 1},
    {"resnet50/2048to512", 7, 2048, 512, 1, 1},
    {"matmul/640to128", 1, 640, 128, 1, 1},
    {"matmul/1280to1001", 1, 1280, 1001, 1, 1},
    {"matmul/64to12", 1, 64, 12, 1, 1},
};

constexpr double kSecondsPerLayer = 0.15;

double NowNs() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::nano>(now).count();
}

SingleNode NodeOf(const Layer& layer) {
  ConvCase test;
  test.input = {1, layer.size, layer.size, layer.in};
  test.groups = layer.out == 0 ? layer.in : 1;
  test.out_channels = layer.out == 0 ? layer.in : layer.out;
  test.window.kernel = {layer.kernel, layer.kernel};
  test.window.strides = {layer.stride, layer.stride};
  test.window.dilations = {1, 1};
  test.window.pads_begin =
      test.window.pads_end = {layer.kernel / 2, layer.kernel / 2};
  IntegerTypes types;
  types.input_zero_point = 3;
  return IntegerConv(test, types, 1);
}

int64_t MacsOf(const Layer& layer) {
  const int64_t side =
      (layer.size + layer.kernel / 2 * 2 - layer.kernel) / layer.stride + 1;
  return side * side * layer.kernel * layer.kernel * layer.in *
         (layer.out == 0 ? 1 : layer.out);
}

// A node with a step of one backend, bound to memory of its own.
class TimedStep {
 public:
  static absl::StatusOr<std::unique_ptr<TimedStep>> Create(
      const plan::Backend& backend, const SingleNode& node, ThreadPool* pool) {
    auto timed = std::make_unique<TimedStep>();
    OCTET_ASSIGN_OR_RETURN(const ir::Graph graph, node.Graph());
    const ir::Node& only = graph.nodes().back();
    OCTET_ASSIGN_OR_RETURN(
        timed->step_, backend.CreateStep({graph, only, 1, &timed->weights_}));
    timed->tensors_.reserve(only.inputs.size() + 2);
    std::vector<const std::byte*> inputs;
    for (ir::ValueId id : only.inputs) {
      const ir::TensorType& type = graph.type(id);
      timed->tensors_.emplace_back(type.dtype, ir::ConcreteShape(type.dims));
    }
    for (size_t i = 0; i < only.inputs.size(); ++i) {
      Tensor& tensor = timed->tensors_[i];
      std::copy_n(node.inputs[i].tensor.bytes(), tensor.byte_size(),
                  tensor.mutable_bytes());
      inputs.push_back(tensor.bytes());
    }
    const ir::TensorType& type = graph.type(only.outputs[0]);
    Tensor& out =
        timed->tensors_.emplace_back(type.dtype, ir::ConcreteShape(type.dims));
    Tensor& scratch = timed->tensors_.emplace_back(
        DType::kUInt8,
        Shape{static_cast<int64_t>(timed->step_->scratch_bytes())});
    std::vector<std::byte*> outputs = {out.mutable_bytes()};
    OCTET_ASSIGN_OR_RETURN(
        timed->bound_,
        timed->step_->Bind({inputs, outputs, scratch.mutable_bytes(), pool}));
    return timed;
  }

  std::string kernel() const { return step_->kernel(); }
  double best_ns() const { return best_ns_; }

  // Times `runs` runs and keeps the mean if it is the best so far.
  absl::Status Time(int runs) {
    const double begin = NowNs();
    for (int i = 0; i < runs; ++i) OCTET_RETURN_IF_ERROR(bound_->Run());
    best_ns_ = std::min(best_ns_, (NowNs() - begin) / runs);
    return absl::OkStatus();
  }

 private:
  plan::WeightCache weights_;
  std::unique_ptr<plan::Step> step_;
  std::unique_ptr<plan::BoundStep> bound_;
  std::vector<Tensor> tensors_;
  double best_ns_ = std::numeric_limits<double>::infinity();
};

double PeakMacsPerNs() {
  double peak = 0;
  for (int i = 0; i < 50; ++i) {
    const double begin = NowNs();
    const int64_t macs = simd::RunByteDots();
    peak = std::max(peak, static_cast<double>(macs) / (NowNs() - begin));
  }
  return peak;
}

absl::Status CompareLayer(const Layer& layer, double peak, ThreadPool* pool) {
  static const auto onednn = onednn::CreateOneDnnBackend({});
  static const auto ours = simd::CreateSimdBackend();
  const SingleNode node = NodeOf(layer);
  OCTET_ASSIGN_OR_RETURN(auto theirs, TimedStep::Create(*onednn, node, pool));
  OCTET_ASSIGN_OR_RETURN(auto mine, TimedStep::Create(*ours, node, pool));
  const auto macs = static_cast<double>(MacsOf(layer));
  const int runs = std::max(1, static_cast<int>(20'000 / (macs / 50)));
  const double end = NowNs() + 1e9 * kSecondsPerLayer;
  do {
    OCTET_RETURN_IF_ERROR(theirs->Time(runs));
    OCTET_RETURN_IF_ERROR(mine->Time(runs));
  } while (NowNs() < end);
  const double rate = macs / mine->best_ns();
  std::printf(
      "%-26s %8.1f us %7.1f GMAC/s %5.1f %%  onednn %8.1f us %7.1f "
      "GMAC/s  ratio %5.2f  %s | %s\n",
      layer.name, mine->best_ns() / 1e3, rate, 100 * rate / peak,
      theirs->best_ns() / 1e3, macs / theirs->best_ns(),
      theirs->best_ns() / mine->best_ns(), mine->kernel().c_str(),
      theirs->kernel().c_str());
  return absl::OkStatus();
}

bool Matches(const std::string& name, int argc, char** argv) {
  return argc == 1 || std::any_of(argv + 1, argv + argc, [&](const char* word) {
           return name.find(word) != std::string::npos;
         });
}

absl::Status Run(int argc, char** argv) {
  if (simd::DetectedCpuFeatures().avx512_vnni == false) {
    return absl::FailedPreconditionError(
        "this machine has no AVX-512 VNNI, whose peak is the yardstick here");
  }
  ThreadPool pool(1);
  const double peak = PeakMacsPerNs();
  std::printf("peak of vpdpbusd: %.1f GMAC/s\n", peak);
  for (const Layer& layer : kLayers) {
    if (!Matches(layer.name, argc, argv)) continue;
    OCTET_RETURN_IF_ERROR(CompareLayer(layer, peak, &pool));
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) {
  const absl::Status status = octet::Run(argc, argv);
  if (status.ok()) return 0;
  std::fprintf(stderr, "product-bench: %s\n", status.ToString().c_str());
  return 1;
}
