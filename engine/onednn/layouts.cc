// SPDX-License-Identifier: Apache-2.0
#include "engine/onednn/layouts.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/onednn/dnnl_boundary.h"

namespace octet::onednn {
namespace {

using Tag = dnnl::memory::format_tag;

absl::Status CheckSpatialAxes(const Shape& shape) {
  if (shape.size() >= 3 && shape.size() <= 5) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("shape ", ShapeToString(shape),
                                               " has no 1 to 3 spatial axes"));
}

}  // namespace

absl::StatusOr<dnnl::memory::desc> ImageDesc(const Shape& shape, DType dtype) {
  absl::Status spatial = CheckSpatialAxes(shape);
  if (!spatial.ok()) return spatial;
  dnnl::memory::dims dims = {shape.front(), shape.back()};
  dims.insert(dims.end(), shape.begin() + 1, shape.end() - 1);
  constexpr Tag kTags[] = {Tag::nwc, Tag::nhwc, Tag::ndhwc};
  return dnnl::memory::desc(dims, DataType(dtype), kTags[shape.size() - 3]);
}

absl::StatusOr<dnnl::memory::desc> WeightsDesc(const Shape& shape,
                                               int64_t groups, DType dtype) {
  absl::Status spatial = CheckSpatialAxes(shape);
  if (!spatial.ok()) return spatial;
  dnnl::memory::dims dims;
  if (groups > 1) dims.push_back(groups);
  dims.push_back(shape.front() / groups);
  dims.push_back(shape.back());
  dims.insert(dims.end(), shape.begin() + 1, shape.end() - 1);
  constexpr Tag kPlain[] = {Tag::owi, Tag::ohwi, Tag::odhwi};
  constexpr Tag kGrouped[] = {Tag::gowi, Tag::gohwi, Tag::godhwi};
  const size_t index = shape.size() - 3;
  return dnnl::memory::desc(dims, DataType(dtype),
                            groups > 1 ? kGrouped[index] : kPlain[index]);
}

dnnl::memory::desc AnyLayout(const dnnl::memory::desc& desc) {
  return dnnl::memory::desc(desc.get_dims(), desc.get_data_type(), Tag::any);
}

}  // namespace octet::onednn
