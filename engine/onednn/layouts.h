// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONEDNN_LAYOUTS_H_
#define OCTET_ENGINE_ONEDNN_LAYOUTS_H_

#include <dnnl.hpp>

#include "absl/status/statusor.h"
#include "engine/base/dtype.h"
#include "engine/base/shape.h"

namespace octet::onednn {

// The descriptor of a channels-last image tensor of shape [N, spatial..., C];
// oneDNN names its dimensions N, C, spatial. UNIMPLEMENTED unless it has 1 to 3
// spatial axes.
absl::StatusOr<dnnl::memory::desc> ImageDesc(const Shape& shape, DType dtype);

// The descriptor of convolution weights [O, kernel..., I/groups]; with groups,
// oneDNN names their dimensions G, O/G, I/G, kernel.
absl::StatusOr<dnnl::memory::desc> WeightsDesc(const Shape& shape,
                                               int64_t groups, DType dtype);

// `desc` with the layout left to oneDNN.
dnnl::memory::desc AnyLayout(const dnnl::memory::desc& desc);

}  // namespace octet::onednn

#endif  // OCTET_ENGINE_ONEDNN_LAYOUTS_H_
