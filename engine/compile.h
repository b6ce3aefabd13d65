// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_COMPILE_H_
#define OCTET_ENGINE_COMPILE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "engine/engine.h"
#include "engine/onnx/importer.h"
#include "engine/optimize.h"
#include "engine/plan/plan.h"
#include "engine/plan/step.h"

// What loaded_model.cc and quantize.cc have in common. Internal to the facade.
namespace octet::internal {

// The backends of a choice, in the order in which a plan asks them.
class BackendSet {
 public:
  // `exact_qdq`: ModelOptions::exact_qdq.
  explicit BackendSet(BackendChoice choice, bool exact_qdq = false);

  absl::Span<const plan::Backend* const> in_order() const { return in_order_; }

 private:
  std::vector<std::unique_ptr<plan::Backend>> owned_;
  std::vector<const plan::Backend*> in_order_;
};

// Of the second-level cache of a core, as the system says; 1 MiB where it does
// not.
size_t SecondLevelCacheBytes();

}  // namespace octet::internal

#endif  // OCTET_ENGINE_COMPILE_H_
