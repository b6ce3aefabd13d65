// SPDX-License-Identifier: Apache-2.0
#include "server/models/memory_budget.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "engine/base/status_macros.h"

namespace octet {

MemoryBudget::Share::~Share() {
  absl::MutexLock lock(&budget_->mutex_);
  budget_->used_ -= entry_->bytes;
  budget_->shares_.erase(entry_);
}

absl::Status MemoryBudget::Share::Resize(int64_t bytes) {
  absl::MutexLock lock(&budget_->mutex_);
  return budget_->ChangeLocked(&*entry_, bytes);
}

absl::Status MemoryBudget::ChangeLocked(Share::Entry* entry, int64_t bytes) {
  const int64_t used_by_others = used_ - entry->bytes;
  // What gets smaller is never refused.
  if (bytes > entry->bytes && bytes > bytes_ - used_by_others) {
    const std::string others = LargestLocked(entry);
    return absl::ResourceExhaustedError(absl::StrCat(
        bytes, " bytes of memory are needed, but ", used_by_others, " of the ",
        bytes_, " that loaded models may take (--model-memory-bytes) are taken",
        others.empty() ? "" : ": ", others,
        "; unload a model or raise the budget"));
  }
  used_ = used_by_others + bytes;
  entry->bytes = bytes;
  return absl::OkStatus();
}

std::string MemoryBudget::LargestLocked(const Share::Entry* besides) const {
  constexpr size_t kMostNamed = 5;
  std::vector<const Share::Entry*> sorted;
  for (const Share::Entry& entry : shares_) {
    if (&entry != besides) sorted.push_back(&entry);
  }
  std::sort(sorted.begin(), sorted.end(),
            [](const auto* a, const auto* b) { return a->bytes > b->bytes; });
  std::vector<std::string> named;
  for (const Share::Entry* entry : sorted) {
    if (named.size() == kMostNamed) {
      named.push_back(absl::StrCat(sorted.size() - kMostNamed, " more"));
      break;
    }
    named.push_back(absl::StrCat(entry->owner, " ", entry->bytes));
  }
  return absl::StrJoin(named, ", ");
}

absl::StatusOr<std::shared_ptr<MemoryBudget::Share>> MemoryBudget::Take(
    const std::string& owner, int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  shares_.push_front({owner, 0});
  if (absl::Status status = ChangeLocked(&shares_.front(), bytes);
      !status.ok()) {
    shares_.pop_front();
    return status;
  }
  return std::shared_ptr<Share>(new Share(this, shares_.begin()));
}

int64_t MemoryBudget::used() const {
  absl::MutexLock lock(&mutex_);
  return used_;
}

}  // namespace octet
