// SPDX-License-Identifier: Apache-2.0
#include "engine/io/progress_line.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace octet::io {
namespace {

constexpr int64_t kBarColumns = 30;
// Before that a guess would only flicker.
constexpr absl::Duration kGuessAfter = absl::Seconds(1);

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

std::string ProgressLine::TimeLeft(int64_t done, int64_t total) const {
  const absl::Duration spent = now_() - phase_started_;
  if (spent < kGuessAfter || done <= first_done_ || done >= total) return "";
  const absl::Duration left = spent * static_cast<double>(total - done) /
                              static_cast<double>(done - first_done_);
  return absl::StrCat(
      ", ", absl::FormatDuration(absl::Ceil(left, absl::Seconds(1))), " left");
}

void ProgressLine::Update(const std::string& phase, int64_t done,
                          int64_t total) {
  const bool new_phase = phase != phase_;
  if (new_phase) {
    phase_started_ = now_();
    first_done_ = done;
  }
  phase_ = phase;
  if (is_terminal_) {
    if (line_open_ && new_phase) stream_ << "\n";
    // The escape clears what a longer line left behind.
    stream_ << absl::StreamFormat("\r%-14s %s %s%s\x1b[K", phase,
                                  Bar(done, total), Count(done, total),
                                  TimeLeft(done, total))
            << std::flush;
    line_open_ = true;
  } else if (new_phase) {
    stream_ << phase << ": " << Count(done, total) << "\n";
  }
}

}  // namespace octet::io
