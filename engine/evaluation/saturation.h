// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_EVALUATION_SATURATION_H_
#define OCTET_ENGINE_EVALUATION_SATURATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/engine.h"

namespace octet {

// How often one layer would saturate.
struct LayerSaturation {
  std::string name;       // the node's
  int64_t sums = 0;       // of two products, over all samples
  int64_t saturated = 0;  // of these: outside of [-32768, 32767]
};

struct Saturation {
  int64_t samples = 0;
  std::vector<LayerSaturation> layers;  // in graph order

  int64_t sums() const;
  int64_t saturated() const;
};

// Counts what the int8 ONNX model `model` loses in a runtime that multiplies by
// vpmaddubsw, as x86 processors without VNNI make it tempting: that instruction
// adds two neighbouring products u8 * s8 in 16 bits, saturating. octet itself
// never does.
//
// Assumed of such a runtime: a Conv is a matrix product whose depth has the
// kernel's positions outside and the input channels of a group inside, padded
// with the zero point; a MatMul's depth is its last axis; products 2i and
// 2i + 1 of the depth are added. Data of int8 gets 128 added first. Layers of
// one input channel a group (depthwise) are left out, for they have kernels
// that do not add in pairs; so is what octet runs in float.
//
// `samples` as in Evaluate(); the first `most_samples` of them are looked at,
// `observer` may be null, its phase is "saturation".
// INVALID_ARGUMENT  samples that do not fit the model, or a float model.
// UNIMPLEMENTED     shapes that are not known before a run, or a layer that
//                   reads an input of the model without a QuantizeLinear.
// Otherwise as Model::FromBytes().
absl::StatusOr<Saturation> CountSaturation(
    absl::string_view model, absl::Span<const NamedTensor> samples,
    int64_t most_samples, QuantizationObserver* observer);

}  // namespace octet

#endif  // OCTET_ENGINE_EVALUATION_SATURATION_H_
