// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_PLAN_WEIGHT_CACHE_H_
#define OCTET_ENGINE_PLAN_WEIGHT_CACHE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "engine/ir/graph.h"

namespace octet::plan {

// Packed weights of one model, made once and shared by its plans.
//
// An entry is whatever object a backend makes of a node's constants, under a
// key that names the node's weights and the form they are packed in. Entries
// live as long as the cache or the last step that holds one. Thread-safe.
class WeightCache {
 public:
  // How weights are told apart: by the names of node and values, which suffices
  // for the plans of one graph; or by their contents too, for plans of
  // different graphs of one model.
  enum class Keys { kByName, kByContent };
  explicit WeightCache(Keys keys = Keys::kByName) : keys_(keys) {}

  // The part of a key that names the constants which `node` of `graph` reads.
  std::string KeyOf(const ir::Graph& graph, const ir::Node& node) const;

  // The entry under `key`, made by `make`, an absl::StatusOr<shared_ptr<const
  // T>> function, if there is none yet. `bytes_of` says what a new one takes.
  // REQUIRES: one key always goes with one T.
  template <typename T, typename Make, typename BytesOf>
  absl::StatusOr<std::shared_ptr<const T>> GetOrMake(const std::string& key,
                                                     Make make,
                                                     BytesOf bytes_of) {
    absl::MutexLock lock(&mutex_);
    auto found = entries_.find(key);
    if (found != entries_.end()) {
      return std::static_pointer_cast<const T>(found->second);
    }
    absl::StatusOr<std::shared_ptr<const T>> made = make();
    if (!made.ok()) return made.status();
    entries_.emplace(key, *made);
    bytes_ += bytes_of(**made);
    return *std::move(made);
  }

  // The entry under `key`, or null. REQUIRES: as GetOrMake().
  template <typename T>
  std::shared_ptr<const T> Find(const std::string& key) const {
    absl::MutexLock lock(&mutex_);
    auto found = entries_.find(key);
    if (found == entries_.end()) return nullptr;
    return std::static_pointer_cast<const T>(found->second);
  }

  // Sum of the sizes of all entries.
  int64_t bytes() const {
    absl::MutexLock lock(&mutex_);
    return bytes_;
  }

 private:
  const Keys keys_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<const void>> entries_
      ABSL_GUARDED_BY(mutex_);
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace octet::plan

#endif  // OCTET_ENGINE_PLAN_WEIGHT_CACHE_H_
