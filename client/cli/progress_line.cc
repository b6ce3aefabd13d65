// SPDX-License-Identifier: Apache-2.0
#include "client/cli/progress_line.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace octet::cli {
namespace {

constexpr int64_t kBarColumns = 30;

std::string Count(int64_t done, int64_t total) {
  return total > 0 ? absl::StrCat(done, " of ", total) : absl::StrCat(done);
}

std::string Bar(int64_t done, int64_t total) {
  const int64_t full =
      total > 0
          ? std::clamp<int64_t>(done * kBarColumns / total, 0, kBarColumns)
          : 0;
  return absl::StrCat("[", std::string(full, '#'),
                      std::string(kBarColumns - full, '.'), "]");
}

}  // namespace

ProgressLine::~ProgressLine() {
  if (line_open_) stream_ << "\n";
}

void ProgressLine::Update(const std::string& phase, int64_t done,
                          int64_t total) {
  const bool new_phase = phase != phase_;
  phase_ = phase;
  if (is_terminal_) {
    if (line_open_ && new_phase) stream_ << "\n";
    // The escape clears what a longer line left behind.
    stream_ << absl::StreamFormat("\r%-10s %s %s\x1b[K", phase,
                                  Bar(done, total), Count(done, total))
            << std::flush;
    line_open_ = true;
  } else if (new_phase) {
    stream_ << phase << ": " << Count(done, total) << "\n";
  }
}

}  // namespace octet::cli
