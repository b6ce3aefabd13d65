// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_SERVER_JOBS_BYTE_CHUNKS_H_
#define OCTET_SERVER_JOBS_BYTE_CHUNKS_H_

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace octet {

// Bytes that arrive bit by bit, kept so that growing never needs the memory
// twice. Thread-compatible.
class ByteChunks {
 public:
  void Append(absl::string_view bytes) {
    if (bytes.empty()) return;
    // Small ones share a chunk, or their book-keeping would outgrow them.
    constexpr size_t kSmall = size_t{1} << 20;
    if (!chunks_.empty() && chunks_.back().size() < kSmall) {
      chunks_.back().append(bytes.data(), bytes.size());
    } else {
      chunks_.emplace_back(bytes);
    }
    size_ += bytes.size();
  }

  size_t size() const { return size_; }

  // Copies the size() bytes to `to`, and frees them as it goes.
  void MoveTo(void* to) {
    auto* next = static_cast<char*>(to);
    for (std::string& chunk : chunks_) {
      std::memcpy(next, chunk.data(), chunk.size());
      next += chunk.size();
      chunk = std::string();
    }
    chunks_.clear();
    size_ = 0;
  }

 private:
  std::vector<std::string> chunks_;
  size_t size_ = 0;
};

}  // namespace octet

#endif  // OCTET_SERVER_JOBS_BYTE_CHUNKS_H_
