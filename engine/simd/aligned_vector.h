// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_SIMD_ALIGNED_VECTOR_H_
#define OCTET_ENGINE_SIMD_ALIGNED_VECTOR_H_

#include <cstddef>
#include <new>
#include <vector>

namespace octet::simd::internal {

// Gives memory that starts on a cache line.
template <typename T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::align_val_t kLine{64};

  LineAllocator() = default;
  template <typename U>
  LineAllocator(const LineAllocator<U>&) {}  // NOLINT: as the standard asks

  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), kLine));
  }
  void deallocate(T* p, size_t) { ::operator delete(p, kLine); }

  bool operator==(const LineAllocator&) const = default;
};

// What kernels read in vectors of 64 bytes: a load that crosses cache lines
// takes twice the time.
template <typename T>
using AlignedVector = std::vector<T, LineAllocator<T>>;

}  // namespace octet::simd::internal

#endif  // OCTET_ENGINE_SIMD_ALIGNED_VECTOR_H_
