// SPDX-License-Identifier: Apache-2.0
#include "engine/quant/input_moments.h"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include "engine/base/status_macros.h"
#include "engine/quant/probe_builder.h"
#include "engine/quant/quantization_sites.h"

namespace octet::quant {

using ir::Graph;
using ir::Node;
using ir::ValueId;

namespace {

// What the weights of a layer meet.
struct Met {
  int64_t groups = 1;
  int64_t channels = 0;  // of a group
  int64_t taps = 1;

  int64_t values() const { return groups * channels * taps; }
};

// How that is cut up.
struct Blocks {
  int64_t count = 0;
  int64_t length = 0;

  int64_t moments() const { return count * length * length; }
};

Met MetBy(const Graph& graph, const Node& layer) {
  const Shape& weights = graph.value(layer.inputs[1]).constant->shape();
  if (const auto* conv = std::get_if<ir::Conv>(&layer.op)) {
    return {
        conv->groups, weights[1],
        std::accumulate(conv->window.kernel.begin(), conv->window.kernel.end(),
                        int64_t{1}, std::multiplies<>())};
  }
  const bool transposed = std::get<ir::MatMul>(layer.op).transpose_b;
  return {1, weights[transposed ? 1 : 0], 1};
}

// The largest blocks of whole channels, of up to `most` values, that each group
// falls into.
Blocks BlocksOf(const Met& met, int64_t most) {
  if (met.values() == 0 || met.taps > most) return {};
  int64_t parts = 1;
  while (met.channels % parts != 0 || met.channels / parts * met.taps > most) {
    ++parts;
  }
  return {met.groups * parts, met.channels / parts * met.taps};
}

// By layer, blocks so small that all of them together have no more than
// kMostMoments.
std::vector<Blocks> BlocksOfAll(const Graph& graph,
                                const std::vector<size_t>& layers) {
  for (int64_t most = MomentObserver::kLargestBlock;; most /= 2) {
    std::vector<Blocks> blocks;
    int64_t moments = 0;
    for (size_t layer : layers) {
      blocks.push_back(BlocksOf(MetBy(graph, graph.nodes()[layer]), most));
      moments += blocks.back().moments();
    }
    if (moments <= MomentObserver::kMostMoments) return blocks;
  }
}

// How many places of a sample are looked at, at most.
int64_t MostPlaces(const Blocks& blocks) {
  const int64_t values = blocks.count * blocks.length;
  return std::max(int64_t{1},
                  std::min(MomentObserver::kMostProducts / blocks.moments(),
                           MomentObserver::kMostMet / values));
}

// How many places apart those of `counts` along each axis are to lie, for
// `most` of them to be left. Not 2 or 3, nor a multiple: images that were made
// larger repeat themselves so.
int64_t StepOf(const std::vector<int64_t>& counts, int64_t most) {
  for (int64_t step = 1;; ++step) {
    if (step > 1 && (step % 2 == 0 || step % 3 == 0)) continue;
    int64_t places = 1;
    for (int64_t count : counts) places *= (count + step - 1) / step;
    if (places <= most) return step;
  }
}

// The places along one axis of a Conv's result that are looked at, and what one
// tap of the kernel meets there.
struct AxisOfTap {
  // Of the places, the first whose tap meets the image and not its padding, and
  // how many do.
  int64_t first = 0;
  int64_t inside = 0;
  int64_t start = 0;   // of the image, where the first one looks
  int64_t stride = 1;  // from there on
};

// `offset` is where in the image, of `size`, the tap of the first place looks.
AxisOfTap MakeAxis(int64_t places, int64_t offset, int64_t stride,
                   int64_t size) {
  AxisOfTap axis;
  axis.stride = places > 1 ? stride : 1;
  axis.first = offset < 0
                   ? std::min(places, (axis.stride - 1 - offset) / axis.stride)
                   : 0;
  axis.start = offset + axis.first * axis.stride;
  if (axis.first < places && axis.start < size) {
    axis.inside = std::min(places - axis.first,
                           (size - 1 - axis.start) / axis.stride + 1);
  }
  return axis;
}

}  // namespace

// Writes the graph with, behind each of the layers, the products of what it
// reads.
class MomentProbe {
 public:
  MomentProbe(const Graph& graph, const std::vector<size_t>& layers)
      : source_(graph.WithRows(1)), layers_(layers), builder_(source_) {
    observer_.nodes_ = graph.nodes().size();
  }

  absl::StatusOr<MomentObserver> Build() {
    const std::vector<Blocks> blocks = BlocksOfAll(source_, layers_);
    size_t layer = 0;
    for (size_t i = 0; i < source_.nodes().size(); ++i) {
      builder_.Append(source_.nodes()[i]);
      if (layer == layers_.size() || layers_[layer] != i) continue;
      if (blocks[layer].count > 0) {
        OCTET_RETURN_IF_ERROR(Add(i, blocks[layer]));
      }
      ++layer;
    }
    observer_.watched_.graph = std::move(builder_).Take();
    return std::move(observer_);
  }

 private:
  absl::Status Add(size_t index, const Blocks& blocks) {
    const Node& node = source_.nodes()[index];
    if (ElementsOf(node.inputs[0]) == 0 || ElementsOf(node.outputs[0]) == 0) {
      return absl::OkStatus();
    }
    const Met met = MetBy(source_, node);
    const auto* conv = std::get_if<ir::Conv>(&node.op);
    OCTET_ASSIGN_OR_RETURN(ValueId seen,
                           conv != nullptr
                               ? SeenByConv(*conv, node, met, blocks)
                               : SeenByMatMul(node.inputs[0], met, blocks));
    const int64_t places = ElementsOf(seen) / met.values();
    OCTET_ASSIGN_OR_RETURN(seen,
                           Shaped(seen, {blocks.count, blocks.length, places}));
    ir::Reduce mean;
    mean.axes = {2};
    OCTET_ASSIGN_OR_RETURN(const ValueId means,
                           builder_.Add("means", mean, {seen}));
    OCTET_ASSIGN_OR_RETURN(
        const ValueId centered,
        builder_.Add("centered", ir::Binary{ir::BinaryKind::kSub, {}},
                     {seen, means}));
    ir::MatMul product;
    product.transpose_b = true;
    OCTET_ASSIGN_OR_RETURN(
        const ValueId products,
        builder_.Add("products", product, {centered, centered}));
    MomentObserver::Layer layer;
    layer.node = index;
    layer.places = places;
    layer.sums.blocks = blocks.count;
    layer.sums.block = blocks.length;
    observer_.layers_.push_back(std::move(layer));
    observer_.watched_.watched.push_back(products);
    observer_.watched_.watched.push_back(means);
    return absl::OkStatus();
  }

  // [channels, taps, places] of all groups, places of all images.
  absl::StatusOr<ValueId> SeenByConv(const ir::Conv& conv, const Node& node,
                                     const Met& met, const Blocks& blocks) {
    // [images, channels, places along each axis...].
    Shape places = ShapeOf(node.outputs[0]);
    std::vector<int64_t> counts = places;
    counts.erase(counts.begin() + 1);
    const int64_t step = StepOf(counts, MostPlaces(blocks));
    for (int64_t& count : places) count = (count + step - 1) / step;
    places[1] = met.groups * met.channels;
    std::vector<ValueId> taps;
    for (int64_t tap = 0; tap < met.taps; ++tap) {
      OCTET_ASSIGN_OR_RETURN(
          const ValueId seen,
          SeenByTap(conv.window, node.inputs[0], tap, step, places));
      OCTET_ASSIGN_OR_RETURN(
          taps.emplace_back(),
          Shaped(seen, {places[1], 1, ElementCount(places) / places[1]}));
    }
    if (taps.size() == 1) return taps[0];
    return builder_.Add("taps", ir::Concat{1}, taps);
  }

  // [channels, images, places along each axis...]: what one tap meets, zeros
  // where that is padding. Nothing larger is made on the way, however much of
  // it there is.
  absl::StatusOr<ValueId> SeenByTap(const ir::Window& window, ValueId image,
                                    int64_t tap, int64_t step,
                                    const Shape& places) {
    const Shape size = ShapeOf(image);
    ir::Slice slice;
    slice.starts.assign(size.size(), 0);
    slice.steps.assign(size.size(), 1);
    slice.sizes = places;
    if (places[0] > 1) slice.steps[0] = step;
    ir::Pad pad;
    pad.begin.assign(size.size(), 0);
    pad.end.assign(size.size(), 0);
    bool pads = false;
    for (size_t a = size.size(); a-- > 2;) {
      const int64_t of_kernel = tap % window.kernel[a - 2];
      tap /= window.kernel[a - 2];
      const AxisOfTap axis = MakeAxis(
          places[a],
          of_kernel * window.dilations[a - 2] - window.pads_begin[a - 2],
          step * window.strides[a - 2], size[a]);
      if (axis.inside == 0) return Zeros(places);
      slice.starts[a] = axis.start;
      slice.steps[a] = axis.stride;
      slice.sizes[a] = axis.inside;
      pad.begin[a] = axis.first;
      pad.end[a] = places[a] - axis.first - axis.inside;
      pads = pads || axis.inside < places[a];
    }
    OCTET_ASSIGN_OR_RETURN(ValueId seen,
                           builder_.Add("seen", std::move(slice), {image}));
    if (pads) {
      OCTET_ASSIGN_OR_RETURN(seen,
                             builder_.Add("padded", std::move(pad), {seen}));
    }
    if (places[0] == 1) return seen;
    ir::Transpose channels_first;
    channels_first.perm.resize(size.size());
    std::iota(channels_first.perm.begin(), channels_first.perm.end(), 0);
    std::swap(channels_first.perm[0], channels_first.perm[1]);
    return builder_.Add("channels", std::move(channels_first), {seen});
  }

  ValueId Zeros(const Shape& shape) {
    const auto [known, is_new] = zeros_.try_emplace(shape);
    if (is_new) {
      known->second =
          builder_.AddConstant("zeros", Tensor(DType::kFloat32, shape));
    }
    return known->second;
  }

  // [channels, rows].
  absl::StatusOr<ValueId> SeenByMatMul(ValueId data, const Met& met,
                                       const Blocks& blocks) {
    const int64_t rows = ElementsOf(data) / met.channels;
    OCTET_ASSIGN_OR_RETURN(const ValueId matrix,
                           Shaped(data, {rows, met.channels}));
    const int64_t step = StepOf({rows}, MostPlaces(blocks));
    ir::Slice slice;
    slice.starts = {0, 0};
    slice.steps = {step, 1};
    slice.sizes = {(rows + step - 1) / step, met.channels};
    OCTET_ASSIGN_OR_RETURN(const ValueId seen,
                           builder_.Add("seen", std::move(slice), {matrix}));
    return builder_.Add("channels", ir::Transpose{{1, 0}}, {seen});
  }

  absl::StatusOr<ValueId> Shaped(ValueId id, const Shape& shape) {
    return builder_.Add("shaped", ir::Reshape{ir::FixedDims(shape)}, {id});
  }

  Shape ShapeOf(ValueId id) const {
    return ir::ConcreteShape(builder_.graph().type(id).dims);
  }
  int64_t ElementsOf(ValueId id) const { return ElementCount(ShapeOf(id)); }

  const Graph source_;
  const std::vector<size_t>& layers_;
  ProbeBuilder builder_;
  MomentObserver observer_;
  std::map<Shape, ValueId> zeros_;
};

absl::StatusOr<MomentObserver> MomentObserver::Create(
    const Graph& graph, const std::vector<size_t>& layers) {
  return MomentProbe(graph, layers).Build();
}

absl::Status MomentObserver::Observe(const ActivationSource& source) {
  const ActivationSink sink = [&](size_t index,
                                  absl::Span<const float> values) {
    Layer& layer = layers_[index / 2];
    if (index % 2 == 0) {
      TakeProducts(values, layer);
    } else {
      TakeMeans(values, layer);
    }
    return absl::OkStatus();
  };
  for (int64_t ran = 1; ran > 0;) {
    OCTET_ASSIGN_OR_RETURN(ran, source(sink));
  }
  return absl::OkStatus();
}

void MomentObserver::TakeProducts(absl::Span<const float> products,
                                  Layer& layer) {
  std::vector<double>& sums = layer.sums.covariance;
  sums.resize(products.size(), 0.0);
  for (size_t i = 0; i < products.size(); ++i) sums[i] += products[i];
}

void MomentObserver::TakeMeans(absl::Span<const float> means, Layer& layer) {
  InputMoments& sums = layer.sums;
  sums.means.resize(means.size(), 0.0);
  sums.covariance.resize(means.size() * sums.block, 0.0);
  const auto places = static_cast<double>(layer.places);
  double* products = sums.covariance.data();
  for (int64_t row = 0; row < sums.blocks * sums.block; ++row) {
    const float* of_block = means.data() + row / sums.block * sums.block;
    const double mean = places * means[row];
    sums.means[row] += mean;
    for (int64_t i = 0; i < sums.block; ++i) *products++ += mean * of_block[i];
  }
  sums.seen += layer.places;
}

std::vector<InputMoments> MomentObserver::TakeMoments() && {
  std::vector<InputMoments> moments(nodes_);
  for (Layer& layer : layers_) {
    if (layer.sums.seen == 0) continue;
    InputMoments& of_layer = moments[layer.node];
    of_layer = std::move(layer.sums);
    const auto seen = static_cast<double>(of_layer.seen);
    for (double& mean : of_layer.means) mean /= seen;
    double* covariance = of_layer.covariance.data();
    for (int64_t row = 0; row < of_layer.blocks * of_layer.block; ++row) {
      const double* means =
          of_layer.means.data() + row / of_layer.block * of_layer.block;
      for (int64_t i = 0; i < of_layer.block; ++i, ++covariance) {
        *covariance = *covariance / seen - of_layer.means[row] * means[i];
      }
    }
  }
  return moments;
}

int64_t MomentObserver::MemoryFor(const Graph& graph) {
  int64_t moments = 0;
  int64_t most_met = 0;
  for (const Node& node : graph.nodes()) {
    if (!IsWeighted(graph, node)) continue;
    const Met met = MetBy(graph, node);
    const Blocks blocks = BlocksOf(met, kLargestBlock);
    if (blocks.count == 0) continue;
    moments += blocks.moments();
    most_met = std::max(most_met, met.values() * MostPlaces(blocks));
  }
  return std::min(moments, kMostMoments) *
             static_cast<int64_t>(sizeof(double) + sizeof(float)) +
         most_met * 3 * static_cast<int64_t>(sizeof(float));
}

}  // namespace octet::quant
