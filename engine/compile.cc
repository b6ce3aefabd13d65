// SPDX-License-Identifier: Apache-2.0
#include "engine/compile.h"

#include <unistd.h>

#include <utility>

#include "engine/onednn/backend.h"
#include "engine/reference/backend.h"
#include "engine/simd/backend.h"
#include "engine/simd/cpu_features.h"

namespace octet::internal {
namespace {

// The products of integers that oneDNN is asked for before our own kernels:
// what it computes faster on this machine. Any choice gives the same sums, ours
// the reference's bytes too. product-bench (tests/bench) compares the two.
onednn::BackendOptions::IntegerProducts ProductsOfOneDnn() {
  using Products = onednn::BackendOptions::IntegerProducts;
  if (!onednn::IntegerProductsAreExact()) return Products::kNone;
  switch (simd::ActiveIsa()) {
    case simd::Isa::kAmxInt8:  // ours have no tiles
      return Products::kDense;
    case simd::Isa::kAvx512Vnni:
    case simd::Isa::kAvxVnni:  // not compared yet, for want of such a processor
      return Products::kNone;
    default:
      return Products::kAll;
  }
}

}  // namespace

BackendSet::BackendSet(BackendChoice choice, bool exact_qdq) {
  if (choice == BackendChoice::kDefault) {
    using Products = onednn::BackendOptions::IntegerProducts;
    const Products products = ProductsOfOneDnn();
    owned_.push_back(onednn::CreateOneDnnBackend({products}));
    owned_.push_back(simd::CreateSimdBackend());
    if (!onednn::IntegerProductsAreExact()) {
      std::swap(owned_[0], owned_[1]);
    } else if (products != Products::kAll) {
      // What ours have no kernel for.
      owned_.push_back(onednn::CreateOneDnnBackend({Products::kAll}));
    }
  }
  using reference::FloatSums;
  owned_.push_back(reference::CreateReferenceBackend(
      exact_qdq ? FloatSums::kOnnxRuntime : FloatSums::kDouble));
  for (const auto& backend : owned_) in_order_.push_back(backend.get());
}

size_t SecondLevelCacheBytes() {
  const int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return bytes > 0 ? static_cast<size_t>(bytes) : size_t{1} << 20;
}

}  // namespace octet::internal
