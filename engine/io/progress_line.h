// SPDX-License-Identifier: Apache-2.0
#ifndef OCTET_ENGINE_IO_PROGRESS_LINE_H_
#define OCTET_ENGINE_IO_PROGRESS_LINE_H_

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace octet::io {

// Shows how far a long work is: on a terminal one line with a bar that is
// rewritten, with the time that the phase will still take as it went so far;
// elsewhere one line for each phase.
//
// Thread-compatible.
class ProgressLine {
 public:
  // `stream` must outlive this. `now` tells the time.
  ProgressLine(std::ostream* stream, bool is_terminal,
               std::function<absl::Time()> now = absl::Now)
      : stream_(*stream), is_terminal_(is_terminal), now_(std::move(now)) {}

  // Ends the line that is being rewritten.
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `done` of `total` units of `phase` are done; a `total` of 0 is unknown.
  void Update(const std::string& phase, int64_t done, int64_t total);

 private:
  std::string TimeLeft(int64_t done, int64_t total) const;

  std::ostream& stream_;
  const bool is_terminal_;
  const std::function<absl::Time()> now_;
  std::string phase_;         // the one shown last
  absl::Time phase_started_;  // when it was shown first
  int64_t first_done_ = 0;    // what was done then
  bool line_open_ = false;
};

}  // namespace octet::io

#endif  // OCTET_ENGINE_IO_PROGRESS_LINE_H_
