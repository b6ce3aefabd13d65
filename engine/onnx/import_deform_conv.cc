// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/import_window.h"
#include "engine/onnx/op_registry.h"

namespace octet::onnx {
namespace {

using ir::Dim;
using ir::Dims;
using ir::ValueId;

// A convolution whose taps lie where the offsets say, as a GridSample of all
// taps, an optional product with the mask, and a matrix product:
//
//   places    [N * offset groups, taps * out[0], out[1]..., axes]
//   samples   [N * offset groups, C / offset groups, taps * out[0], out[1]...]
//   product   weights [groups, O / groups, C / groups * taps] times
//             samples [N, groups, C / groups * taps, out]
class DeformConvImport {
 public:
  DeformConvImport(const NodeReader& node, GraphBuilder& graph)
      : node_(node), graph_(graph) {}

  absl::Status Run() {
    OCTET_RETURN_IF_ERROR(ReadShapes());
    OCTET_ASSIGN_OR_RETURN(ValueId places, Places());
    OCTET_ASSIGN_OR_RETURN(ValueId x, graph_.Read(node_, 0));
    OCTET_ASSIGN_OR_RETURN(ValueId samples, Samples(x, places));
    OCTET_ASSIGN_OR_RETURN(ValueId weights, graph_.Read(node_, 1));
    const int64_t depth = channels_ / groups_ * taps_;
    OCTET_ASSIGN_OR_RETURN(
        weights,
        Reshaped(weights, {Dim::Fixed(groups_), Dim::Fixed(outputs_ / groups_),
                           Dim::Fixed(depth)}));
    OCTET_ASSIGN_OR_RETURN(
        samples, Reshaped(samples, {batch_, Dim::Fixed(groups_),
                                    Dim::Fixed(depth), Dim::Fixed(places_)}));
    OCTET_ASSIGN_OR_RETURN(ValueId product, graph_.Compute(node_, ir::MatMul{},
                                                           {weights, samples}));
    Dims image = {batch_, Dim::Fixed(outputs_)};
    for (int64_t extent : out_) image.push_back(Dim::Fixed(extent));
    if (!node_.HasInput(3)) {
      return graph_.Result(node_, ir::Reshape{std::move(image)}, {product});
    }
    OCTET_ASSIGN_OR_RETURN(product, Reshaped(product, std::move(image)));
    OCTET_ASSIGN_OR_RETURN(ValueId bias, graph_.Read(node_, 3));
    Dims along(out_.size() + 1, Dim::Fixed(1));
    along[0] = Dim::Fixed(outputs_);
    OCTET_ASSIGN_OR_RETURN(bias, Reshaped(bias, std::move(along)));
    return graph_.Result(node_, ir::Binary{ir::BinaryKind::kAdd, {}},
                         {product, bias});
  }

 private:
  absl::StatusOr<ValueId> Reshaped(ValueId id, Dims dims) {
    return graph_.Compute(node_, ir::Reshape{std::move(dims)}, {id});
  }

  // Every input's type and the sizes that the others must agree with; what is
  // left is checked by the rules of the operators that they go into.
  absl::Status ReadShapes() {
    for (int i = 0; i < node_.input_count(); ++i) {
      if (!node_.HasInput(i)) continue;
      OCTET_ASSIGN_OR_RETURN(ValueId id, graph_.Read(node_, i));
      OCTET_RETURN_IF_ERROR(
          ExpectFloat32(absl::StrCat("input ", i), graph_.type(id)));
    }
    OCTET_ASSIGN_OR_RETURN(ValueId x, graph_.Read(node_, 0));
    OCTET_ASSIGN_OR_RETURN(ValueId weights, graph_.Read(node_, 1));
    const Dims dims = graph_.dims(x);
    const Dims w = graph_.dims(weights);
    OCTET_RETURN_IF_ERROR(ExpectImage(dims));
    if (w.size() != dims.size() || ir::HasRows(w)) return Misfit(dims, w);
    std::vector<int64_t> kernel;
    for (size_t i = 2; i < w.size(); ++i) kernel.push_back(w[i].value);
    const std::vector<int64_t> own = kernel;
    OCTET_ASSIGN_OR_RETURN(auto sliding,
                           ReadWindow(node_, dims, std::move(kernel)));
    window_ = std::move(sliding.window);
    OCTET_ASSIGN_OR_RETURN(groups_, node_.Int("group", 1));
    OCTET_ASSIGN_OR_RETURN(offset_groups_, node_.Int("offset_group", 1));
    batch_ = dims[0];
    channels_ = dims[1].value;
    outputs_ = w[0].value;
    if (window_.kernel != own || groups_ < 1 || offset_groups_ < 1 ||
        channels_ % groups_ != 0 || channels_ % offset_groups_ != 0 ||
        outputs_ % groups_ != 0 || w[1].value != channels_ / groups_) {
      return Misfit(dims, w);
    }
    OCTET_ASSIGN_OR_RETURN(taps_, CheckedElementCount(own, kMaxElements));
    return CountWindows(dims);
  }

  absl::Status Misfit(const Dims& x, const Dims& weights) const {
    return absl::InvalidArgumentError(absl::StrCat(
        "the input has dimensions ", ir::DimsToString(x), ", the weights ",
        ir::DimsToString(weights), ", in ", groups_, " groups and ",
        offset_groups_,
        " offset groups; expected [N, C, spatial...] and [M, C/group, "
        "kernel...]"));
  }

  absl::Status CountWindows(const Dims& x) {
    for (size_t i = 0; i < window_.kernel.size(); ++i) {
      const int64_t extent = (window_.kernel[i] - 1) * window_.dilations[i] + 1;
      const int64_t steps =
          x[i + 2].value + window_.pads_begin[i] + window_.pads_end[i] - extent;
      if (steps < 0 || x[i + 2].value < 1) {
        return absl::InvalidArgumentError(
            absl::StrCat("a window of ", extent, " does not fit spatial axis ",
                         i, " of ", ir::DimsToString(x)));
      }
      sizes_.push_back(x[i + 2].value);
      out_.push_back(steps / window_.strides[i] + 1);
    }
    std::vector<int64_t> all = out_;
    OCTET_ASSIGN_OR_RETURN(places_, CheckedElementCount(all, kMaxElements));
    all.push_back(taps_);
    all.push_back(static_cast<int64_t>(sizes_.size()));
    return CheckedElementCount(all, kMaxElements).status();
  }

  // [first, out[1]..., last...] with the taps in front of the first axis.
  Dims PlaceDims(std::vector<Dim> first, bool with_axes) const {
    Dims dims = std::move(first);
    for (size_t i = 0; i < out_.size(); ++i) {
      dims.push_back(Dim::Fixed(i == 0 ? taps_ * out_[0] : out_[i]));
    }
    if (with_axes) {
      dims.push_back(Dim::Fixed(static_cast<int64_t>(sizes_.size())));
    }
    return dims;
  }

  // Where the taps lie without offsets, from -1 to 1, innermost axis first.
  // As GridSample has it without align_corners: position p of an axis of `size`
  // elements is (2 * p + 1) / size - 1.
  absl::StatusOr<ValueId> PlainPlaces() {
    const size_t axes = sizes_.size();
    const int64_t count = taps_ * places_ * static_cast<int64_t>(axes);
    OCTET_RETURN_IF_ERROR(
        graph_.Charge(count * static_cast<int64_t>(sizeof(float))));
    Tensor tensor(DType::kFloat32,
                  ir::ConcreteShape(PlaceDims({Dim::Fixed(1)}, true)));
    const auto data = tensor.mutable_data<float>();
    for (int64_t i = 0; i < taps_ * places_; ++i) {
      int64_t place = i % places_;
      int64_t tap = i / places_;
      for (size_t j = 0; j < axes; ++j) {
        const size_t axis = axes - 1 - j;
        const auto position = static_cast<double>(
            place % out_[axis] * window_.strides[axis] -
            window_.pads_begin[axis] +
            tap % window_.kernel[axis] * window_.dilations[axis]);
        data[i * axes + j] = static_cast<float>(
            (2 * position + 1) / static_cast<double>(sizes_[axis]) - 1);
        place /= out_[axis];
        tap /= window_.kernel[axis];
      }
    }
    return graph_.AddConstant(node_, std::move(tensor));
  }

  // 2 / size for each axis, innermost first.
  absl::StatusOr<ValueId> Units() {
    std::vector<float> units;
    for (size_t i = sizes_.size(); i-- > 0;) {
      units.push_back(static_cast<float>(2.0 / static_cast<double>(sizes_[i])));
    }
    return graph_.AddConstant(
        node_, Tensor::Of<float>({static_cast<int64_t>(units.size())}, units));
  }

  // The offsets [N, offset groups * taps * axes, out...] added to the places.
  absl::StatusOr<ValueId> Places() {
    const auto axes = static_cast<int64_t>(sizes_.size());
    OCTET_ASSIGN_OR_RETURN(ValueId offset, graph_.Read(node_, 2));
    Dims dims = {Groups(), Dim::Fixed(taps_), Dim::Fixed(axes)};
    for (int64_t extent : out_) dims.push_back(Dim::Fixed(extent));
    OCTET_ASSIGN_OR_RETURN(offset, Reshaped(offset, std::move(dims)));
    ir::Transpose to_last{{0, 1}};
    for (int i = 0; i < axes; ++i) to_last.perm.push_back(3 + i);
    to_last.perm.push_back(2);
    OCTET_ASSIGN_OR_RETURN(offset,
                           graph_.Compute(node_, std::move(to_last), {offset}));
    OCTET_ASSIGN_OR_RETURN(offset,
                           Reshaped(offset, PlaceDims({Groups()}, true)));
    // Outermost axis first there, innermost first in a grid.
    ir::Slice backwards;
    for (const Dim& dim : graph_.dims(offset)) {
      backwards.starts.push_back(0);
      backwards.steps.push_back(1);
      backwards.sizes.push_back(dim.per_row ? 0 : dim.value);
    }
    backwards.starts.back() = axes - 1;
    backwards.steps.back() = -1;
    OCTET_ASSIGN_OR_RETURN(
        offset, graph_.Compute(node_, std::move(backwards), {offset}));
    OCTET_ASSIGN_OR_RETURN(ValueId units, Units());
    OCTET_ASSIGN_OR_RETURN(
        offset, graph_.Compute(node_, ir::Binary{ir::BinaryKind::kMul, {}},
                               {offset, units}));
    OCTET_ASSIGN_OR_RETURN(ValueId plain, PlainPlaces());
    return graph_.Compute(node_, ir::Binary{ir::BinaryKind::kAdd, {}},
                          {offset, plain});
  }

  absl::StatusOr<ValueId> Samples(ValueId x, ValueId places) {
    Dims image = {Groups(), Dim::Fixed(channels_ / offset_groups_)};
    for (int64_t size : sizes_) image.push_back(Dim::Fixed(size));
    OCTET_ASSIGN_OR_RETURN(x, Reshaped(x, std::move(image)));
    OCTET_ASSIGN_OR_RETURN(
        ValueId samples, graph_.Compute(node_, ir::GridSample{}, {x, places}));
    if (!node_.HasInput(4)) return samples;
    OCTET_ASSIGN_OR_RETURN(ValueId mask, graph_.Read(node_, 4));
    OCTET_ASSIGN_OR_RETURN(
        mask, Reshaped(mask, PlaceDims({Groups(), Dim::Fixed(1)}, false)));
    return graph_.Compute(node_, ir::Binary{ir::BinaryKind::kMul, {}},
                          {samples, mask});
  }

  // N * offset groups.
  Dim Groups() const { return {batch_.value * offset_groups_, batch_.per_row}; }

  const NodeReader& node_;
  GraphBuilder& graph_;
  ir::Window window_;
  int64_t groups_ = 1;
  int64_t offset_groups_ = 1;
  Dim batch_;
  int64_t channels_ = 0;
  int64_t outputs_ = 0;
  int64_t taps_ = 1;            // of the kernel
  int64_t places_ = 1;          // of the output in one image
  std::vector<int64_t> sizes_;  // of the input's spatial axes
  std::vector<int64_t> out_;    // of the output's
};

}  // namespace

absl::Status ImportDeformConv(const NodeReader& node, GraphBuilder& graph) {
  OCTET_RETURN_IF_ERROR(node.ExpectInputs(3, 5));
  return DeformConvImport(node, graph).Run();
}

}  // namespace octet::onnx
