// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_ONEDNN_BACKEND_H_
#define OCTET_ENGINE_ONEDNN_BACKEND_H_

#include <memory>
#include <string>

#include "engine/plan/step.h"

namespace octet::onednn {

struct BackendOptions {
  // Which Convs and MatMuls of integers to run. Only exact on machines with
  // VNNI or AMX: elsewhere oneDNN adds pairs of products in 16 bits, which
  // saturate (oneDNN, "Nuances of int8 Computations").
  enum class IntegerProducts {
    kNone,
    kDense,  // all but depthwise Convs
    kAll,
  };
  IntegerProducts integer_products = IntegerProducts::kAll;
};

// The backend "onednn": Conv, MatMul, Pool, GlobalPool and Softmax on float32,
// Conv and MatMul on integers. Images are channels last. Everything else is
// UNIMPLEMENTED with the reason. Results of integer steps may differ from
// `reference` by one where the real value lies within float rounding of a half.
std::unique_ptr<plan::Backend> CreateOneDnnBackend(
    const BackendOptions& options);

// Whether this machine's integer products are exact in oneDNN.
bool IntegerProductsAreExact();

// The version linked in, e.g. "3.7.2".
std::string LibraryVersion();

}  // namespace octet::onednn

#endif  // OCTET_ENGINE_ONEDNN_BACKEND_H_
