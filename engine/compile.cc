// SPDX-License-Identifier: Apache-2.0
#include "engine/compile.h"

#include <utility>

#include "engine/onednn/backend.h"
#include "engine/reference/backend.h"
#include "engine/simd/backend.h"

namespace octet::internal {

BackendSet::BackendSet(BackendChoice choice) {
  if (choice == BackendChoice::kDefault) {
    // Where oneDNN's integer products would saturate, ours are asked first;
    // elsewhere they take what oneDNN has no fast kernel for.
    const bool exact = onednn::IntegerProductsAreExact();
    owned_.push_back(onednn::CreateOneDnnBackend({/*integer_products=*/exact}));
    owned_.push_back(simd::CreateSimdBackend());
    if (!exact) std::swap(owned_[0], owned_[1]);
  }
  owned_.push_back(reference::CreateReferenceBackend());
  for (const auto& backend : owned_) in_order_.push_back(backend.get());
}

}  // namespace octet::internal
