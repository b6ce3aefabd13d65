// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/base/status_macros.h"
#include "engine/onnx/value_functions.h"

namespace octet::onnx {
namespace {

// A box by its corners, lower <= upper.
struct Box {
  float lower[2];
  float upper[2];

  float Area() const { return (upper[0] - lower[0]) * (upper[1] - lower[1]); }
};

Box BoxOf(const float* values, bool center) {
  Box box;
  for (int axis = 0; axis < 2; ++axis) {
    float a = values[axis];
    float b = values[axis + 2];
    if (center) {
      // Center and length.
      const float half = b / 2;
      b = a + half;
      a = a - half;
    }
    box.lower[axis] = std::min(a, b);
    box.upper[axis] = std::max(a, b);
  }
  return box;
}

// Whether the intersection is more than `threshold` of the union.
bool Overlap(const Box& a, const Box& b, float threshold) {
  float intersection = 1;
  for (int axis = 0; axis < 2; ++axis) {
    const float length = std::min(a.upper[axis], b.upper[axis]) -
                         std::max(a.lower[axis], b.lower[axis]);
    if (!(length > 0)) return false;
    intersection *= length;
  }
  const float area_a = a.Area();
  const float area_b = b.Area();
  if (!(area_a > 0) || !(area_b > 0)) return false;
  return intersection / (area_a + area_b - intersection) > threshold;
}

struct Request {
  const Tensor* boxes = nullptr;   // [B, N, 4]
  const Tensor* scores = nullptr;  // [B, C, N]
  bool center = false;
  int64_t max_boxes = 0;  // of one class
  float overlap_threshold = 0;
  std::optional<float> score_threshold;
};

absl::StatusOr<float> OneFloat(const Tensor& tensor, absl::string_view what) {
  if (tensor.dtype() == DType::kFloat32 && tensor.size() == 1) {
    return tensor.data<float>()[0];
  }
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is ", Name(tensor.dtype()),
                   ShapeToString(tensor.shape()), "; expected one float32"));
}

absl::Status ExpectBoxes(const Tensor& boxes, const Tensor& scores) {
  const Shape& b = boxes.shape();
  const Shape& s = scores.shape();
  if (boxes.dtype() == DType::kFloat32 && scores.dtype() == DType::kFloat32 &&
      b.size() == 3 && s.size() == 3 && b[2] == 4 && b[0] == s[0] &&
      b[1] == s[2]) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("boxes are ", Name(boxes.dtype()), ShapeToString(b),
                   " and scores ", Name(scores.dtype()), ShapeToString(s),
                   "; expected float32[B, N, 4] and float32[B, C, N]"));
}

absl::StatusOr<Request> ReadRequest(
    const NodeReader& node, absl::Span<const std::optional<Tensor>> inputs) {
  const auto has = [&inputs](size_t i) {
    return i < inputs.size() && inputs[i].has_value();
  };
  if (!has(0) || !has(1)) {
    return absl::InvalidArgumentError("boxes or scores are missing");
  }
  Request request;
  request.boxes = &*inputs[0];
  request.scores = &*inputs[1];
  OCTET_RETURN_IF_ERROR(ExpectBoxes(*request.boxes, *request.scores));
  OCTET_ASSIGN_OR_RETURN(const int64_t center, node.Int("center_point_box", 0));
  request.center = center != 0;
  if (has(2)) {
    if (inputs[2]->dtype() != DType::kInt64 || inputs[2]->size() != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "max_output_boxes_per_class is ", Name(inputs[2]->dtype()),
          ShapeToString(inputs[2]->shape()), "; expected one int64"));
    }
    request.max_boxes = inputs[2]->data<int64_t>()[0];
  }
  if (has(3)) {
    OCTET_ASSIGN_OR_RETURN(request.overlap_threshold,
                           OneFloat(*inputs[3], "iou_threshold"));
  }
  if (has(4)) {
    OCTET_ASSIGN_OR_RETURN(request.score_threshold,
                           OneFloat(*inputs[4], "score_threshold"));
  }
  return request;
}

// The boxes of one class that are candidates, best first, equal ones in order.
std::vector<int64_t> Candidates(const Request& request, const float* scores,
                                int64_t count) {
  std::vector<int64_t> candidates;
  for (int64_t i = 0; i < count; ++i) {
    const bool good = request.score_threshold.has_value()
                          ? scores[i] > *request.score_threshold
                          : !std::isnan(scores[i]);
    if (good) candidates.push_back(i);
  }
  std::stable_sort(
      candidates.begin(), candidates.end(),
      [scores](int64_t a, int64_t b) { return scores[a] > scores[b]; });
  return candidates;
}

}  // namespace

absl::StatusOr<std::vector<Tensor>> NonMaxSuppression(
    const NodeReader& node, absl::Span<const std::optional<Tensor>> inputs) {
  OCTET_ASSIGN_OR_RETURN(const Request request, ReadRequest(node, inputs));
  const int64_t batches = request.scores->shape()[0];
  const int64_t classes = request.scores->shape()[1];
  const int64_t count = request.scores->shape()[2];
  const float* boxes = request.boxes->data<float>().data();
  const float* scores = request.scores->data<float>().data();
  std::vector<int64_t> selected;  // batch, class, box
  int64_t comparisons = 0;
  // Nothing is wanted, or there is nothing: not even the loops are.
  if (request.max_boxes <= 0 || count == 0) {
    return std::vector<Tensor>{Tensor(DType::kInt64, {0, 3})};
  }
  for (int64_t i = 0; i < batches * classes; ++i) {
    const int64_t batch = i / classes;
    std::vector<Box> kept;
    for (int64_t box : Candidates(request, scores + i * count, count)) {
      if (static_cast<int64_t>(kept.size()) >= request.max_boxes) break;
      const Box candidate =
          BoxOf(boxes + (batch * count + box) * 4, request.center);
      bool suppressed = false;
      for (size_t k = 0; k < kept.size() && !suppressed; ++k) {
        suppressed = Overlap(candidate, kept[k], request.overlap_threshold);
        ++comparisons;
      }
      if (comparisons > kMaxComparisons) {
        return absl::ResourceExhaustedError(
            absl::StrCat("compares more than ", kMaxComparisons,
                         " pairs of boxes, which is the limit"));
      }
      if (suppressed) continue;
      kept.push_back(candidate);
      selected.insert(selected.end(), {batch, i % classes, box});
    }
  }
  const auto rows = static_cast<int64_t>(selected.size()) / 3;
  return std::vector<Tensor>{Tensor::Of<int64_t>({rows, 3}, selected)};
}

}  // namespace octet::onnx
