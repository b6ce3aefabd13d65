// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_MODELS_MEMORY_BUDGET_H_
#define OCTET_SERVER_MODELS_MEMORY_BUDGET_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace octet {

// How much memory loaded models may take, and which of them takes how much.
//
// Thread-safe.
class MemoryBudget {
 public:
  // A part of the budget that is given back when this is destroyed.
  class Share {
   public:
    ~Share();
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Makes it `bytes`. RESOURCE_EXHAUSTED as Take(); it then stays as it was.
    absl::Status Resize(int64_t bytes);

   private:
    friend class MemoryBudget;
    struct Entry {
      std::string owner;
      int64_t bytes = 0;
    };
    Share(MemoryBudget* budget, std::list<Entry>::iterator entry)
        : budget_(budget), entry_(entry) {}

    MemoryBudget* const budget_;
    const std::list<Entry>::iterator entry_;
  };

  explicit MemoryBudget(int64_t bytes) : bytes_(bytes) {}

  // Takes `bytes` for `owner`, as messages name it. The budget must outlive
  // the share. RESOURCE_EXHAUSTED, saying what is needed, what there is and who
  // has it, where there is not as much left.
  absl::StatusOr<std::shared_ptr<Share>> Take(const std::string& owner,
                                              int64_t bytes);

  int64_t used() const;

 private:
  absl::Status ChangeLocked(Share::Entry* entry, int64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string LargestLocked(const Share::Entry* besides) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  const int64_t bytes_;
  mutable absl::Mutex mutex_;
  std::list<Share::Entry> shares_ ABSL_GUARDED_BY(mutex_);
  int64_t used_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace octet

#endif  // OCTET_SERVER_MODELS_MEMORY_BUDGET_H_
