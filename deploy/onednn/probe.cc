// SPDX-License-Identifier: Apache-2.0
// Links and runs every primitive that octet takes from oneDNN, on sizes small
// enough to know the answers: a build that left out too much fails here, not
// in the middle of somebody's model.
#include <cstdint>
#include <cstdio>
#include <unordered_map>
#include <vector>

#include "oneapi/dnnl/dnnl.hpp"

namespace {

using Memory = dnnl::memory;
using Type = Memory::data_type;
using Tag = Memory::format_tag;

const dnnl::engine& Cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

template <typename T>
Memory Filled(const Memory::desc& desc, T value) {
  Memory memory(desc, Cpu());
  T* data = static_cast<T*>(memory.get_data_handle());
  for (size_t i = 0; i < desc.get_size() / sizeof(T); ++i) data[i] = value;
  return memory;
}

void Run(const dnnl::primitive& primitive,
         const std::unordered_map<int, Memory>& args) {
  dnnl::stream stream(Cpu());
  primitive.execute(stream, args);
  stream.wait();
}

// Reports `what` when element `index` of `memory` is not `expected`.
template <typename T>
int Check(const char* what, const Memory& memory, size_t index, T expected) {
  const double got = static_cast<const T*>(memory.get_data_handle())[index];
  if (got == static_cast<double>(expected)) return 0;
  std::printf("%s: got %g, expected %g\n", what, got,
              static_cast<double>(expected));
  return 1;
}

// Weights are 2: without VNNI, oneDNN halves the weights of a convolution with
// s8 sources to keep their sums in 16 bits, which only even ones survive.
constexpr int kWeight = 2;

// A 3x3 convolution of an image of ones with 16 channels, in `groups` groups.
template <typename Source, typename Weight, typename Result>
int Convolve(const char* what, Type source, Type weight, Type result,
             int64_t groups) {
  const int64_t in = 16 / groups;
  const Memory::desc source_desc({1, 16, 8, 8}, source, Tag::nhwc);
  const Memory::desc weight_desc =
      groups == 1 ? Memory::desc({16, in, 3, 3}, weight, Tag::oihw)
                  : Memory::desc({groups, 1, in, 3, 3}, weight, Tag::goihw);
  const Memory::desc any_weights(weight_desc.get_dims(), weight, Tag::any);
  const Memory::desc result_desc({1, 16, 8, 8}, result, Tag::nhwc);
  const dnnl::convolution_forward::primitive_desc desc(
      Cpu(), dnnl::prop_kind::forward_inference,
      dnnl::algorithm::convolution_direct, source_desc, any_weights,
      result_desc, {1, 1}, {1, 1}, {1, 1});
  // Row 4, column 4, which no padding reaches.
  constexpr size_t kInnerPixel = (4 * 8 + 4) * 16;
  Memory plain = Filled<Weight>(weight_desc, kWeight);
  Memory packed(desc.weights_desc(), Cpu());
  Run(dnnl::reorder(plain, packed),
      {{DNNL_ARG_FROM, plain}, {DNNL_ARG_TO, packed}});
  Memory out(result_desc, Cpu());
  Run(dnnl::convolution_forward(desc),
      {{DNNL_ARG_SRC, Filled<Source>(source_desc, 1)},
       {DNNL_ARG_WEIGHTS, packed},
       {DNNL_ARG_DST, out}});
  return Check<Result>(what, out, kInnerPixel,
                       static_cast<Result>(9 * in * kWeight));
}

template <typename Source, typename Weight, typename Result>
int Multiply(const char* what, Type source, Type weight, Type result) {
  const Memory::desc a({4, 32}, source, Tag::ab);
  const Memory::desc b({32, 16}, weight, Tag::ab);
  const Memory::desc c({4, 16}, result, Tag::ab);
  const dnnl::matmul::primitive_desc desc(Cpu(), a, b, c);
  Memory out(c, Cpu());
  Run(dnnl::matmul(desc), {{DNNL_ARG_SRC, Filled<Source>(a, 1)},
                           {DNNL_ARG_WEIGHTS, Filled<Weight>(b, kWeight)},
                           {DNNL_ARG_DST, out}});
  return Check<Result>(what, out, 0, static_cast<Result>(32 * kWeight));
}

int Pool() {
  const Memory::desc source({1, 16, 8, 8}, Type::f32, Tag::nhwc);
  const Memory::desc result({1, 16, 4, 4}, Type::f32, Tag::nhwc);
  const dnnl::pooling_forward::primitive_desc desc(
      Cpu(), dnnl::prop_kind::forward_inference,
      dnnl::algorithm::pooling_avg_exclude_padding, source, result, {2, 2},
      {2, 2}, {0, 0}, {0, 0}, {0, 0});
  Memory out(result, Cpu());
  Run(dnnl::pooling_forward(desc),
      {{DNNL_ARG_SRC, Filled<float>(source, 3)}, {DNNL_ARG_DST, out}});
  return Check<float>("pooling", out, 0, 3);
}

int Softmax() {
  const Memory::desc rows({4, 8}, Type::f32, Tag::ab);
  const dnnl::softmax_forward::primitive_desc desc(
      Cpu(), dnnl::prop_kind::forward_inference,
      dnnl::algorithm::softmax_accurate, rows, rows, 1);
  Memory out(rows, Cpu());
  Run(dnnl::softmax_forward(desc),
      {{DNNL_ARG_SRC, Filled<float>(rows, 1)}, {DNNL_ARG_DST, out}});
  return Check<float>("softmax", out, 0, 0.125f);
}

}  // namespace

int main() {
  int failures = 0;
  failures += Convolve<float, float, float>("convolution f32", Type::f32,
                                            Type::f32, Type::f32, 1);
  failures += Convolve<float, float, float>(
      "depthwise convolution f32", Type::f32, Type::f32, Type::f32, 16);
  failures += Convolve<uint8_t, int8_t, int32_t>("convolution u8", Type::u8,
                                                 Type::s8, Type::s32, 1);
  failures += Convolve<int8_t, int8_t, int32_t>("convolution s8", Type::s8,
                                                Type::s8, Type::s32, 1);
  failures += Convolve<uint8_t, int8_t, int32_t>(
      "depthwise convolution u8", Type::u8, Type::s8, Type::s32, 16);
  failures += Multiply<float, float, float>("matmul f32", Type::f32, Type::f32,
                                            Type::f32);
  failures += Multiply<uint8_t, int8_t, int32_t>("matmul u8", Type::u8,
                                                 Type::s8, Type::s32);
  failures += Multiply<int8_t, int8_t, int32_t>("matmul s8", Type::s8, Type::s8,
                                                Type::s32);
  failures += Pool();
  failures += Softmax();
  return failures == 0 ? 0 : 1;
}
